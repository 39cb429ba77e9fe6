"""TensorFlow's functions of indices: segments, counts, places, parts of tensors that numbers choose."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import Constant, Value, op
from .. import backend as K
from ..backend.tensors import as_int64, shape_vector
from . import keras_ops
from .table import OPERATIONS, _alike, _float, _rank, _size, _tensor
from .tensorflow import as_list, of_tensorflow, type_name
from .tensorflow_networks import convolution, depthwise_conv2d
from .tensorflow_shapes import boolean_mask

# --- segments -----------------------------------------------------------------------------------------------


def _first_size(count: Any, ids: Value) -> Value:
    """The number of segments as a vector of one: as it is said, or one more than the largest."""
    if count is None:
        return op.Reshape(K.max(ids) + np.int64(1), [1])
    return op.Reshape(as_int64(_tensor(count)), [1])


def _scattered(data: Any, segment_ids: Any, num_segments: Any, reduction: str, start: float) -> Value:
    """Entries of segments put together; those of a negative number go nowhere."""
    x, ids = _tensor(data), as_int64(_tensor(segment_ids))
    inner = _rank(x) - _rank(ids)
    if _rank(ids) > 1:
        rest = op.Shape(x, start=_rank(x) - inner) if inner else None
        ends = Constant(np.array([-1]))
        x = op.Reshape(x, ends if rest is None else op.Concat(ends, rest, axis=0))
        ids = op.Reshape(ids, [-1])
    count = _first_size(num_segments, ids)
    extra = (
        op.Concat(count + np.int64(1), op.Shape(x, start=1), axis=0) if _rank(x) > 1 else count + np.int64(1)
    )
    beyond = op.Where(op.Less(ids, np.int64(0)), op.Squeeze(count, [0]), ids)
    whole = op.ScatterND(
        op.Expand(K.constant(start, dtype=x.dtype.name), extra),
        op.Unsqueeze(beyond, [-1]),
        x,
        reduction=reduction,
    )
    known = num_segments if isinstance(num_segments, int) else None
    found = op.Slice(whole, [0], count, [0])
    found.refine([known, *(x.dims or ())[1:]])
    return found


def of_segments(data: Any, segment_ids: Any, num_segments: Any = None) -> Value:
    """The sum of the entries of each segment."""
    return _scattered(data, segment_ids, num_segments, "add", 0)


def _least(data: Any) -> float:
    kind = _tensor(data).dtype
    return float(np.finfo("float32").min) if kind.kind == "f" else int(np.iinfo(kind).min)


def _most(data: Any) -> float:
    kind = _tensor(data).dtype
    return float(np.finfo("float32").max) if kind.kind == "f" else int(np.iinfo(kind).max)


def _segment_function(reduce: Callable[[Any, Any, Any], Value], *names: str) -> None:
    def unsorted(data: Any, segment_ids: Any, num_segments: Any) -> Value:
        return reduce(data, segment_ids, num_segments)

    def in_order(data: Any, segment_ids: Any) -> Value:
        return reduce(data, segment_ids, None)

    for name in names:
        of_tensorflow(name)(unsorted if "unsorted" in name else in_order)


def _empty_as_zero(found: Value, segment_ids: Any, num_segments: Any) -> Value:
    """Segments of no entries are 0."""
    counts = _counts(segment_ids, num_segments, found)
    return op.Where(op.Equal(counts, _tensor(0.0, counts)), _tensor(0, found), found)


def _counts(segment_ids: Any, num_segments: Any, like: Value) -> Value:
    """Number of entries of each segment, with axes to be computed with ``like``."""
    ones = op.Expand(_tensor(1.0), op.Shape(_tensor(segment_ids)))
    counts = _scattered(ones, segment_ids, num_segments, "add", 0)
    return op.Unsqueeze(counts, list(range(1, _rank(like)))) if _rank(like) > 1 else counts


def _mean_of_segments(power: float) -> Callable[[Any, Any, Any], Value]:
    def reduce(data: Any, ids: Any, count: Any) -> Value:
        total = _scattered(_float(data), ids, count, "add", 0)
        entries = K.maximum(K.cast(_counts(ids, count, total), total.dtype.name), 1.0)
        return total / (entries if power == 1 else K.pow(entries, power))

    return reduce


_segment_function(
    lambda x, i, n: _scattered(x, i, n, "add", 0), "math.segment_sum", "math.unsorted_segment_sum"
)
_segment_function(
    lambda x, i, n: _scattered(x, i, n, "mul", 1), "math.segment_prod", "math.unsorted_segment_prod"
)
_segment_function(lambda x, i, n: _scattered(x, i, n, "max", _least(x)), "math.unsorted_segment_max")
_segment_function(lambda x, i, n: _scattered(x, i, n, "min", _most(x)), "math.unsorted_segment_min")
_segment_function(
    lambda x, i, n: _empty_as_zero(_scattered(x, i, n, "max", _least(x)), i, n), "math.segment_max"
)
_segment_function(
    lambda x, i, n: _empty_as_zero(_scattered(x, i, n, "min", _most(x)), i, n), "math.segment_min"
)
_segment_function(_mean_of_segments(1), "math.segment_mean", "math.unsorted_segment_mean")
_segment_function(_mean_of_segments(0.5), "math.unsorted_segment_sqrt_n")


@of_tensorflow("math.bincount")
def bincount(
    arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None, dtype: Any = "int32",
    axis: Any = None, binary_output: bool = False,
) -> Value:  # fmt: skip
    """How often each number from 0 on is there: of all elements, or of each row for ``axis=-1``."""
    x = as_int64(_tensor(arr))
    rows = axis is not None and _rank(x) > 1
    x = x if rows else op.Reshape(x, [-1])
    size = K.max(x) + np.int64(1)
    size = size if minlength is None else K.maximum(size, _tensor(np.int64(minlength)))
    size = size if maxlength is None else K.minimum(size, _tensor(np.int64(maxlength)))
    kind = _tensor(weights).dtype.name if weights is not None else type_name(dtype)
    hits = op.Equal(op.Unsqueeze(x, [-1]), op.Range(np.int64(0), size, np.int64(1)))
    if binary_output:
        return K.cast(K.any(hits, axis=-2), kind)
    counted = K.cast(hits, kind)
    if weights is not None:
        given = _tensor(weights)
        counted = counted * op.Unsqueeze(given if rows else op.Reshape(given, [-1]), [-1])
    return K.sum(counted, axis=-2)


@of_tensorflow("math.confusion_matrix")
def confusion_matrix(
    labels: Any, predictions: Any, num_classes: Any = None, weights: Any = None, dtype: Any = "int32"
) -> Value:
    """How often each label (row) was predicted as each class (column)."""
    rows, columns = as_int64(_tensor(labels)), as_int64(_tensor(predictions))
    count = (
        K.maximum(K.max(rows), K.max(columns)) + np.int64(1)
        if num_classes is None
        else as_int64(_tensor(num_classes))
    )
    size = op.Reshape(count, [1])
    ones = op.Expand(K.constant(1, dtype=type_name(dtype)), op.Shape(rows))
    added = ones if weights is None else ones * K.cast(_tensor(weights), type_name(dtype))
    zeros = op.Expand(K.constant(0, dtype=type_name(dtype)), op.Concat(size, size, axis=0))
    places = op.Concat(op.Unsqueeze(rows, [-1]), op.Unsqueeze(columns, [-1]), axis=-1)
    return op.ScatterND(zeros, places, added, reduction="add")


@of_tensorflow("math.in_top_k", "nn.in_top_k")
def in_top_k(targets: Any, predictions: Any, k: int) -> Value:
    return keras_ops.ROWS["InTopK"].emit(targets, predictions, k)


@of_tensorflow("math.invert_permutation")
def invert_permutation(x: Any) -> Value:
    given = _tensor(x)
    count = op.Squeeze(op.Shape(given), [0])
    places = op.Unsqueeze(as_int64(given), [-1])
    return op.ScatterND(given, places, K.cast(op.Range(np.int64(0), count, np.int64(1)), given.dtype.name))


def _steps(x: Any, holds: Callable[[Value, Value], Value]) -> Value:
    flat = op.Reshape(_tensor(x), [-1])
    end = np.iinfo(np.int64).max
    return K.all(holds(op.Slice(flat, [1], [end], [0]), op.Slice(flat, [0], [-1], [0])))


@of_tensorflow("math.is_non_decreasing")
def is_non_decreasing(x: Any) -> Value:
    return _steps(x, op.GreaterOrEqual)


@of_tensorflow("math.is_strictly_increasing")
def is_strictly_increasing(x: Any) -> Value:
    return _steps(x, op.Greater)


# --- places -------------------------------------------------------------------------------------------------


@of_tensorflow("scatter_nd")
def scatter_nd(indices: Any, updates: Any, shape: Any, bad_indices_policy: str = "") -> Value:
    x = _tensor(updates)
    zeros = op.Expand(K.constant(0, dtype=x.dtype.name), shape_vector(shape))
    return op.ScatterND(zeros, as_int64(_tensor(indices)), x, reduction="add")


def _scatter(reduction: str) -> Callable[..., Value]:
    def scatter(tensor: Any, indices: Any, updates: Any, bad_indices_policy: str = "") -> Value:
        x = _tensor(tensor)
        return op.ScatterND(x, as_int64(_tensor(indices)), _tensor(updates, x), reduction=reduction)

    return scatter


of_tensorflow("tensor_scatter_nd_max")(_scatter("max"))
of_tensorflow("tensor_scatter_nd_min")(_scatter("min"))


@of_tensorflow("tensor_scatter_nd_sub")
def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any, bad_indices_policy: str = "") -> Value:
    x = _tensor(tensor)
    return op.ScatterND(x, as_int64(_tensor(indices)), op.Neg(_tensor(updates, x)), reduction="add")


@of_tensorflow("dynamic_partition")
def dynamic_partition(data: Any, partitions: Any, num_partitions: int) -> list[Value]:
    """For each number the entries that have it."""
    numbers = as_int64(_tensor(partitions))
    return [boolean_mask(data, op.Equal(numbers, np.int64(i))) for i in range(int(num_partitions))]


@of_tensorflow("dynamic_stitch")
def dynamic_stitch(indices: Sequence[Any], data: Sequence[Any]) -> Value:
    """Entries put at places; of several at one place the last counts."""
    places = op.Concat(*(op.Reshape(as_int64(_tensor(i)), [-1]) for i in indices), axis=0)
    flat = []
    for given, x in zip(indices, map(_tensor, data), strict=True):
        inner = _rank(x) - _rank(_tensor(given))
        ends = Constant(np.array([-1]))
        sizes = op.Concat(ends, op.Shape(x, start=_rank(x) - inner), axis=0) if inner else ends
        flat.append(op.Reshape(x, sizes))
    rows = op.Concat(*flat, axis=0)
    count = op.Reshape(K.max(places) + np.int64(1), [1])
    shape = op.Concat(count, op.Shape(rows, start=1), axis=0) if _rank(rows) > 1 else count
    return op.ScatterND(op.Expand(_tensor(0, rows), shape), op.Unsqueeze(places, [-1]), rows)


def _first_places(x: Value) -> tuple[Value, Value, Value]:
    """The different numbers of a vector as they first come, which of them each is, and how often it is."""
    _, first, of_sorted, counts = op.Unique(x, sorted=1, outputs=4)
    order = op.TopK(first, op.Shape(first), largest=0, outputs=2)[1]
    rank = invert_permutation(order)
    return op.Gather(x, op.Gather(first, order)), op.Gather(rank, of_sorted), op.Gather(counts, order)


@of_tensorflow("unique")
def unique(x: Any, out_idx: Any = "int32") -> list[Value]:
    values, index, _ = _first_places(_tensor(x))
    return [values, K.cast(index, type_name(out_idx))]


@of_tensorflow("unique_with_counts")
def unique_with_counts(x: Any, out_idx: Any = "int32") -> list[Value]:
    values, index, counts = _first_places(_tensor(x))
    return [values, *(K.cast(y, type_name(out_idx)) for y in (index, counts))]


@of_tensorflow("searchsorted")
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = "int32") -> Value:
    x, given = _alike(sorted_sequence, values)
    below = op.Less if side == "left" else op.LessOrEqual
    hits = below(op.Unsqueeze(x, [-2]), op.Unsqueeze(given, [-1]))
    return K.sum(K.cast(hits, type_name(out_type)), axis=-1)


@of_tensorflow("meshgrid")
def meshgrid(*args: Any, indexing: str = "xy") -> list[Value]:
    return keras_ops.ROWS["Meshgrid"].emit(list(args), indexing=indexing)


@of_tensorflow("unravel_index")
def unravel_index(indices: Any, dims: Any) -> Value:
    x, sizes = _tensor(indices), [int(n) for n in as_list(dims)]
    parts = []
    for i, size in enumerate(sizes):
        step = np.array(math.prod(sizes[i + 1 :]), x.dtype)
        parts.append(op.Mod(op.Div(x, step), np.array(size, x.dtype)))
    return K.stack(parts, axis=0)


@of_tensorflow("shape_n")
def shape_n(input: Sequence[Any], out_type: Any = "int32") -> list[Value]:
    return [K.cast(op.Shape(_tensor(x)), type_name(out_type)) for x in input]


@of_tensorflow("parallel_stack")
def parallel_stack(values: Sequence[Any]) -> Value:
    return OPERATIONS["Stack"].emit(values, axis=0)


@of_tensorflow("histogram_fixed_width_bins")
def histogram_fixed_width_bins(
    values: Any, value_range: Any, nbins: int = 100, dtype: Any = "int32"
) -> Value:
    x = _float(values)
    low, high = (_tensor(y, x) for y in as_list(value_range))
    place = op.Floor((x - low) / (high - low) * float(nbins))
    return K.cast(K.clip(place, 0.0, float(nbins - 1)), type_name(dtype))


@of_tensorflow("histogram_fixed_width")
def histogram_fixed_width(values: Any, value_range: Any, nbins: int = 100, dtype: Any = "int32") -> Value:
    places = histogram_fixed_width_bins(values, value_range, nbins)
    return bincount(places, minlength=nbins, maxlength=nbins, dtype=dtype)


# --- random choices -----------------------------------------------------------------------------------------


@of_tensorflow("random.categorical")
def categorical(logits: Any, num_samples: Any, dtype: Any = "int64", seed: Any = None) -> Value:
    """Classes (batch, num_samples) by their logits (batch, classes): the largest with Gumbel's noise."""
    x = _float(logits)
    shape = op.Concat(
        op.Shape(x, end=1), op.Reshape(as_int64(_tensor(num_samples)), [1]), op.Shape(x, start=1), axis=0
    )
    drawn = K.clip(K.random_uniform(shape, 0.0, 1.0, "float32", seed), 1e-20, 1.0)
    noise = -K.log(K.maximum(-K.log(drawn), 1e-20))
    found = K.cast(
        op.ArgMax(op.Unsqueeze(x, [1]) + K.cast(noise, x.dtype.name), axis=-1, keepdims=0), type_name(dtype)
    )
    found.refine([None, num_samples if isinstance(num_samples, int) else None])
    return found


