"""Element types as the functions of networks take them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from keras.src.backend.common.dtypes import result_type
from keras.src.backend.config import floatx

from kcompile.ir import Value
from kcompile.keras import backend as K

from ..tensors import as_value, dtype_of, is_tracing, operation


def is_floating(x: Value) -> bool:
    """Whether a value has numbers with a fraction, in one of any size."""
    return "float" in dtype_of(x)


def floating(x: Any) -> Value:
    """``x`` as a value, whole numbers and truth values in the type that Keras calls ``floatx``."""
    x = as_value(x)
    return x if is_floating(x) else K.cast(x, floatx())


def of_one_type(*xs: Any) -> list[Value]:
    """Values in the type that Keras gives a computation with all of them."""
    values = [as_value(x) for x in xs]
    wanted = result_type(*(dtype_of(x) for x in values))
    return [x if dtype_of(x) == wanted else K.cast(x, wanted) for x in values]


def activation(function: Callable[..., Value]) -> Callable[..., Any]:
    """A function of floating numbers, element by element or along an axis, as one of the backend.

    While a step is traced, bfloat16 is computed in float32: half of ONNX's operators do not take it.
    """

    @wraps(function)
    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        x = floating(x)
        if is_tracing() and dtype_of(x) == "bfloat16":
            return K.cast(function(K.cast(x, "float32"), *args, **kwargs), "bfloat16")
        return function(x, *args, **kwargs)

    return operation(call)
