"""``kcompile run``: programs of TensorFlow import what is here by every name that they use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

#: Statements of which each makes ``found`` the class Dense.
IMPORTS = [
    "from tensorflow.keras.layers import Dense as found",
    "from tensorflow.keras.layers import *; found = Dense",
    "from tensorflow.keras import layers; found = layers.Dense",
    "from tensorflow import keras; found = keras.layers.Dense",
    "import tensorflow as tf; found = tf.keras.layers.Dense",
    "import tensorflow.keras as keras; found = keras.layers.Dense",
    "import tensorflow.keras.layers as layers; found = layers.Dense",
    "import tensorflow.keras; found = tensorflow.keras.layers.Dense",
    "from tensorflow.python.keras.layers import Dense as found",
    "from tensorflow.python.keras.layers.core import Dense as found",
    "from tensorflow.python import keras; found = keras.layers.Dense",
    "import tf_keras; found = tf_keras.layers.Dense",
    "from tf_keras.layers import Dense as found",
    "from keras.src.layers import Dense as found",
    "from keras.layers.core import Dense as found",
    "import importlib; found = importlib.import_module('tensorflow.keras.layers').Dense",
]


def run(tmp_path: Path, text: str) -> str:
    """What a script prints under ``kcompile run``."""
    script = tmp_path / "script.py"
    script.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "kcompile", "run", str(script)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_way_to_import_a_layer_gives_the_same_class(tmp_path):
    lines = [f"{statement}\nassert found is Dense, {statement!r}" for statement in IMPORTS]
    run(tmp_path, "from kcompile.keras.layers import Dense\n" + "\n".join(lines))


@pytest.mark.parametrize("statement", IMPORTS)
def test_each_way_to_import_is_enough_by_itself(statement):
    code = f"from kcompile.cli import aliasing\naliasing.install()\n{statement}\nprint(found.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "Dense\n", done.stderr


def test_modules_of_tensorflow_are_modules_to_import_statements(tmp_path):
    run(
        tmp_path,
        """
import tensorflow as tf
import tensorflow.image
import tensorflow.math as math
from tensorflow.nn import relu
from tensorflow.keras import backend as K
from tensorflow.python.keras import backend
assert tensorflow.image is tf.image and math is tf.math and relu is tf.nn.relu
assert K is backend is tf.keras.backend
""",
    )


#: What older packages import of TensorFlow's private modules -> what that is in ``tf``.
PRIVATE = {
    "from tensorflow.python.ops.custom_gradient import custom_gradient as found": "tf.custom_gradient",
    "from tensorflow.python.ops import array_ops; found = array_ops.where_v2": "tf.where",
    "from tensorflow.python.ops import math_ops; found = math_ops.reduce_mean": "tf.math.reduce_mean",
    "from tensorflow.python.ops import nn_ops as nn; found = nn.softmax": "tf.nn.softmax",
    "from tensorflow.python.ops.random_ops import random_shuffle as found": "tf.random.shuffle",
    "from tensorflow.python.ops.init_ops import Zeros as found": "tf.keras.initializers.Zeros",
    "from tensorflow.python.ops.init_ops_v2 import he_normal as found": "tf.keras.initializers.he_normal",
    "from tensorflow.python.ops.lookup_ops import StaticHashTable as found": "tf.lookup.StaticHashTable",
    "from tensorflow.python.ops.linalg.sparse import sparse; found = sparse.SparseTensor": "tf.SparseTensor",
    "import tensorflow.python.ops.state_ops as s; found = s.assign": "tf.compat.v1.assign",
    "from tensorflow.python.ops import tensor_array_ops as t; found = t.TensorArray": "tf.TensorArray",
    "from tensorflow.python.ops import control_flow_ops; found = control_flow_ops.cond": "tf.cond",
    "from tensorflow.python.framework import ops; found = ops.convert_to_tensor": "tf.convert_to_tensor",
    "from tensorflow.python.framework.ops import Tensor as found": "tf.Tensor",
    "from tensorflow.python.framework import dtypes; found = dtypes.float32": "tf.float32",
    "from tensorflow.python.framework.tensor_shape import TensorShape as found": "tf.TensorShape",
    "from tensorflow.python.framework.tensor_util import is_tensor as found": "tf.is_tensor",
    "from tensorflow.python.util import nest; found = nest.flatten": "tf.nest.flatten",
    "from tensorflow.python.platform import tf_logging; found = tf_logging.info": "tf.compat.v1.logging.info",
    "from tensorflow.python.eager import context; found = context.executing_eagerly": "tf.executing_eagerly",
    "from tensorflow.python.client import device_lib; found = device_lib.list_local_devices":
        "tf.config.list_logical_devices",
}  # fmt: skip


def test_private_modules_give_what_is_public(tmp_path):
    lines = [f"{statement}\nassert found is {name}, {statement!r}" for statement, name in PRIVATE.items()]
    text = """
