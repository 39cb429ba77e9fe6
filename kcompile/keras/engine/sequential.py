"""The path of Keras 2 to Sequential; the code is in ``training.sequential``."""

from ..legacy.old_names import answer_old_names
from ..training.sequential import Sequential as Sequential

answer_old_names(__name__, code="training.sequential")
