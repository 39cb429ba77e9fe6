"""The module of Keras 2.3 that TensorBoard is defined in for TensorFlow 2."""

from ..legacy.old_names import answer_old_names
from .base import Callback
from .tensorboard import TensorBoard

__all__ = ["Callback", "TensorBoard"]

answer_old_names(__name__)
