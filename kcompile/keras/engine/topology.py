"""The engine's older module path: ``from keras.engine.topology import Layer``."""

from .base_layer import InputSpec, Layer, Node
from .input_layer import Input, InputLayer
from .network import Network
from .training import Model as Container

__all__ = ["Container", "Input", "InputLayer", "InputSpec", "Layer", "Network", "Node"]
