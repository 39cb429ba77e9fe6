"""``tf.math.reduce_sum``: the names of TensorFlow, found in modules and tables when they are asked for."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

from ... import keras, tf_keras
from ...ir import Value, name_scope
from ...keras import backend as K
from ...keras import data, rules
from ...keras.utils.generic_utils import did_you_mean
from ..modules import MODULES
from ..modules.v1 import READ_OTHERWISE
from . import functions, tensors
from .dtypes import DTYPES, DType, as_dtype
from .gradient_tape import GradientTape
from .old_names import has_form, in_form_of_version_1, is_module, name_of_today
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
        if path in READ_OTHERWISE and rules.of_process() is rules.KERAS_2:
            return READ_OTHERWISE[path]
        found: Any = None if has_form(path) else functions.function_of(path)
        if found is None:
            again = path.startswith(_AGAIN)
            path_there = ".".join(path.split(".")[2:]) if again else path
            found = _of_version_1(path_there)
            found = _looked_up(path_there) if found is None and again else found
        if found is None:
            near = did_you_mean(path, known_names())
            raise AttributeError(
                f"tf.{path} is not here.{near} docs/tensorflow.md lists what there is of TensorFlow; what "
                "else a program needs may be said by tf.math, keras.ops or NumPy."
            )
        if path not in READ_OTHERWISE:
            setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        prefix = f"{self.__name__}.".removeprefix("tensorflow.")
        listed = {n.removeprefix(prefix).split(".")[0] for n in known_names() if n.startswith(prefix)}
        return sorted(listed | {name for name in self.__dict__ if not name.startswith("_")})


class _Beside(ModuleType):
    """A module of Keras under ``tf``, with what version 1 had there: first in programs of Keras 2.3."""

    def __init__(self, module: ModuleType) -> None:
        super().__init__(module.__name__)
        self.__dict__["_module"] = module

    def __getattr__(self, name: str) -> Any:
        module: ModuleType = self.__dict__["_module"]
        if name.startswith("__"):
            return getattr(module, name)
        before = _of_version_1(f"{module.__name__.rpartition('.')[2]}.{name}")
        if before is not None and (rules.of_process() is rules.KERAS_2 or not hasattr(module, name)):
            return before
        return getattr(module, name)

    def __dir__(self) -> list[str]:
        return dir(self.__dict__["_module"])


def _of_version_1(path: str) -> Any:
    """What ``tf`` of version 1 has under a dotted name that has no meaning today; None if nothing."""
    home, _, name = path.rpartition(".")
    module = f"compat.v1.{home}".rstrip(".")
    if name in MODULES.get(module, ()):
        return MODULES[module][name]
    if f"compat.v1.{path}" in MODULES:
        return _looked_up(f"compat.v1.{path}")
    if is_module(path):
        return Namespace(f"tensorflow.{path}", {})
    today = name_of_today(path)
    found: Any = None if today is None else _looked_up(today)
    return None if found is None else in_form_of_version_1(path, found)


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
        "losses": _Beside(keras.losses),
        "metrics": _Beside(keras.metrics),
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
