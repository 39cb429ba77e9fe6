"""The Keras API, module for module as Keras 2.3 lays it out, over kcompile's IR.

Modules are imported when first used, so that ``from kcompile import keras`` is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcompile_runtime.lazy_packages import attach

from .version import __version__ as __version__

if TYPE_CHECKING:
    from . import activations as activations
    from . import applications as applications
    from . import backend as backend
    from . import callbacks as callbacks
    from . import clustering as clustering
    from . import constraints as constraints
    from . import datasets as datasets
    from . import engine as engine
    from . import initializers as initializers
    from . import layers as layers
    from . import legacy as legacy
    from . import losses as losses
    from . import metrics as metrics
    from . import mixed_precision as mixed_precision
    from . import models as models
    from . import ops as ops
    from . import optimizers as optimizers
    from . import preprocessing as preprocessing
    from . import quantization as quantization
    from . import random as random
    from . import regularizers as regularizers
    from . import saving as saving
    from . import sparsity as sparsity
    from . import utils as utils
    from . import wrappers as wrappers
    from .core.input_layer import Input as Input
    from .training.model import Model as Model
    from .training.sequential import Sequential as Sequential

_MODULES = {
    "activations",
    "applications",
    "backend",
    "callbacks",
    "clustering",
    "constraints",
    "datasets",
    "engine",
    "initializers",
    "layers",
    "legacy",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "quantization",
    "random",
    "regularizers",
    "saving",
    "sparsity",
    "utils",
    "wrappers",
}

attach(globals(), dict.fromkeys(["Input", "Model", "Sequential"], "models"), _MODULES)
