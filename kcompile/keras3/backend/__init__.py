"""The backend as Keras imports it: ``keras.src.backend.kcompile``.

Tensors are PyTorch's when they are computed at once, and values of the IR while a step is traced. Each
function is written once, over ONNX's operators.
"""

from inspect import unwrap
from types import FunctionType, ModuleType

from . import core as core
from . import image as image
from . import linalg as linalg
from . import math as math
from . import nn as nn
from . import numpy as numpy
from . import random as random
from .core import (
    IS_THREAD_SAFE,
    SUPPORTS_COMPLEX_DTYPES,
    SUPPORTS_RAGGED_TENSORS,
    SUPPORTS_SPARSE_TENSORS,
    Variable,
    cast,
    compute_output_spec,
    cond,
    convert_to_numpy,
    convert_to_tensor,
    device_scope,
    is_tensor,
    random_seed_dtype,
    scatter,
    shape,
    stop_gradient,
    to_torch_dtype,
    vectorized_map,
)
from .naming import name_scope
from .rnn import bidirectional_gru, bidirectional_lstm, cudnn_ok, gru, lstm, rnn

__all__ = [
    "IS_THREAD_SAFE",
    "SUPPORTS_COMPLEX_DTYPES",
    "SUPPORTS_RAGGED_TENSORS",
    "SUPPORTS_SPARSE_TENSORS",
    "Variable",
    "bidirectional_gru",
    "bidirectional_lstm",
    "cast",
    "compute_output_spec",
    "cond",
    "convert_to_numpy",
    "convert_to_tensor",
    "core",
    "cudnn_ok",
    "device_scope",
    "gru",
    "image",
    "is_tensor",
    "linalg",
    "lstm",
    "math",
    "name_scope",
    "nn",
    "numpy",
    "random",
    "random_seed_dtype",
    "rnn",
    "scatter",
    "shape",
    "stop_gradient",
    "to_torch_dtype",
    "vectorized_map",
]


def _without_types(module: ModuleType) -> None:
    """Keras holds the signatures of a backend's functions to those of its own, which say no types."""
    for function in vars(module).values():
        if isinstance(function, FunctionType):
            innermost = unwrap(function)
            if innermost.__module__.startswith(__name__):
                innermost.__annotations__ = {}


for _module in (core, image, linalg, math, nn, numpy):
    _without_types(_module)
