"""Class numbers as vectors, and cross-entropies."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras.src.backend.common import standardize_dtype
from keras.src.backend.config import epsilon, floatx

from kcompile.ir import Value, op
from kcompile.keras import backend as K
from kcompile.keras.backend import losses

from ..tensors import as_value, dtype_of, operation, publish
from .types import floating


@operation
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """1 along a new axis at the class number, 0 elsewhere; all 0 for numbers that are no class.

    Raises:
        ValueError: for ``sparse=True``: there are no sparse tensors here.
    """
    _check_dense(sparse)
    return _encoded(as_value(x, "int64"), num_classes, axis, dtype)


def _check_dense(sparse: bool) -> None:
    if sparse:
        raise ValueError("Unsupported value `sparse=True` with the kcompile backend")


def _encoded(x: Value, num_classes: int, axis: int, dtype: Any) -> Value:
    count = len(x.shape or ())
    axis = axis if axis >= 0 else axis + count + 1
    classes = np.arange(num_classes, dtype=np.int64).reshape([-1] + [1] * (count - axis))
    return K.cast(op.Equal(op.Unsqueeze(x, [axis]), classes), standardize_dtype(dtype or floatx()))


@operation
def multi_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """1 at each of the class numbers along the last axis, 0 elsewhere."""
    _check_dense(sparse)
    x = as_value(x, "int64")
    found = K.max(_encoded(x, num_classes, axis, "int32"), axis=1 if len(x.shape or ()) > 1 else 0)
    return K.cast(found, dtype or floatx())


@operation
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """Cross-entropy of ``output`` with ``target`` probabilities, summed over ``axis``.

    Raises:
        ValueError: if the shapes differ, or are of no axes.
    """
    output = floating(output)
    target = as_value(target, dtype_of(output))
    _check_same_shape(target.shape, output.shape, target, output, "must have the same shape")
    if not output.shape:
        raise ValueError(_refused(target, output, "must be at least rank 1"))
    return losses.categorical_crossentropy(target, output, from_logits, axis)


@operation
def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """Cross-entropy of ``output`` with class numbers.

    Raises:
        ValueError: if the shape of ``target`` is not that of ``output`` without ``axis``.
    """
    output, target = floating(output), as_value(target, "int64")
    if not output.shape:
        raise ValueError(f"Argument `output` must be at least rank 1. Received: output.shape={output.shape}")
    if len(target.shape) == len(output.shape) and target.shape[axis] == 1:
        target = op.Squeeze(target, [axis % len(output.shape)])
    wanted = list(output.shape)
    del wanted[axis]
    _check_same_shape(
        target.shape, wanted, target, output, "must have the same shape up until the last dimension"
    )
    return losses.sparse_categorical_crossentropy(target, output, from_logits, axis)


@operation
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """Cross-entropy of probabilities of single yes-or-no questions, element by element.

    Raises:
        ValueError: if the shapes differ.
    """
    output = floating(output)
    target = as_value(target, dtype_of(output))
    _check_same_shape(target.shape, output.shape, target, output, "must have the same shape")
    logits = output if from_logits else losses.logits_of(output, "Sigmoid")
    if logits is not None:
        return losses.binary_crossentropy(target, logits, from_logits=True)
    output = K.clip(output, epsilon(), 1.0 - epsilon())
    return op.Neg(op.Add(target * op.Log(output), (1.0 - target) * op.Log(1.0 - output)))


def _check_same_shape(found: Any, wanted: Any, target: Value, output: Value, what: str) -> None:
    differ = len(found) != len(wanted) or any(
        isinstance(m, int) and isinstance(n, int) and m != n for m, n in zip(found, wanted, strict=True)
    )
    if differ:
        raise ValueError(_refused(target, output, what))


def _refused(target: Value, output: Value, what: str) -> str:
    return (
        f"Arguments `target` and `output` {what}. Received: "
        f"target.shape={target.shape}, output.shape={output.shape}"
    )


publish(globals())
