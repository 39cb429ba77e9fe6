"""The engine's older module path: ``from keras.engine.topology import Layer``."""

from ..core.input_layer import Input, InputLayer
from ..core.input_spec import InputSpec
from ..core.layer import Layer
from ..core.network import Network
from ..core.node import Node
from ..legacy.old_names import answer_old_names
from ..training.model import Model as Container

__all__ = ["Container", "Input", "InputLayer", "InputSpec", "Layer", "Network", "Node"]

answer_old_names(__name__)
