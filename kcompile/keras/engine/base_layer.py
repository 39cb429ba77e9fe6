"""The path of Keras 2 to Layer; the code is in ``core.layer``."""

from ..core.input_spec import InputSpec
from ..core.layer import Layer
from ..core.node import Node
from ..legacy.old_names import answer_old_names

__all__ = ["InputSpec", "Layer", "Node"]

answer_old_names(__name__, code="core.layer")
