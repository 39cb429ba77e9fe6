"""``tf.math.reduce_sum``: the names of TensorFlow, found in the tables when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from ... import tf_keras
from ...ir import Value, name_scope
from ...keras import backend as K
from ...keras import data
from ...keras.utils.generic_utils import did_you_mean
from . import functions, tensors
from .dtypes import DTYPES, DType, as_dtype
from .gradient_tape import GradientTape
from .variables import Variable


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
        if found is None:
            raise AttributeError(f"tf.{path} is not here.{did_you_mean(path, known_names())}")
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        prefix = f"{self.__name__}.".removeprefix("tensorflow.")
        listed = {n.removeprefix(prefix).split(".")[0] for n in functions.names() if n.startswith(prefix)}
        return sorted(listed | set(self.__dict__))


@cache
def root() -> Namespace:
    """``tensorflow`` itself."""
    modules = {name for path in functions.names() if "." in path for name in [path.split(".")[0]]}
    spaces = {name: Namespace(f"tensorflow.{name}", {}) for name in modules if name.isidentifier()}
    return Namespace("tensorflow", {**spaces, **DTYPES, **_own()})


def known_names() -> list[str]:
    """All dotted names, for suggestions."""
    return sorted({*functions.names(), *vars(root())})


def _own() -> dict[str, Any]:
    return {
        "DType": DType,
        "GradientTape": GradientTape,
        "Tensor": Value,
        "TensorSpec": data.TensorSpec,
        "Variable": Variable,
        "as_dtype": as_dtype,
        "constant": tensors.constant,
        "convert_to_tensor": tensors.convert_to_tensor,
        "data": _module("tensorflow.data", data),
        "executing_eagerly": lambda: True,
        "function": function,
        "is_tensor": K.is_tensor,
        "keras": tf_keras,
        "name_scope": name_scope,
        "newaxis": None,
        "print": print,
    }


def _module(name: str, module: ModuleType) -> Namespace:
    """A module under TensorFlow's name, with those in it."""
    public = {key: getattr(module, key) for key in module.__all__}
    own = {
        key: _module(f"{name}.{key}", value) if isinstance(value, ModuleType) else value
        for key, value in public.items()
    }
    return Namespace(name, own)


def function(func: Callable[..., Any] | None = None, **options: Any) -> Any:
    """``tf.function``: the function as it is, which computes at once; options are accepted."""
    return (lambda f: f) if func is None else func