@of_tensorflow("random.shuffle")
def shuffle(value: Any, seed: Any = None) -> Value:
    """The entries along the first axis in another order."""
    x = _tensor(value)
    drawn = K.random_uniform(op.Shape(x, end=1), 0.0, 1.0, "float32", seed)
    order = op.TopK(drawn, op.Shape(x, end=1), outputs=2)[1]
    found = op.Gather(x, order, axis=0)
    found.refine(x.dims or ())
    return found


# --- losses and layers as functions -------------------------------------------------------------------------


@of_tensorflow("nn.dropout")
def dropout(x: Any, rate: Any, noise_shape: Any = None, seed: Any = None) -> Value:
    x = _tensor(x)
    if not isinstance(rate, Value) and float(rate) == 0:
        return op.Identity(x)
    shape = op.Shape(x) if noise_shape is None else shape_vector(noise_shape)
    drawn = K.random_uniform(shape, 0.0, 1.0, "float32", seed)
    kept = op.GreaterOrEqual(drawn, _tensor(rate, drawn))
    return op.Where(kept, x / (1.0 - _tensor(rate, x)), _tensor(0, x))


@of_tensorflow("nn.compute_average_loss")
def compute_average_loss(
    per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None
) -> Value:
    x = _float(per_example_loss)
    x = x if sample_weight is None else x * _tensor(sample_weight, x)
    size = op.Squeeze(op.Shape(x, end=1), [0]) if global_batch_size is None else _tensor(global_batch_size)
    return K.sum(x) / K.cast(size, x.dtype.name)


