"""Element types: numpy dtypes inside, ONNX ``TensorProto.DataType`` at the border."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import onnx
from onnx import helper

DTypeLike = Any


def as_dtype(dtype: DTypeLike) -> np.dtype:
    """The numpy dtype for a name (``"float32"``, ``"bfloat16"``, ``"string"``), a dtype or a scalar type."""
    if isinstance(dtype, np.dtype):
        return dtype
    if isinstance(dtype, str):
        return _from_name(dtype)
    return np.dtype(dtype)


@cache
def _from_name(name: str) -> np.dtype:
    if name == "string":
        return np.dtype(object)
    try:
        return np.dtype(name)
    except TypeError:
        # bfloat16 and the float8 family: numpy knows them through onnx only (float8_e4m3fn, FLOAT8E4M3FN)
        known = onnx.TensorProto.DataType.keys()
        if (key := name.replace("_", "").upper()) not in known or key == "UNDEFINED":
            raise TypeError(f"{name!r} is not the name of an element type") from None
        return np.dtype(helper.tensor_dtype_to_np_dtype(onnx.TensorProto.DataType.Value(key)))


@cache
def to_onnx(dtype: np.dtype) -> int:
    """The ``TensorProto.DataType`` of a numpy dtype."""
    return int(helper.np_dtype_to_tensor_dtype(dtype))


@cache
def from_onnx(elem_type: int) -> np.dtype:
    """The numpy dtype of a ``TensorProto.DataType``; strings are ``object`` arrays.

    Raises:
        ValueError: for a number that is none, as in a damaged file.
    """
    if elem_type == onnx.TensorProto.STRING:
        return np.dtype(object)
    if elem_type == onnx.TensorProto.UNDEFINED or elem_type not in onnx.TensorProto.DataType.values():
        raise ValueError(f"{elem_type} is not the number of an element type of ONNX.")
    return np.dtype(helper.tensor_dtype_to_np_dtype(elem_type))


@cache
def from_type_str(type_str: str) -> np.dtype | None:
    """The dtype that a formal parameter such as ``tensor(int64)`` fixes; None for a type variable."""
    if not (type_str.startswith("tensor(") and type_str.endswith(")")):
        return None
    name = {"float": "float32", "double": "float64"}.get(type_str[7:-1], type_str[7:-1])
    return as_dtype(name)
