"""Element types of results, by the rules of Keras 3.

Keras has the lattice of JAX: numbers of Python are weak, so that they take the type of a tensor beside
them. It narrows 64 bits to 32; where an operand has 64, the result keeps them here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from keras.src.backend.common import standardize_dtype
from keras.src.backend.config import floatx

from kcompile.ir import Constant, Value, as_dtype
from kcompile.keras import backend as K

from .tensors import as_value, is_tracing, joined_type

__all__ = [
    "as_type",
    "counting",
    "floating",
    "in_type",
    "is_wide_in_graphs",
    "numeric",
    "past_bfloat16",
    "promoted",
    "result_type",
    "type_of",
]


def type_of(x: Any) -> Any:
    """What an operand says of the type of a result: its own, or ``int`` and ``float`` of Python's numbers."""
    return x.dtype if isinstance(x, Value) else type(x)


def result_type(*types: Any) -> str:
    """The type of a result by the types of operands.

    Args:
        types: names, element types, or ``int`` and ``float`` for numbers of Python.
    """
    return joined_type(types, floatx())


@cache
def _dtype(name: str) -> np.dtype:
    return as_dtype(name)


def in_type(x: Any, name: str) -> Value:
    """A value or a number of Python as a value of that type."""
    if isinstance(x, Value):
        return x if x.dtype == _dtype(name) else K.cast(x, name)
    if isinstance(x, int | float):
        return Constant(np.asarray(x).astype(_dtype(name)))
    return as_value(x, name)


def as_type(x: Any, dtype: Any) -> Value:
    """What is given as a tensor, in a type if one is named."""
    x = as_value(x)
    return x if dtype is None else in_type(x, standardize_dtype(dtype))


def promoted(*xs: Any, also: tuple[Any, ...] = ()) -> list[Value]:
    """Operands in the type that their result has.

    Args:
        also: types that take part, such as ``float``.
    """
    given = [x if type(x) in (int, float) or isinstance(x, Value) else as_value(x) for x in xs]
    name = joined_type((*map(type_of, given), *also), floatx())
    return [in_type(x, name) for x in given]


def floating(x: Any) -> Value:
    """A tensor in the floating type that functions such as ``exp`` have of it."""
    x = as_value(x)
    return x if x.dtype.kind in "fcV" else in_type(x, result_type(x.dtype, float))


def is_wide_in_graphs(x: Value) -> bool:
    """Whether a value is computed in float32 while a step is traced: bfloat16, which half of ONNX's
    operators do not take."""
    return x.dtype == _dtype("bfloat16") and is_tracing()


def past_bfloat16(emit: Callable[..., Value]) -> Callable[..., Value]:
    """An operator that ONNX has not of bfloat16, in float32 while a step is traced."""

    def wide(*xs: Value) -> Value:
        if not is_wide_in_graphs(xs[0]):
            return emit(*xs)
        return in_type(emit(*(in_type(x, "float32") for x in xs)), "bfloat16")

    return wide


def counting(x: Any) -> Value:
    """A tensor in the type of its sums: truth values and narrow integers in 32 bits."""
    x = as_value(x)
    if x.dtype.kind in "bi" and x.dtype.itemsize < 4:
        return in_type(x, "int32")
    return in_type(x, "uint32") if x.dtype.kind == "u" and x.dtype.itemsize < 4 else x


def numeric(x: Any) -> Value:
    """A tensor, truth values as int32."""
    x = as_value(x)
    return in_type(x, "int32") if x.dtype.kind == "b" else x
