"""All layers, by the names that code imports and files hold."""

from __future__ import annotations

from .. import registry
from ..core.input_layer import Input as Input
from ..core.input_layer import InputLayer as InputLayer
from ..core.input_spec import InputSpec as InputSpec
from ..core.layer import Layer as Layer
from ..core.layer_configs import deserialize as deserialize
from ..core.layer_configs import serialize as serialize
from ..legacy.old_names import answer_old_names
from . import experimental as experimental
from .adaptive_pooling import *
from .additions import AddLoss as AddLoss
from .additions import AddMetric as AddMetric
from .advanced_activations import *
from .attention import *
from .convolutional.atrous import *
from .convolutional.convolutions import *
from .convolutional.resizing import *
from .convolutional.separable import *
from .convolutional.transposed import *
from .convolutional_recurrent import *
from .core import *
from .cudnn_recurrent import *
from .einsum_dense import *
from .embeddings import *
from .keras1 import *
from .layer_normalization import *
from .local import *
from .merge import *
from .multi_head_attention import *
from .noise import *
from .normalization import *
from .onnx_graph import *
from .pooling import *
from .preprocessing import *
from .random_fourier_features import *
from .recurrent import *
from .recurrent.cells import AbstractRNNCell as AbstractRNNCell
from .reversible_embedding import *
from .spectral_normalization import *
from .unavailable import *
from .wrappers import *

answer_old_names(__name__)
registry.register(globals())
_OTHERS = ("InputSpec", "deserialize", "serialize")
_PUBLIC = registry.publish(globals(), "AbstractRNNCell", "Input", "InputLayer", "Layer", *_OTHERS)
_IN_FILES = {*_PUBLIC, "AddLoss", "AddMetric"}.difference(_OTHERS)
registry.name("layer", {name: globals()[name] for name in _IN_FILES})
