"""Reductions, and the position of the largest and smallest element."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ._common import Ints, ints


def _axes(data: Tensor, axes: Ints | None, noop: int) -> tuple[int, ...]:
    """The axes to reduce; empty for none, which torch's reductions would take for all."""
    axes = () if axes is None else ints(axes)
    return axes if axes or noop else tuple(range(data.dim()))


def ReduceSum(
    data: Tensor, axes: Ints | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensor:
    reduced = _axes(data, axes, noop_with_empty_axes)
    return torch.sum(data, reduced, bool(keepdims), dtype=data.dtype) if reduced else data


def ReduceMean(
    data: Tensor, axes: Ints | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensor:
    reduced = _axes(data, axes, noop_with_empty_axes)
    if not reduced:
        return data
    if data.is_floating_point():
        return torch.mean(data, reduced, bool(keepdims))
    count = math.prod(data.shape[axis] for axis in reduced)
    total = torch.sum(data, reduced, bool(keepdims))
    return torch.div(total, count, rounding_mode="trunc").to(data.dtype)


def ReduceMax(
    data: Tensor, axes: Ints | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensor:
    return _extreme(torch.amax, data, _axes(data, axes, noop_with_empty_axes), keepdims, largest=False)


def ReduceMin(
    data: Tensor, axes: Ints | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensor:
    return _extreme(torch.amin, data, _axes(data, axes, noop_with_empty_axes), keepdims, largest=True)


def _extreme(
    function: Callable[..., Tensor], data: Tensor, axes: tuple[int, ...], keepdims: int, largest: bool
) -> Tensor:
    """amax or amin, with the smallest or largest number of the type as the result over nothing."""
    if not axes:
        return data
    if all(data.shape[axis] for axis in axes):
        return function(data, axes, bool(keepdims))
    if data.is_floating_point():
        neutral = math.inf if largest else -math.inf
    elif data.dtype == torch.bool:
        neutral = largest
    else:
        neutral = torch.iinfo(data.dtype).max if largest else torch.iinfo(data.dtype).min
    return torch.full_like(torch.sum(data, axes, bool(keepdims), dtype=data.dtype), neutral)


def ReduceProd(
    data: Tensor, axes: Ints | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensor:
    reduced = sorted((axis % data.dim() for axis in _axes(data, axes, noop_with_empty_axes)), reverse=True)
    for axis in reduced:
        data = torch.prod(data, axis, bool(keepdims), dtype=data.dtype)
    return data


def ReduceL1(
    data: Tensor, axes: Ints | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensor:
    return ReduceSum(data.abs(), axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)


def ReduceSumSquare(
    data: Tensor, axes: Ints | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensor:
    return ReduceSum(data * data, axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)


def ReduceL2(
    data: Tensor, axes: Ints | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensor:
    if data.is_floating_point() and (reduced := _axes(data, axes, noop_with_empty_axes)):
        return torch.linalg.vector_norm(
            data, 2, reduced, bool(keepdims)
        )  # its gradient at zero is zero, not NaN
    squares = ReduceSumSquare(
        data.double(), axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes
    )
    return squares.sqrt().to(data.dtype)


def ReduceLogSum(
    data: Tensor, axes: Ints | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensor:
    total = ReduceSum(data, axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)
    return torch.log(total).to(data.dtype)


def ReduceLogSumExp(
    data: Tensor, axes: Ints | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensor:
    reduced = _axes(data, axes, noop_with_empty_axes)
    return torch.logsumexp(data, reduced, bool(keepdims)).to(data.dtype) if reduced else data


def ArgMax(data: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    return _arg(torch.argmax, data, axis, keepdims, select_last_index)


def ArgMin(data: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    return _arg(torch.argmin, data, axis, keepdims, select_last_index)


def _arg(function: Callable[..., Tensor], data: Tensor, axis: int, keepdims: int, last: int) -> Tensor:
    """torch returns the first of equals; the last one is the first of the flipped axis."""
    if last:
        return data.shape[axis] - 1 - function(data.flip(axis), axis, bool(keepdims))
    return function(data, axis, bool(keepdims))
