"""The path of Keras 2 to Model; the code is in ``training.model``."""

from ..legacy.old_names import answer_old_names
from ..training.model import Model as Model

answer_old_names(__name__, code="training.model")
