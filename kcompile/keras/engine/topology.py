"""The engine's older module path: ``from keras.engine.topology import Layer``."""

from ..legacy.old_names import answer_old_names
from .base_layer import InputSpec, Layer, Node
from .input_layer import Input, InputLayer
from .network import Network
from .training import Model as Container

__all__ = ["Container", "Input", "InputLayer", "InputSpec", "Layer", "Network", "Node"]

answer_old_names(__name__)
