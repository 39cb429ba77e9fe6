"""``tensorflow.python.ops.math_ops`` and its like: TensorFlow's private modules, from which older packages
import what is public by now. Their names are looked up where ``tf`` has them.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from .. import keras
from ..keras import backend as K
from .tensorflow.namespace import root

__path__: list[str] = []

#: A private module -> where its names are in ``tf``; "" is ``tf`` itself.
_PLACES: dict[str, tuple[str, ...]] = {
    "client": (),
    "client.device_lib": (),
    "data.ops": ("data",),
    "data.ops.dataset_ops": ("data",),
    "distribute": ("distribute",),
    "eager": ("",),
    "eager.backprop": ("",),
    "eager.context": ("", "config"),
    "eager.def_function": ("",),
    "eager.tape": (),
    "framework": ("",),
    "framework.constant_op": ("",),
    "framework.dtypes": ("dtypes", ""),
    "framework.errors": ("errors",),
    "framework.errors_impl": ("errors",),
    "framework.ops": ("compat.v1",),
    "framework.random_seed": ("random",),
    "framework.smart_cond": (),
    "framework.sparse_tensor": ("sparse", ""),
    "framework.tensor_shape": ("compat.v1",),
    "framework.tensor_spec": ("",),
    "framework.tensor_util": ("",),
    "layers": (),
    "layers.utils": (),
    "lib": (),
    "lib.io": ("io",),
    "lib.io.file_io": ("io.gfile",),
    "ops": ("",),
    "ops.array_ops": ("", "linalg", "image"),
    "ops.bitwise_ops": ("bitwise",),
    "ops.check_ops": ("debugging",),
    "ops.clip_ops": ("",),
    "ops.control_flow_ops": ("compat.v1",),
    "ops.control_flow_util": ("compat.v1",),
    "ops.ctc_ops": ("nn", "keras.backend"),
    "ops.custom_gradient": ("",),
    "ops.data_flow_ops": ("",),
    "ops.embedding_ops": ("nn",),
    "ops.functional_ops": ("",),
    "ops.gen_array_ops": ("",),
    "ops.gen_math_ops": ("math", "linalg", ""),
    "ops.gen_nn_ops": ("nn", "math"),
    "ops.gen_sparse_ops": ("sparse",),
    "ops.gradients": ("compat.v1",),
    "ops.gradients_impl": ("compat.v1",),
    "ops.image_ops": ("image",),
    "ops.image_ops_impl": ("image",),
    "ops.init_ops": ("initializers", "compat.v1"),
    "ops.init_ops_v2": ("initializers", "compat.v1"),
    "ops.linalg": ("linalg",),
    "ops.linalg.linalg": ("linalg",),
    "ops.linalg.sparse": ("sparse",),
    "ops.linalg.sparse.sparse": ("sparse", ""),
    "ops.linalg_ops": ("linalg", ""),
    "ops.logging_ops": ("compat.v1",),
    "ops.lookup_ops": ("lookup",),
    "ops.map_fn": ("",),
    "ops.math_ops": ("math", "linalg", ""),
    "ops.metrics": ("compat.v1",),
    "ops.nn": ("nn",),
    "ops.nn_impl": ("nn", "math"),
    "ops.nn_ops": ("nn", "math", ""),
    "ops.numpy_ops": ("experimental.numpy",),
    "ops.parsing_ops": ("io",),
    "ops.ragged": ("ragged", ""),
    "ops.ragged.ragged_factory_ops": ("ragged",),
    "ops.ragged.ragged_tensor": ("ragged", ""),
    "ops.random_ops": ("random",),
    "ops.resource_variable_ops": ("",),
    "ops.signal": ("signal",),
    "ops.sparse_ops": ("sparse",),
    "ops.standard_ops": ("compat.v1",),
    "ops.state_ops": ("compat.v1",),
    "ops.stateless_random_ops": ("random",),
    "ops.string_ops": ("strings",),
    "ops.summary_ops_v2": ("summary",),
    "ops.tensor_array_ops": ("",),
    "ops.variable_scope": ("compat.v1",),
    "ops.variables": ("compat.v1",),
    "ops.while_loop": ("",),
    "platform": ("test",),
    "platform.gfile": ("io.gfile",),
    "platform.test": ("test",),
    "platform.tf_logging": ("compat.v1.logging",),
    "saved_model": ("saved_model",),
    "summary": ("summary",),
    "training": ("train", "compat.v1.train"),
    "training.moving_averages": (),
    "util": (),
    "util.nest": ("nest",),
    "util.tf_decorator": (),
    "util.tf_export": (),
    "util.tf_inspect": (),
}
#: What the private modules call otherwise.
_OTHERWISE = {
    "mul": "multiply",
    "sub": "subtract",
    "neg": "negative",
    "random_normal": "normal",
    "random_shuffle": "shuffle",
    "random_uniform": "uniform",
    "glorot_normal_initializer": "GlorotNormal",
    "glorot_uniform_initializer": "GlorotUniform",
    "he_normal": "HeNormal",
    "he_uniform": "HeUniform",
    "lecun_normal": "LecunNormal",
    "lecun_uniform": "LecunUniform",
    "sequence_like": "pack_sequence_as",
}


def smart_cond(
    pred: Any, true_fn: Callable[[], Any] | None = None, false_fn: Callable[[], Any] | None = None,
    name: Any = None,
) -> Any:  # fmt: skip
    """What one of two functions returns: called here where the condition is a number, else ``tf.cond``."""
    known = smart_constant_value(pred)
    if known is None:
        return root().cond(pred, true_fn, false_fn)
    function = true_fn if known else false_fn
    return None if function is None else function()


def smart_constant_value(pred: Any) -> bool | None:
    """The truth of a number; None of a symbolic tensor."""
    static = root().get_static_value(pred)
    return None if static is None else bool(static)


def assign_moving_average(
    variable: Any, value: Any, decay: Any, zero_debias: bool = True, name: Any = None
) -> Any:
    """Moves a variable towards a value, ``variable -= (variable - value) * (1 - decay)``; bias is left."""
    return variable.assign_sub((variable - value) * (1.0 - decay))


def _graph_mode_decorator(f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """What a function with a gradient of its own gives; see ``tf.custom_gradient``."""
    return root().custom_gradient(f)(*args, **kwargs)


def _exported(*names: str, **options: Any) -> Callable[[Any], Any]:
    """A decorator that changes nothing."""
    return lambda thing: thing


def _tf_inspect() -> dict[str, Any]:
    import inspect

    return {name: getattr(inspect, name) for name in ("getfullargspec", "isclass", "isfunction", "ismethod")}


#: What is in a private module alone.
_OWN: dict[str, Callable[[], dict[str, Any]]] = {
    "client.device_lib": lambda: {"list_local_devices": root().config.list_logical_devices},
    "eager.context": lambda: {"num_gpus": lambda: len(root().config.list_logical_devices("GPU"))},
    "framework.smart_cond": lambda: {"smart_cond": smart_cond, "smart_constant_value": smart_constant_value},
    "framework.tensor_util": lambda: {
        "constant_value": root().get_static_value,
        "is_tensor": K.is_tensor,
        "is_tf_type": K.is_tensor,
    },
    "layers.utils": lambda: {
        "constant_value": smart_constant_value,
        "normalize_tuple": keras.utils.conv_utils.normalize_tuple,
        "smart_cond": smart_cond,
    },
    "ops.custom_gradient": lambda: {"_graph_mode_decorator": _graph_mode_decorator},
    "training.moving_averages": lambda: {"assign_moving_average": assign_moving_average},
    "util.tf_export": lambda: {"keras_export": _exported, "tf_export": _exported},
    "util.tf_inspect": _tf_inspect,
}


class PrivateModule(ModuleType):
    """One of TensorFlow's private modules.

    Args:
        path: below ``tensorflow.python``.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"tensorflow.python.{path}")
        below = [name for name in _PLACES if name.rpartition(".")[0] == path]
        self.__dict__.update({name.rpartition(".")[2]: PrivateModule(name) for name in below})
        self.__dict__.update(_OWN.get(path, dict)())
        self.__dict__["_places"] = _PLACES.get(path, ())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        for wanted in dict.fromkeys((name, _OTHERWISE.get(name, name), name.removesuffix("_v2"))):
            for place in self.__dict__["_places"]:
                found = _at(place, wanted)
                if found is not None:
                    setattr(self, name, found)
                    return found
        raise AttributeError(
            f"{self.__name__}.{name} is not here: it is private to TensorFlow, and tf has no {name}. "
            "docs/tensorflow.md lists what there is of TensorFlow."
        )


def _at(place: str, name: str) -> Any:
    """What ``tf`` has under a name in a module; None if nothing."""
    found: Any = root()
    for part in [*filter(None, place.split(".")), name]:
        found = getattr(found, part, None)
    return found


_MODULES: dict[str, PrivateModule] = {}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if not _MODULES:
        tops = dict.fromkeys(path.partition(".")[0] for path in _PLACES)
        _MODULES.update({top: PrivateModule(top) for top in tops})
    return _MODULES[name] if name in _MODULES else getattr(root(), name)