@of_tensorflow("nn.scale_regularization_loss")
def scale_regularization_loss(regularization_loss: Any) -> Value:
    return K.sum(_float(regularization_loss))


@of_tensorflow("nn.weighted_cross_entropy_with_logits")
def weighted_cross_entropy_with_logits(labels: Any, logits: Any, pos_weight: Any) -> Value:
    labels, logits = _alike(labels, logits)
    weight = 1.0 + (_tensor(pos_weight, logits) - 1.0) * labels
    return (1.0 - labels) * logits + weight * (K.softplus(-K.abs(logits)) + op.Relu(-logits))


@of_tensorflow("nn.log_poisson_loss")
def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False) -> Value:
    targets, x = _alike(targets, log_input)
    found = K.exp(x) - x * targets
    if not compute_full_loss:
        return found
    stirling = targets * K.log(targets) - targets + 0.5 * K.log(2 * math.pi * targets)
    inside = op.And(op.GreaterOrEqual(targets, _tensor(0.0, x)), op.LessOrEqual(targets, _tensor(1.0, x)))
    return found + op.Where(inside, _tensor(0.0, x), stirling)


@of_tensorflow("nn.separable_conv2d")
def separable_conv2d(
    input: Any, depthwise_filter: Any, pointwise_filter: Any, strides: Any, padding: Any,
    data_format: Any = None, dilations: Any = None,
) -> Value:  # fmt: skip
    y = depthwise_conv2d(input, depthwise_filter, strides, padding, data_format, dilations)
    return convolution(y, pointwise_filter, 1, "VALID", data_format)


