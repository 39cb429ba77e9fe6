"""Lambda: any function of backend operations as a layer, and what a config says of the function."""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import backend as K
from .. import registry
from ..core.layer import Layer
from ..utils.generic_utils import deserialize_keras_object, func_dump, func_load, has_arg, registered_name
from ..utils.living import goes_itself
from .stored_functions import find_function


class _DumpedFunction(tuple):
    """(code, defaults, closure) as files hold them, with the living function beside it.

    A config that never left the process (``from_config(get_config())``, clone_model) gives the function back
    without running bytecode. JSON, YAML and pickle keep the tuple only.
    """

    function: Callable[..., Any]

    def __new__(cls, function: Callable[..., Any]) -> _DumpedFunction:
        made = super().__new__(cls, func_dump(function))
        made.function = function
        return made

    def __reduce__(self) -> Any:
        return tuple, (tuple(self),)

    def __deepcopy__(self, memo: Any) -> _DumpedFunction:
        return self


class Lambda(Layer):
    """Applies a function written with the backend: it trains and exports like any layer.

    Args:
        function: takes the input (a tensor or a list of them), optionally ``mask``, and the ``arguments``.
        output_shape: tuple without the batch axis, or a function of the input shape; None infers it.
        mask: None for no mask, a tensor, or a function of (inputs, mask) that makes it.
        arguments: dict of keyword arguments of the function.

    Input and output: whatever the function takes and returns.

    A file holds a Python function as bytecode, which is not loaded unless ``safe_mode=False`` says that its
    author is trusted; functions that a file names are looked up in custom_objects. A function under
    ``register_keras_serializable`` is written as its name.

    Raises:
        TypeError: if ``function`` is none, or ``output_shape`` neither a tuple, a list nor a
            function.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Lambda: function must be callable, found {function!r}.")
        self.function = function
        self.arguments = dict(arguments) if arguments else {}
        self.supports_masking = mask is not None
        self.mask = mask
        if (
            output_shape is not None
            and not callable(output_shape)
            and not isinstance(output_shape, tuple | list)
        ):
            raise TypeError(
                f"In Lambda, `output_shape` must be a list, a tuple, or a function; found {output_shape!r}."
            )
        self._output_shape = tuple(output_shape) if isinstance(output_shape, list) else output_shape

    def call(self, inputs: Any, mask: Any = None) -> Any:
        arguments = dict(self.arguments)
        if has_arg(self.function, "mask"):
            arguments["mask"] = mask
        return self.function(inputs, **arguments)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if not callable(self._output_shape):
            batch = input_shape[0][0] if isinstance(input_shape, list) else input_shape[0]
            return (batch, *self._output_shape)
        shape = self._output_shape(input_shape)
        if not isinstance(shape, list | tuple):
            raise ValueError(
                f"Layer {self.name}: `output_shape` function must return a tuple or a list of tuples, found "
                f"{shape!r}."
            )
        return (
            shape
            if isinstance(shape, list) and any(isinstance(s, list | tuple) for s in shape)
            else tuple(shape)
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        function, function_type = _described(self.function)
        output_shape, output_shape_type = self._output_shape, "raw"
        if callable(self._output_shape):
            output_shape, output_shape_type = _described(self._output_shape)
        mask = {"mask": self.mask} if goes_itself(self.mask) else {}  # which files of Keras 2 do not have
        return {
            **super().get_config(),
            **mask,
            "function": function,
            "function_type": function_type,
            "output_shape": output_shape,
            "output_shape_type": output_shape_type,
            "arguments": self.arguments,
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Lambda:
        """A layer from its config.

        Raises:
            ValueError: for bytecode in safe mode, or a function that custom_objects does not name.
        """
        config = dict(config)
        config.pop("module", None), config.pop("output_shape_module", None)  # never imported by name
        custom_objects = dict(custom_objects or {})
        function_type = config.pop("function_type", "function")
        config["function"] = _found(config["function"], function_type, custom_objects, "function")
        output_shape_type = config.pop("output_shape_type", "raw")
        if output_shape_type != "raw":
            shape = config.get("output_shape")
            config["output_shape"] = _found(shape, output_shape_type, custom_objects, "output_shape function")
        elif isinstance(config.get("output_shape"), list):
            config["output_shape"] = tuple(config["output_shape"])
        config["arguments"] = {k: _argument(v) for k, v in (config.get("arguments") or {}).items()}
        return cls(**config)


def _described(function: Callable[..., Any]) -> tuple[Any, str]:
    """What the config says of a function, and its type: the name of a registered one, else bytecode; itself
    where the config stays in Python."""
    if goes_itself(function, own=True):
        return function, "function"
    registered = registered_name(function)
    if registered is not None:
        return registered, "function"
    if isinstance(function, types.FunctionType):
        return _DumpedFunction(function), "lambda"
    return getattr(function, "__name__", type(function).__name__), "function"


def _found(function: Any, kind: str, custom_objects: dict[str, Any], what: str) -> Callable[..., Any]:
    """The function that a config describes."""
    if isinstance(function, _DumpedFunction):
        return function.function
    if (
        isinstance(function, Mapping) and function.get("class_name") == "__lambda__"
    ):  # as Keras 3 writes bytecode
        inner = function.get("config") or {}
        function, kind = [inner.get("code"), inner.get("defaults"), inner.get("closure")], "lambda"
    if kind == "lambda":
        return find_function(function) or func_load(function, globs=_names(custom_objects))
    if kind == "function":
        return deserialize_keras_object(
            function, custom_objects=custom_objects, printable_module_name=f"{what} in Lambda layer"
        )
    raise TypeError(f"Unknown {what} type of a Lambda layer: {kind!r}; expected 'function' or 'lambda'.")


def _names(custom_objects: dict[str, Any]) -> dict[str, Any]:
    """The global names that a function from a file sees."""
    return {
        "__builtins__": builtins,
        "np": np,
        "numpy": np,
        "K": K,
        "backend": K,
        "keras": sys.modules[registry.__package__],
        **custom_objects,
    }


def _argument(value: Any) -> Any:
    """An argument from a config: arrays are kept as ``{"type": "ndarray", "value": ...}``."""
    if isinstance(value, Mapping) and value.get("type") == "ndarray":
        return np.array(value["value"])
    return value


registry.register(globals())