from tensorflow.python.framework.smart_cond import smart_cond
from tensorflow.python.training.moving_averages import assign_moving_average
from tensorflow.python.util.tf_export import keras_export
assert smart_cond(True, lambda: 1, lambda: 2) == 1 and smart_cond(tf.constant(0), None, lambda: 2) == 2
v = tf.Variable(1.0)
assign_moving_average(v, 3.0, 0.75)
assert float(v) == 1.5 and keras_export("keras.x")(3) == 3
try:
    from tensorflow.python.ops.math_ops import no_name
except ImportError as error:
    print("no_name" in str(error))
"""
    assert run(tmp_path, "import tensorflow as tf\n" + "\n".join(lines) + text) == "True\n"


#: What packages import of private modules of later Kerases -> what that is in ``tf.keras``.
LATER = {
    "from tensorflow.python.keras.engine.input_spec import InputSpec as found": "layers.InputSpec",
    "from keras.engine.functional import Functional as found": "Model",
    "from keras.layers.rnn import LSTM as found": "layers.LSTM",
    "from tensorflow.python.keras.layers.recurrent_v2 import GRU as found": "layers.GRU",
    "from tensorflow.python.keras.layers import normalization_v2 as n; found = n.BatchNormalization":
        "layers.BatchNormalization",
    "from keras.optimizer_v2.optimizer_v2 import OptimizerV2 as found": "optimizers.Optimizer",
    "from keras.optimizers.optimizer_v2.adam import Adam as found": "optimizers.Adam",
    "from keras.optimizers.optimizer_v2.learning_rate_schedule import ExponentialDecay as found":
        "optimizers.schedules.ExponentialDecay",
    "from tensorflow.keras.experimental import CosineDecay as found": "optimizers.schedules.CosineDecay",
    "found = tf.keras.experimental.CosineDecay": "optimizers.schedules.CosineDecay",
    "from keras.saving.object_registration import register_keras_serializable as found":
        "saving.register_keras_serializable",
    "from tensorflow.python.keras import backend_config; found = backend_config.epsilon": "backend.epsilon",
    "from tensorflow.keras.mixed_precision import policy; found = policy.Policy": "mixed_precision.Policy",
    "from keras.src.utils import tf_utils; found = tf_utils.is_tensor_or_variable": "backend.is_tensor",
}  # fmt: skip


def test_private_modules_of_later_kerases_give_what_is_public(tmp_path):
    lines = [
        f"{statement}\nassert found is tf.keras.{name}, {statement!r}" for statement, name in LATER.items()
    ]
    assert run(tmp_path, "import tensorflow as tf\n" + "\n".join([*lines, "print(3)"])) == "3\n"


def test_programs_can_look_for_modules_and_versions(tmp_path):
    printed = run(
        tmp_path,
        """
import importlib.metadata, importlib.util
found = importlib.util.find_spec
print([found(name) is not None for name in ("tensorflow", "tensorflow.keras.layers", "tensorflow.math")])
print(found("tensorflow.no_such_module"), found("tensorflow.keras.no_such_module"))
print(importlib.metadata.version("tensorflow"), importlib.metadata.version("keras"))
import numpy, tensorflow as tf
print(tf.__version__, tf.__name__, tf.keras.__version__)
assert importlib.metadata.version("numpy") == numpy.__version__
""",
    )
    assert printed.splitlines() == [
        "[True, True, True]",
        "None None",
        "2.15.0 2.3.1",
        "2.15.0 tensorflow 2.15.0",
    ]


def test_what_is_not_here_is_a_plain_import_error(tmp_path):
    printed = run(
        tmp_path,
        """
