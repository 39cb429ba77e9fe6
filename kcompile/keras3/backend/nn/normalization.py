"""Means and variances, and what is normalised by them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kcompile.ir import Depends, EagerTensor, Parameter, Value, depends, op
from kcompile.keras import backend as K
from kcompile.keras.backend.tensors import dims_of, filled, known_shape, shape_vector

from ..tensors import as_value, differ, dtype_of, operation, publish
from .types import floating, of_one_type

_MOMENTS = "_moments_of"
"""Under this key the annotations of a mean and a variance have what they were computed of, and the axes."""


@operation
def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> Any:
    """Mean and variance over some axes; those of float16 are computed in float32.

    Raises:
        NotImplementedError: for ``synchronized=True``.
    """
    if synchronized:
        raise NotImplementedError("Argument synchronized=True is not supported with kcompile.")
    x = floating(x)
    given, dtype = x, dtype_of(x)
    axes = [axes] if isinstance(axes, int) else [int(axis) for axis in axes]
    if dtype == "float16":
        x = K.cast(x, "float32")
    mean = K.mean(x, axis=axes, keepdims=True)
    centred = op.Sub(x, mean)
    variance = K.mean(op.Mul(centred, centred), axis=axes, keepdims=True)
    if not keepdims:
        mean, variance = (
            op.Squeeze(m, sorted(a % len(x.shape or ()) for a in axes)) for m in (mean, variance)
        )
    if dtype == "float16":
        largest = float(np.finfo(np.float16).max)
        mean, variance = (K.cast(K.clip(m, -largest, largest), dtype) for m in (mean, variance))
    for moment in (mean, variance):
        moment.annotations[_MOMENTS] = given, axes
    return mean, variance


@operation
def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> Any:
    """``scale * (x - mean) / sqrt(variance + epsilon) + offset``, one number of each along ``axis``.

    One operator where the statistics are weights, or those of the batch itself.
    """
    given = [x, mean, variance, *(v for v in (offset, scale) if v is not None)]
    x, mean, variance, *others = of_one_type(*given)
    offset = None if offset is None else others.pop(0)
    scale = None if scale is None else others.pop(0)
    count = len(x.shape or ())
    axis %= count
    if _are_moments(x, axis, given[1], given[2]):
        reduced = [i for i in range(count) if i != axis]
        return K.normalize_batch_in_training(x, scale, offset, reduced, epsilon)[0]
    if count > 1 and all(_is_fixed(m) for m in (mean, variance)):
        return K.batch_normalization(x, mean, variance, offset, scale, axis, epsilon)
    shape = [-1 if i == axis else 1 for i in range(count)]
    factor = op.Div(1.0, op.Sqrt(variance + epsilon))
    factor = factor if scale is None else factor * scale
    y = op.Mul(x - op.Reshape(mean, shape), op.Reshape(factor, shape))
    return y if offset is None else y + op.Reshape(offset, shape)


def _are_moments(x: Value, axis: int, mean: Any, variance: Any) -> bool:
    """Whether these are the moments of ``x`` over all other axes."""
    if dtype_of(x) != "float32" or not isinstance((x.shape or ())[axis], int) or axis == 0:
        return False
    wanted = set(range(len(x.shape or ()))) - {axis}
    for moment in (mean, variance):
        of, axes = getattr(moment, "annotations", {}).get(_MOMENTS, (None, ()))
        if of is not x or {a % len(x.shape or ()) for a in axes} != wanted or len(moment.shape or ()) != 1:
            return False
    return True


def _is_fixed(moment: Value) -> bool:
    """Whether no gradient flows through a mean or a variance: that of a batch has one, a weight's none."""
    if isinstance(moment, EagerTensor):
        return not moment.tensor.requires_grad
    if isinstance(moment, Parameter):
        return not moment.trainable
    return depends(moment) is not Depends.ON_INPUTS and not _reads_trained(moment)


def _reads_trained(value: Value) -> bool:
    inputs: Sequence[Any] = () if value.node is None else value.node.inputs
    return any(
        x is not None and (x.trainable if isinstance(x, Parameter) else _reads_trained(x)) for x in inputs
    )


@operation
def layer_normalization(x: Any, gamma: Any, beta: Any, axis: Sequence[int], epsilon: float) -> Any:
    """``gamma * (x - mean) / sqrt(variance + epsilon) + beta``, the moments over ``axis`` of each sample.

    Args:
        gamma, beta: of the sizes of these axes, in their order; None for 1 and 0.
    """
    x = floating(x)
    count = len(known_shape(x))
    axes = sorted(a % count for a in axis)
    order = [*(i for i in range(count) if i not in axes), *axes]
    moved = x if order == list(range(count)) else op.Transpose(x, perm=order)
    first = count - len(axes)
    sizes = shape_vector(dims_of(moved)[first:])
    given = [None if v is None else op.Reshape(as_value(v, dtype_of(x)), sizes) for v in (gamma, beta)]
    scale = filled(1.0, sizes, x.dtype) if given[0] is None else given[0]
    y = op.LayerNormalization(moved, scale, given[1], axis=first, epsilon=float(epsilon))
    return y if moved is x else op.Transpose(y, perm=[int(i) for i in np.argsort(order)])


@operation
def psnr(x1: Any, x2: Any, max_val: Any) -> Any:
    """Peak signal-to-noise ratio in decibels.

    Raises:
        ValueError: if the shapes differ.
    """
    x1, x2 = of_one_type(x1, x2)
    if differ(x1.shape, x2.shape):
        raise ValueError(f"Input shapes {x1.shape} and {x2.shape} must match for PSNR calculation. ")
    x1, x2 = floating(x1), floating(x2)
    error = K.mean(K.square(x1 - x2))
    peak = K.square(as_value(max_val, dtype_of(x1)))
    return op.Log(op.Div(peak, error)) * (10.0 / math.log(10.0))


publish(globals())
