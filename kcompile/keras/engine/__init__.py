"""The engine: layers, the DAG they form, models, and the loops that train them.

base_layer (Layer), node (one call of a layer), input_layer, network (a DAG as a layer), layer_graph (finding,
ordering and describing the DAG), sequential, training (Model), compilation (loss and metrics as values),
steps (the compiled functions), training_data, feeds, batches and training_loops (from arrays, generators and
loaders to steps), saving (Model <-> Archive).
"""

from ..utils.layer_utils import get_source_inputs
from .base_layer import InputSpec, Layer, Node
from .input_layer import Input, InputLayer
from .network import Network
from .sequential import Sequential
from .training import Model

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