@of_tensorflow("clip_by_global_norm")
def clip_by_global_norm(t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None) -> list[Any]:
    norm = global_norm(t_list) if use_norm is None else _float(use_norm)
    factor = _tensor(clip_norm, norm) / K.maximum(norm, _tensor(clip_norm, norm))
    return [[None if t is None else _tensor(t) * factor for t in t_list], norm]


@of_tensorflow("linalg.global_norm")
def global_norm(t_list: Sequence[Any]) -> Value:
    squares = [K.sum(K.square(_float(t))) for t in t_list if t is not None]
    return K.sqrt(squares[0] if len(squares) == 1 else K.sum(K.stack(squares)))


@of_tensorflow("linalg.tensor_diag")
def tensor_diag(diagonal: Any) -> Value:
    x = _tensor(diagonal)
    sizes = [_size(x, i) for i in range(_rank(x))]
    count = math.prod(sizes)
    matrix = op.Reshape(x, [-1, 1]) * _tensor(np.eye(count), x)
    return op.Reshape(matrix, [*sizes, *sizes])


@of_tensorflow("math.polyval")
def polyval(coeffs: Sequence[Any], x: Any) -> Value:
    x = _float(x)
    total = op.Expand(_tensor(0.0, x), op.Shape(x))
    for coefficient in coeffs:
        total = total * x + _tensor(coefficient, x)
    return total


