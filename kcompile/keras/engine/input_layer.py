"""The path of Keras 2 to Input; the code is in ``core.input_layer``."""

from ..core.input_layer import Input as Input
from ..core.input_layer import InputLayer as InputLayer
from ..legacy.old_names import answer_old_names

answer_old_names(__name__, code="core.input_layer")
