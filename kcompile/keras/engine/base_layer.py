"""The path of Keras 2 to Layer; the code is in ``core.layer``."""

from ..core.input_spec import InputSpec as InputSpec
from ..core.layer import Layer as Layer
from ..core.node import Node as Node
from ..legacy.old_names import answer_old_names

answer_old_names(__name__, code="core.layer")
