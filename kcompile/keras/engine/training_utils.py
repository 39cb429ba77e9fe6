"""The path of Keras 2 to the parts of fit; the code is in ``training.training_utils``."""

from ..legacy.old_names import answer_old_names
from ..training.training_utils import *  # noqa: F403

answer_old_names(__name__, code="training.training_utils")
