"""Utilities: custom objects, arrays, data readers, summaries and plots of models."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import conv_utils, data_utils, generic_utils, io_utils, multi_gpu_utils, np_utils
from .data_utils import GeneratorEnqueuer, OrderedEnqueuer, Sequence, get_file
from .generic_utils import (
    CustomObjectScope,
    Progbar,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    register_keras_serializable,
    serialize_keras_object,
)
from .io_utils import H5Dict, HDF5Matrix
from .layer_utils import convert_all_kernels_in_model, get_source_inputs, print_summary
from .multi_gpu_utils import multi_gpu_model
from .np_utils import normalize, to_categorical
from .rng_utils import set_random_seed
from .vis_utils import model_to_dot, plot_model

if TYPE_CHECKING:
    from . import losses_utils as losses_utils
    from . import metrics_utils as metrics_utils

# These build on the backend, which itself uses this package: they are imported when first asked for.
_ON_DEMAND = ("losses_utils", "metrics_utils")

__all__ = [
    "CustomObjectScope",
    "GeneratorEnqueuer",
    "H5Dict",
    "HDF5Matrix",
    "OrderedEnqueuer",
    "Progbar",
    "Sequence",
    "conv_utils",
    "convert_all_kernels_in_model",
    "custom_object_scope",
    "data_utils",
    "deserialize_keras_object",
    "generic_utils",
    "get_custom_objects",
    "get_file",
    "get_source_inputs",
    "io_utils",
    "losses_utils",
    "metrics_utils",
    "model_to_dot",
    "multi_gpu_model",
    "multi_gpu_utils",
    "normalize",
    "np_utils",
    "plot_model",
    "print_summary",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "to_categorical",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _ON_DEMAND:
            return importlib.import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
