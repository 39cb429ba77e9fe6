"""Every operation by name, from all modules that define some."""

from __future__ import annotations

from . import keras_ops
from . import keras_ops_networks as keras_ops_networks
from . import spectra as spectra
from . import tensorflow as tf_operations
from . import tensorflow_images as tensorflow_images
from . import tensorflow_segments as tensorflow_segments
from .table import OPERATIONS, Operation
from .tensorflow_names import TF_FUNCTIONS

OPERATIONS.update(keras_ops.ROWS)

#: Operations by name: those of Keras 3, and under ``tf.`` functions of TensorFlow that are none of them.
ROWS: dict[str, Operation] = {**OPERATIONS, **tf_operations.rows()}

#: The function of TensorFlow that stands for an operation of Keras 3: the first where there are several.
TF_NAMES: dict[str, str] = {operation: name for name, (operation, _) in reversed(TF_FUNCTIONS.items())} | {
    "Abs": "math.abs",
    "Amax": "math.reduce_max",
    "Amin": "math.reduce_min",
}
