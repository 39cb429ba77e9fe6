"""Element types as the functions of networks take them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Signature, signature
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


def graph_dtype(dtype: str) -> str:
    """What is computed in this type, is in this one: in graphs float32 for bfloat16, which many of ONNX's
    operators do not take."""
    return "float32" if dtype == "bfloat16" and is_tracing() else dtype


def activation(function: Callable[..., Value]) -> Callable[..., Any]:
    """A function of floating numbers, element by element or along an axis, as one of the backend."""

    @wraps(function)
    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        return of_graph_dtype(function)(floating(x), *args, **kwargs)

    # Keras holds it to a signature of its own, which says no types
    untyped = [p.replace(annotation=p.empty) for p in signature(function).parameters.values()]
    call.__signature__ = Signature(untyped)  # type: ignore[attr-defined]
    return operation(call)


def of_graph_dtype(function: Callable[..., Value]) -> Callable[..., Value]:
    """A function of values in ``graph_dtype``, with a result in the type of the first of them."""

    @wraps(function)
    def call(x: Value, *args: Any, **kwargs: Any) -> Value:
        dtype = dtype_of(x)
        if graph_dtype(dtype) == dtype:
            return function(x, *args, **kwargs)
        wide = [as_value(v, "float32") if isinstance(v, Value) else v for v in (x, *args)]
        return K.cast(function(*wide, **kwargs), dtype)

    return call
