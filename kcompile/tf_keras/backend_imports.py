"""What ``keras.backend`` of Keras 2.0 to 2.3 had besides its functions: TensorFlow, and those of its modules
which it imported, under the names that it gave them. Programs say ``K.tf.log(x)``.
"""

from __future__ import annotations

from typing import Any

from ..keras import backend as K
from . import python_modules
from .tensorflow.namespace import root

#: A name there -> the private module of TensorFlow.
_MODULES = {
    "context": "eager.context",
    "control_flow_ops": "ops.control_flow_ops",
    "device_lib": "client.device_lib",
    "functional_ops": "ops.functional_ops",
    "image_ops": "ops.image_ops",
    "math_ops": "ops.math_ops",
    "moving_averages": "training.moving_averages",
    "tensor_array_ops": "ops.tensor_array_ops",
    "tf_image_ops": "ops.image_ops",
    "tf_ops": "framework.ops",
    "variable_scope": "ops.variable_scope",
}


def _get_available_gpus() -> list[str]:
    return [device.name for device in root().config.list_logical_devices("GPU")]


def _to_tensor(x: Any, dtype: Any) -> Any:
    return root().convert_to_tensor(x, dtype)


def imported(name: str) -> Any:
    """What ``keras.backend`` had imported under a name, and private functions of it that programs call.

    Raises:
        AttributeError: for other names.
    """
    if name == "tf":
        return root()
    if name == "tf_keras_backend":
        return K
    if name in ("_get_available_gpus", "_to_tensor"):
        return globals()[name]
    if name == "_EPSILON":
        return K.epsilon()
    if name not in _MODULES:
        raise AttributeError(f"module 'keras.backend' has no attribute {name!r}")
    found: Any = python_modules
    for part in _MODULES[name].split("."):
        found = getattr(found, part)
    return found
