"""The path of Keras 2 to Input; the code is in ``core.input_layer``."""

from ..core.input_layer import Input, InputLayer
from ..legacy.old_names import answer_old_names

__all__ = ["Input", "InputLayer"]

answer_old_names(__name__, code="core.input_layer")
