"""Tensors of bfloat16, the upper half of a float32: numpy has no such type, onnxruntime has."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

NAME = "tensor(bfloat16)"
"""What onnxruntime calls it."""
BFLOAT16 = np.dtype([("bfloat16", "<u2")])
"""Its elements as they lie in memory: a type of its own, which no other array has."""
_ONNX_TYPE = 16


def to_float32(array: np.ndarray) -> np.ndarray:
    """Elements of BFLOAT16 as float32, which holds each of them."""
    # numpy 1 makes scalars of arrays without axes
    return np.asarray(np.left_shift(array.view(np.uint16), 16, dtype=np.uint32)).view(np.float32)


def from_float32(array: np.ndarray) -> np.ndarray:
    """Numbers as BFLOAT16: the nearest, of two that are as near the even one."""
    numbers = np.asarray(array, np.float32, order="C")
    bits = numbers.view(np.uint32)
    rounded = bits + (0x7FFF + (bits >> 16 & 1))
    upper = np.where(np.isnan(numbers), bits | 0x400000, rounded) >> 16  # a NaN must not become infinite
    return np.asarray(upper, np.uint16).view(BFLOAT16)


def accepted(array: np.ndarray) -> np.ndarray | None:
    """An array of numbers, or of the bfloat16 of another package, as BFLOAT16; None for others."""
    if array.dtype.kind in "fiub":
        return from_float32(array)
    if array.dtype.kind == "V" and array.dtype.name == "bfloat16":
        return array.view(BFLOAT16)
    return None


def runner(session: Any) -> Callable[..., list[Any]]:
    """``session.run`` for a model with such tensors: it takes BFLOAT16, and gives float32 for it.

    Args:
        session: an onnxruntime.InferenceSession.
    """

    def run(names: Sequence[str], feed: Mapping[str, Any], options: Any) -> list[Any]:
        values = {name: _value(value) for name, value in feed.items()}
        return [_array(value) for value in session.run_with_ort_values(names, values, options)]

    return run


def _value(value: Any) -> Any:
    from onnxruntime import OrtValue

    if not isinstance(value, np.ndarray):
        return value
    array = np.asarray(value, order="C")
    if array.dtype != BFLOAT16:
        return OrtValue.ortvalue_from_numpy(array)
    if not hasattr(OrtValue, "ortvalue_from_numpy_with_onnx_type"):
        raise RuntimeError("inputs of bfloat16 need onnxruntime 1.20 or newer: pip install -U onnxruntime")
    return OrtValue.ortvalue_from_numpy_with_onnx_type(array.view(np.uint16), _ONNX_TYPE)


def _array(value: Any) -> Any:
    if value.data_type() != NAME:
        return value.numpy()
    shape = tuple(value.shape())
    size = 2 * int(np.prod(shape, dtype=np.int64))
    held: Any = (ctypes.c_uint8 * size).from_address(value.data_ptr()) if size else b""
    return to_float32(np.frombuffer(held, BFLOAT16).reshape(shape))
