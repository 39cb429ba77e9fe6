"""``keras.ops.math``: segments, what is largest, special functions; ``spectra`` has the transforms."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import torch

from kcompile.ir import Value, op
from kcompile.keras import backend as K
from kcompile.keras.backend.tensors import known_shape
from kcompile.keras.operations import keras_ops
from kcompile.keras.operations import tensorflow as arithmetic
from kcompile.keras.operations.tensorflow_segments import _scattered

from .promotion import floating, in_type, promoted
from .spectra import (
    _get_complex_tensor_from_tuple as _get_complex_tensor_from_tuple,
)
from .spectra import extract_sequences, fft, fft2, ifft2, irfft, istft, rfft, stft
from .tensors import as_torch, as_value, differ, is_tracing, operation

__all__ = [
    "cdist",
    "erf",
    "erfc",
    "erfinv",
    "extract_sequences",
    "fft",
    "fft2",
    "ifft2",
    "in_top_k",
    "irfft",
    "istft",
    "logdet",
    "logsumexp",
    "rfft",
    "rsqrt",
    "segment_max",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "stft",
    "top_k",
]


# --- segments -----------------------------------------------------------------------------------------------


def _segments(data: Any, segment_ids: Any, num_segments: Any, reduction: str, start: Any) -> Value:
    """Entries of one number put together; those of a number out of range go nowhere."""
    data, ids = as_value(data), as_value(segment_ids, "int64")
    if num_segments is not None:
        ids = op.Where(op.Less(ids, np.int64(num_segments)), ids, np.int64(-1))
    return _scattered(data, ids, num_segments, reduction, start)


def _limit(data: Any, largest: bool) -> Any:
    """What any number of a type is less than, or greater than."""
    kind = as_value(data).dtype
    if kind.kind in "iu":
        return np.iinfo(kind).max if largest else np.iinfo(kind).min
    return np.inf if largest else -np.inf


@operation
def segment_sum(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Value:
    """The sums of the entries of each segment; 0 of none."""
    return _segments(data, segment_ids, num_segments, "add", 0)


@operation
def segment_prod(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Value:
    """The products of the entries of each segment; 1 of none."""
    return _segments(data, segment_ids, num_segments, "mul", 1)


@operation
def segment_max(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Value:
    """The largest entry of each segment; the least number of the type, or -inf, of none."""
    return _segments(data, segment_ids, num_segments, "max", _limit(data, largest=False))


@operation
def segment_min(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Value:
    """The least entry of each segment; the largest number of the type, or inf, of none."""
    return _segments(data, segment_ids, num_segments, "min", _limit(data, largest=True))


# --- what is largest ----------------------------------------------------------------------------------------


@operation
def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Value, Value]:
    """The k largest along the last axis, and where they are (int32)."""
    values, indices = op.TopK(as_value(x), [int(k)], axis=-1, sorted=int(sorted))
    return values, K.cast(indices, "int32")


@operation
def in_top_k(targets: Any, predictions: Any, k: int) -> Value:
    """Whether fewer than k predictions (rows, classes) are above that of the target; NaN is above all."""
    targets, predictions = as_value(targets, "int64"), as_value(predictions)
    given = op.GatherElements(predictions, op.Unsqueeze(targets, [-1]), axis=-1)
    above = op.Not(op.LessOrEqual(predictions, given))
    return op.Less(op.ReduceSum(K.cast(above, "int32"), [-1], keepdims=0), np.int32(k))


@operation
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
    """``log(sum(exp(x)))`` along axes, all by default."""
    return K.logsumexp(floating(x), axis=axis, keepdims=builtins.bool(keepdims))


@operation
def cdist(x: Any, y: Any) -> Value:
    """Euclidean distances (..., rows of x, rows of y) of rows (..., rows, features).

    Raises:
        ValueError: for fewer than two axes, or another number of features.
    """
    x, y = promoted(x, y, also=(float,))
    if x.rank < 2 or y.rank < 2:
        raise ValueError("`cdist` inputs must have rank >= 2")
    if differ(known_shape(x)[-1:], known_shape(y)[-1:]):
        raise ValueError("Last dimension of inputs to `cdist` must match")
    found: Value = keras_ops.cdist(x, y)
    return found


# --- special functions --------------------------------------------------------------------------------------


@operation
def rsqrt(x: Any) -> Value:
    """``1 / sqrt(x)``."""
    return op.Reciprocal(op.Sqrt(floating(x)))


@operation
def erf(x: Any) -> Value:
    """The error function."""
    return op.Erf(floating(x))


@operation
def erfc(x: Any) -> Value:
    """``1 - erf(x)``."""
    found: Value = arithmetic.erfc(floating(x))
    return found


@operation
def erfinv(x: Any) -> Value:
    """What ``erf`` undoes; inf at 1."""
    x = floating(x)
    is_half = x.dtype.itemsize < 4
    return in_type(arithmetic.erfinv(in_type(x, "float32") if is_half else x), x.dtype.name)


def logdet(x: Any) -> Any:
    """The logarithm of the determinant of matrices (..., n, n)."""
    return _traced_logdet(x) if is_tracing() else torch.logdet(as_torch(x))


@operation
def _traced_logdet(x: Any) -> Value:
    return op.Log(op.Det(floating(x)))