@of_tensorflow("math.scalar_mul", "scalar_mul")
def scalar_mul(scalar: Any, x: Any) -> Value:
    x = _tensor(x)
    return _tensor(scalar, x) * x


@of_tensorflow("truncatediv")
def truncatediv(x: Any, y: Any) -> Value:
    return op.Div(*_alike(x, y))


@of_tensorflow("truncatemod")
def truncatemod(x: Any, y: Any) -> Value:
    return op.Mod(*_alike(x, y), fmod=1)


@of_tensorflow("realdiv")
def realdiv(x: Any, y: Any) -> Value:
    return OPERATIONS["TrueDivide"].emit(x, y)


def _bits(operation: str, *names: str) -> Callable[..., Any]:
    def emit(x: Any, y: Any) -> Value:
        return keras_ops.ROWS[operation].emit(x, y)

    return of_tensorflow(*names)(emit)


_bits("BitwiseAnd", "bitwise.bitwise_and")
_bits("BitwiseOr", "bitwise.bitwise_or")
_bits("BitwiseXor", "bitwise.bitwise_xor")
_bits("BitwiseLeftShift", "bitwise.left_shift")
_bits("BitwiseRightShift", "bitwise.right_shift")


@of_tensorflow("bitwise.invert")
def invert(x: Any) -> Value:
    return op.BitwiseNot(_tensor(x))


@of_tensorflow("quantization.fake_quant_with_min_max_args")
def fake_quant_with_min_max_args(
    inputs: Any, min: float = -6, max: float = 6, num_bits: int = 8, narrow_range: bool = False
) -> Value:
    return fake_quant_with_min_max_vars(inputs, min, max, num_bits, narrow_range)


@of_tensorflow(
    "quantization.fake_quant_with_min_max_vars", "quantization.fake_quant_with_min_max_vars_per_channel"
)
def fake_quant_with_min_max_vars(
    inputs: Any, min: Any, max: Any, num_bits: int = 8, narrow_range: bool = False
) -> Value:
    """Rounded to whole steps of a range that has 0; gradients pass within the range."""
    x = _float(inputs)
    low, high = _tensor(min, x), _tensor(max, x)
    first, last = float(narrow_range), float(2 ** int(num_bits) - 1)
    step = (high - low) / (last - first)
    zero = K.clip(op.Floor(first - low / step + 0.5), first, last)
    bottom, top = (first - zero) * step, (last - zero) * step
    clipped = K.minimum(K.maximum(x, bottom), top)
    rounded = op.Floor((clipped - bottom) / step + 0.5) * step + bottom
    return clipped + K.stop_gradient(rounded - clipped)