for statement in ("import tensorflow.no_module", "from tensorflow import no_name",
                  "from tensorflow.keras.layers import NoLayer"):
    try:
        exec(statement)
    except ImportError as error:
        print(type(error).__name__, str(error).partition(" (")[0])
""",
    )
    assert printed.splitlines() == [
        "ModuleNotFoundError No module named 'tensorflow.no_module'",
        "ImportError cannot import name 'no_name' from 'tensorflow'",
        "ImportError cannot import name 'NoLayer' from 'kcompile.keras.layers'",
    ]


def test_classes_are_pickled_by_the_names_they_have_here(tmp_path):
    run(
        tmp_path,
        """
import pickle
from tensorflow.keras.layers import Dense
assert pickle.loads(pickle.dumps(Dense)) is Dense
""",
    )


def test_another_tensorflow_beside_the_script_is_not_taken(tmp_path):
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text("raise SystemExit('the wrong tensorflow')\n")
    assert run(tmp_path, "import tensorflow\nprint(tensorflow.__spec__.name)\n") == (
        "kcompile.tf_keras.tensorflow\n"
    )


@pytest.mark.parametrize("package", ["tensorflow", "tf_keras", "tensorflow.keras"])
def test_spawned_workers_import_it_too(package, tmp_path):
    printed = run(
        tmp_path,
        f"""
import importlib, multiprocessing
import {package} as package

def name(_):
    return package.__spec__.name

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map_async(name, [0]).get(60) == [name(0)])
""",
    )
    assert printed == "True\n"


def test_model_optimization_is_imported_in_all_its_ways(tmp_path):
    run(
        tmp_path,
        """
import importlib.metadata
import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.sparsity import keras as sparsity
from tensorflow_model_optimization.sparsity.keras import prune_low_magnitude
from tensorflow_model_optimization.python.core.sparsity.keras import prune, pruning_callbacks
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_wrapper import PruneLowMagnitude
from tensorflow_model_optimization.python.core.quantization.keras.quantizers import LastValueQuantizer
from tensorflow_model_optimization.quantization.keras import quantizers
import tensorflow_model_optimization.clustering.keras.experimental as clustering
from keras.quantization import quantize_model

assert tfmot.sparsity.keras is sparsity and sparsity.prune_low_magnitude is prune_low_magnitude
assert prune.prune_low_magnitude is prune_low_magnitude and PruneLowMagnitude.__name__ == "PruneLowMagnitude"
assert pruning_callbacks.UpdatePruningStep is sparsity.UpdatePruningStep
assert quantizers.LastValueQuantizer is LastValueQuantizer
assert clustering.cluster_weights is tfmot.clustering.keras.cluster_weights
assert tfmot.quantization.keras.quantize_model is quantize_model
assert importlib.metadata.version("tensorflow-model-optimization") == tfmot.__version__ == "0.8.0"
""",
    )


def test_addons_and_names_of_numpy_1_are_there(tmp_path):
    run(
        tmp_path,
        """
import numpy as np
import tensorflow_addons as tfa
from tensorflow_addons.optimizers import AdamW

assert tfa.optimizers.AdamW is AdamW
assert np.Inf == np.inf and np.NINF == -np.inf and np.float is float and np.float_ is np.float64
assert np.product([2, 3]) == 6 and np.in1d([[1, 2]], [2]).tolist() == [False, True]
assert np.asscalar(np.array([3])) == 3 and np.float32 in np.sctypes["float"]
assert np.find_common_type([np.float32], [np.int64, np.float64]) == np.float32
assert np.find_common_type([np.int8, np.int32], [np.float32]) == np.float32
assert np.trapz([1, 2]) == 1.5 and np.asfarray([1]).dtype == float and np.msort([2, 1]).tolist() == [1, 2]
""",
    )
