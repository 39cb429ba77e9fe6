"""``tf.math.reduce_sum``: the names of TensorFlow, found in modules and tables when they are asked for."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

from ... import keras, tf_keras
from ...ir import Value, name_scope
from ...keras import backend as K
from ...keras import data
from ...keras.utils.generic_utils import did_you_mean
from ..modules import MODULES
from ..modules.v1 import OLD_NAMES
from . import functions, tensors
from .dtypes import DTYPES, DType, as_dtype
from .gradient_tape import GradientTape
from .traced_functions import function
from .variables import Variable

#: Under these are the names of ``tf`` once more, after what is their own.
_AGAIN = ("compat.v1", "compat.v2")


class Namespace(ModuleType):
    """One of TensorFlow's modules.

    Args:
        name: ``"tensorflow.math"``.
        own: what is not in the tables of functions, by name.
    """

    def __init__(self, name: str, own: dict[str, Any]) -> None:
        super().__init__(name)
        self.__dict__.update(own)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        path = f"{self.__name__}.{name}".removeprefix("tensorflow.")
        found: Any = functions.function_of(path)
        if found is None and path.startswith(_AGAIN):
            name_there = ".".join(path.split(".")[2:])
            found = _looked_up(OLD_NAMES.get(name_there, name_there))
        if found is None:
            near = did_you_mean(path, known_names())
            raise AttributeError(
                f"tf.{path} is not here.{near} docs/tensorflow.md lists what there is of TensorFlow; what "
                "else a program needs may be said by tf.math, keras.ops or NumPy."
            )
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        prefix = f"{self.__name__}.".removeprefix("tensorflow.")
        listed = {n.removeprefix(prefix).split(".")[0] for n in known_names() if n.startswith(prefix)}
        return sorted(listed | {name for name in self.__dict__ if not name.startswith("_")})


def _looked_up(path: str) -> Any:
    """What ``tf`` has under a dotted name; None if nothing."""
    found: Any = root()
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


@cache
def root() -> Namespace:
    """``tensorflow`` itself."""
    return _namespace("", _own())


def _namespace(path: str, own: dict[str, Any]) -> Namespace:
    """A module of TensorFlow with those below it."""
    prefix = f"{path}." if path else ""
    below = sorted(
        {n.removeprefix(prefix).split(".")[0] for n in _modules() if n.startswith(prefix) and n != path}
    )
    spaces = {name: _namespace(f"{prefix}{name}", {}) for name in below if name.isidentifier()}
    return Namespace(f"tensorflow.{path}".rstrip("."), {**spaces, **MODULES.get(path, {}), **own})


def _modules() -> set[str]:
    """The dotted names of all of TensorFlow's modules that have something here."""
    named = {path.rpartition(".")[0] for path in functions.names()} | set(MODULES) | set(_AGAIN)
    return {".".join(path.split(".")[:i]) for path in named for i in range(1, path.count(".") + 2)} - {""}


@cache
def known_names() -> list[str]:
    """All dotted names."""
    modules = [f"{path}.{name}".lstrip(".") for path, own in MODULES.items() for name in own]
    return sorted({*functions.names(), *modules, *_own()})


def own_names() -> list[str]:
    """What ``tf`` itself has beside functions and modules."""
    return sorted(_own())


def _own() -> dict[str, Any]:
    return {
        **DTYPES,
        "DType": DType,
        "GradientTape": GradientTape,
        "Tensor": Value,
        "TensorSpec": data.TensorSpec,
        "Variable": Variable,
        "as_dtype": as_dtype,
        "constant": tensors.constant,
        "convert_to_tensor": tensors.convert_to_tensor,
        "data": _module("tensorflow.data", data),
        "constant_initializer": keras.initializers.Constant,
        "executing_eagerly": lambda: True,
        "function": function,
        "initializers": keras.initializers,
        "is_tensor": K.is_tensor,
        "keras": tf_keras,
        "losses": keras.losses,
        "metrics": keras.metrics,
        "name_scope": name_scope,
        "newaxis": None,
        "ones_initializer": keras.initializers.Ones,
        "optimizers": keras.optimizers,
        "print": print,
        "random_normal_initializer": keras.initializers.RandomNormal,
        "random_uniform_initializer": keras.initializers.RandomUniform,
        "zeros_initializer": keras.initializers.Zeros,
    }


def _module(name: str, module: ModuleType) -> Namespace:
    """A module under TensorFlow's name, with those in it."""
    public = {key: getattr(module, key) for key in module.__all__}
    own = {
        key: _module(f"{name}.{key}", value) if isinstance(value, ModuleType) else value
        for key, value in public.items()
    }
    return Namespace(name, own)
