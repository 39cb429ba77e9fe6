"""Taking elements by their places, order, and counting."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from keras.src.backend.common.backend_utils import vectorize_impl

from kcompile.ir import Value, op
from kcompile.keras.backend.tensors import axis_index

from ..promotion import floating, in_type, is_wide_in_graphs, numeric, promoted, result_type
from ..tensors import NotTraceable, as_torch, as_value, eager_only, is_tracing, operation, publish
from .elementwise import number
from .reductions import axes_of, reduced
from .shapes import as_list, axis_of, numbers, rank_of


def places(x: Any) -> Value:
    """Indices in a type that ONNX takes."""
    x = as_value(x)
    return x if x.dtype.name in ("int32", "int64") else in_type(x, "int64")


@operation
def take(x: Any, indices: Any, axis: int | None = None) -> Value:
    """The entries along an axis at these places; negative ones count from the end."""
    x = as_value(x)
    if axis is None:
        return op.Gather(op.Reshape(x, [-1]), places(indices), axis=0)
    return op.Gather(x, places(indices), axis=axis_of(x, axis))


@operation
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Value:
    """The elements along an axis at places that differ by the other axes."""
    x, at = as_value(x), places(indices)
    if axis is None:
        return op.GatherElements(op.Reshape(x, [-1]), op.Reshape(at, [-1]), axis=0)
    along = axis_of(x, axis)
    x, at = (_spread(a, b, along) for a, b in ((x, at), (at, x)))
    return op.GatherElements(x, at, axis=along)


def _spread(a: Value, b: Value, axis: int) -> Value:
    """``a`` as large as ``b`` along the other axes, where it has size 1."""
    shape, other = a.shape or (), b.shape or ()
    if builtins.all(m == n or m != 1 for i, (m, n) in enumerate(zip(shape, other, strict=True)) if i != axis):
        return a
    sizes = [op.Shape(a if i == axis else b, start=i, end=i + 1) for i in range(len(shape))]
    return op.Expand(a, op.Max(op.Concat(*sizes, axis=0), np.ones(len(shape), np.int64)))


@operation
def nonzero(x: Any) -> Any:
    """The places of what is not 0, one vector of int32 for each axis."""
    x = as_value(x)
    found = in_type(op.NonZero(x), "int32")
    return tuple(op.Gather(found, np.int64(i), axis=0) for i in range(rank_of(x)))


@operation
def unravel_index(indices: Any, shape: Any) -> Any:
    """Places in a flat tensor as places along axes."""
    x = as_value(indices)
    kind, x = result_type(x.dtype), in_type(x, "int64")
    sizes = [int(n) for n in as_list(numbers(shape))]
    total = np.int64(math.prod(sizes))
    x = op.Where(op.Less(x, np.int64(0)), op.Add(x, total), x)
    found = []
    for i, size in enumerate(sizes):
        step = np.int64(math.prod(sizes[i + 1 :]))
        found.append(in_type(op.Mod(op.Div(x, step), np.int64(size)), kind))
    return tuple(found)


# --- order --------------------------------------------------------------------------------------------------


def ordered(x: Value, axis: int) -> tuple[Value, Value]:
    """The elements from the smallest on, and where they were."""
    at = axis_index(x, axis, "sort")
    wide = in_type(x, "float32") if is_wide_in_graphs(x) else x
    values, order = op.TopK(wide, op.Shape(x, start=at, end=at + 1), axis=at, largest=0, outputs=2)
    return in_type(values, x.dtype.name), order


@operation
def sort(x: Any, axis: int | None = -1) -> Value:
    """From the smallest on, along an axis or of all elements."""
    x = as_value(x)
    flat = op.Reshape(x, [-1]) if axis is None else x
    if rank_of(flat) == 0:
        return flat
    return in_type(ordered(numeric(flat), -1 if axis is None else axis)[0], x.dtype.name)


@operation
def argsort(x: Any, axis: int | None = -1) -> Value:
    """The places from that of the smallest on, as int32; equals in their order."""
    x = numeric(x)
    x = op.Reshape(x, [-1]) if axis is None or rank_of(x) == 0 else x
    return in_type(ordered(x, -1 if axis is None else axis)[1], "int32")


@operation
def argpartition(x: Any, kth: int, axis: int | None = -1) -> Value:
    """Places so that those of the ``kth + 1`` smallest come first, as int32."""
    return argsort(x, axis)


@operation
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Value:
    """Where values would go in a sorted vector, as int32.

    Raises:
        ValueError: if the sequence is no vector.
    """
    given = as_value(sorted_sequence)
    if rank_of(given) != 1:
        raise ValueError(
            "`searchsorted` only supports 1-D sorted sequences. You can use `keras.ops.vectorized_map` to "
            f"extend it to N-D sequences. Received: sorted_sequence.shape={given.shape}"
        )
    line, values = (numeric(x) for x in promoted(given, values))
    below = op.Less if side == "left" else op.LessOrEqual
    hits = below(line, op.Unsqueeze(values, [-1]))
    return op.ReduceSum(in_type(hits, "int32"), [-1], keepdims=0)


@operation
def digitize(x: Any, bins: Any) -> Value:
    """The number of the bin that each element lies in, as int32."""
    return searchsorted(bins, x, "right")


@operation
def unique(
    x: Any, sorted: bool = True, return_index: bool = False, return_inverse: bool = False,
    return_counts: bool = False, axis: int | None = None, size: int | None = None, fill_value: Any = None,
) -> Any:  # fmt: skip
    """The different elements, or slices along an axis.

    Args:
        size: how many are returned: the first ones, or ``fill_value`` (0) behind those that there are.

    Returns:
        The values, then as asked: where each first was, which of them each is, how often each is.
    """
    x = as_value(x)
    kind, at = x.dtype.name, 0 if axis is None else axis_of(x, axis)
    found = op.Unique(numeric(x), axis=None if axis is None else at, sorted=int(sorted), outputs=4)
    values, first, which, counts = found
    values = in_type(values, kind)
    if axis is None:
        which = op.Reshape(which, op.Shape(x))
    if size is not None:
        values = _sized(values, size, at, in_type(0 if fill_value is None else fill_value, kind))
        first, counts = (_sized(y, size, 0, number(n, y)) for y, n in ((first, 1), (counts, 0)))
    asked = [(first, return_index), (which, return_inverse), (counts, return_counts)]
    results = [values, *(in_type(y, "int32") for y, wanted in asked if wanted)]
    return results[0] if len(results) == 1 else tuple(results)


def _sized(x: Value, size: int, axis: int, fill: Value) -> Value:
    """The first ``size`` entries along an axis, filled up behind."""
    pads = [0] * (2 * rank_of(x))
    pads[rank_of(x) + axis] = size
    return op.Slice(op.Pad(x, pads, fill), [0], [size], [axis])


# --- quantiles ----------------------------------------------------------------------------------------------

_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _flat(x: Value, axis: Any) -> tuple[Value, list[int]]:
    """All elements of the axes along one at the end, and the axes."""
    axes = list(range(rank_of(x))) if axis is None else axes_of(x, axis) or []
    rest = [a for a in range(rank_of(x)) if a not in axes]
    moved = op.Transpose(x, perm=[*rest, *axes]) if rank_of(x) else op.Reshape(x, [1])
    if not rest:
        return op.Reshape(moved, [-1]), axes
    sizes = op.Concat(op.Shape(moved, end=len(rest)), np.array([-1]), axis=0)
    return op.Reshape(moved, sizes), axes


def _between(line: Value, at: Value, method: str) -> Value:
    """What lies at places that are no whole numbers, along the last axis of sorted elements."""
    low, high = op.Floor(at), op.Ceil(at)
    if method == "nearest":
        low = high = op.Round(at)
    elif method in ("lower", "higher"):
        low = high = low if method == "lower" else high
    below, above = (op.GatherElements(line, in_type(place, "int64"), axis=-1) for place in (low, high))
    part = number(0.5, at) if method == "midpoint" else op.Sub(at, low)
    if low is high:
        return below
    step = op.Mul(op.Sub(above, below), part)
    return op.Where(op.Equal(above, below), below, op.Add(below, step))


def _quantiles(x: Any, q: Any, axis: Any, method: str, keepdims: bool, past_nan: bool) -> Value:
    """By sorting; the quantiles, if there are several, are the first axis of the result."""
    if method not in _METHODS:
        raise ValueError(f"`method` should be one of {_METHODS}. Received: method={method}")
    x = as_value(x)
    kind = result_type(x.dtype, float)
    x = in_type(x, result_type(x.dtype, "float32"))
    q = in_type(q, x.dtype.name) if type(q) in (int, float) else in_type(as_value(q), x.dtype.name)
    flat, axes = _flat(x, axis)
    line = ordered(flat, -1)[0]
    unknown = in_type(reduced("ReduceSum", in_type(op.IsNaN(flat), "int32"), -1, True), x.dtype.name)
    count = in_type(op.Shape(flat, start=-1), x.dtype.name)
    last = op.Sub(
        op.Sub(count, unknown) if past_nan else op.Sub(count, op.Mul(unknown, number(0, x))), number(1, x)
    )
    wanted = op.Reshape(q, [-1])
    at = op.Mul(op.Max(last, number(0, x)), wanted)  # (..., quantiles)
    found = _between(line, at, method)
    if not past_nan:
        found = op.Where(op.Greater(unknown, number(0, x)), number(float("nan"), x), found)
    found = moveaxis_to_front(found) if q.rank else op.Squeeze(found, [-1])
    if keepdims:
        found = (
            op.Unsqueeze(found, [a + (1 if q.rank else 0) for a in builtins.sorted(axes)]) if axes else found
        )
    return in_type(found, kind)


def moveaxis_to_front(x: Value) -> Value:
    """The last axis as the first."""
    rank = rank_of(x)
    return op.Transpose(x, perm=[rank - 1, *range(rank - 1)])


@operation
def quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Value:
    """What a share of the elements along axes lies below.

    Args:
        q: from 0 to 1, one or a vector, which is the first axis of the result.
        method: "linear", "lower", "higher", "midpoint" or "nearest", where that lies between two elements.
    """
    return _quantiles(x, q, axis, method, keepdims, False)


@operation
def nanquantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Value:
    """``quantile``, past NaN."""
    return _quantiles(x, q, axis, method, keepdims, True)


def _share(q: Any) -> Any:
    if type(q) in (int, float):
        return q / 100
    q = floating(q)
    return op.Div(q, number(100, q))


@operation
def percentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Value:
    """``quantile`` by percent."""
    return _quantiles(x, _share(q), axis, method, keepdims, False)


@operation
def nanpercentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Value:
    """``quantile`` by percent, past NaN."""
    return _quantiles(x, _share(q), axis, method, keepdims, True)


@operation
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
    """The middle element along axes, or the mean of both."""
    return _quantiles(x, 0.5, axis, "linear", keepdims, False)


@operation
def nanmedian(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
    """The middle element along axes, past NaN."""
    return _quantiles(x, 0.5, axis, "linear", keepdims, True)


# --- counting -----------------------------------------------------------------------------------------------


@operation
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Value:
    """How often each number from 0 on is there, or the sum of its weights; of rows, each by itself.

    Raises:
        ValueError: for ``sparse=True``.
    """
    if sparse:
        raise ValueError("Unsupported value `sparse=True` with the kcompile backend")
    x = as_value(x)
    kind = "int32" if weights is None else result_type(x.dtype, as_value(weights).dtype)
    at = in_type(x, "int64")
    size = op.Max(op.Add(op.ReduceMax(at, keepdims=0), np.int64(1)), np.int64(minlength))
    hits = op.Equal(op.Unsqueeze(at, [-1]), op.Range(np.int64(0), size, np.int64(1)))
    counted = in_type(hits, kind)
    if weights is not None:
        counted = op.Mul(counted, op.Unsqueeze(in_type(as_value(weights), kind), [-1]))
    return reduced("ReduceSum", counted, -2, False)


@eager_only
def histogram(x: Any, bins: Any = 10, range: Any = None) -> tuple[torch.Tensor, torch.Tensor]:
    """How many elements lie in each bin, and the bounds of the bins."""
    x = as_torch(x)
    x = x if x.is_floating_point() else x.to(torch.float32)
    found = torch.histogram(x.cpu(), bins=bins, range=range)
    return found.hist.to(x.device), found.bin_edges.to(x.device)


def vectorize(pyfunc: Callable[..., Any], *, excluded: Any = None, signature: Any = None) -> Any:
    """A function of single elements as one of tensors."""
    return vectorize_impl(pyfunc, _mapped, excluded=excluded, signature=signature)


def _mapped(function: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0) -> Callable[..., Any]:
    if is_tracing():
        raise NotTraceable("`vectorize` maps a function over tensors of PyTorch.")
    return torch.vmap(function, in_dims=in_dims, out_dims=out_dims)


publish(globals(), "vectorize")
