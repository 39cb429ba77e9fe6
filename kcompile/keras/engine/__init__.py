"""The module paths of Keras 2's engine, for programs that import from them.

The code is in ``core`` (layers and the DAG they form), ``training`` (models and the loops that train them)
and ``saving`` (models to files and back).
"""

from ..core.input_layer import Input, InputLayer
from ..core.input_spec import InputSpec
from ..core.layer import Layer
from ..core.network import Network
from ..core.node import Node
from ..training.model import Model
from ..training.sequential import Sequential
from ..utils.layer_utils import get_source_inputs

__all__ = [
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "Model",
    "Network",
    "Node",
    "Sequential",
    "get_source_inputs",
]
