"""TensorFlow's functions on shapes and parts of tensors in files of tf.keras 2; see ``tf_operations``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Constant, Value, claim_steps, op, sizes_of
from .. import backend as K
from ..backend.tensors import as_int64, axis_index, expanded, known_shape, refine, shape_vector, static_dims
from .slices import sliced
from .table import OPERATIONS, _alike, _axis, _bool, _float, _move_axis, _rank, _size, _tensor, _up_to
from .tensorflow import as_list, of_tensorflow, type_name
from .tensorflow_names import key_of_strides


@of_tensorflow("shape")
def shape(input: Any, out_type: Any = "int32") -> Value:
    return K.cast(op.Shape(sizes_of(_tensor(input))), type_name(out_type))


@of_tensorflow("size")
def size(input: Any, out_type: Any = "int32") -> Value:
    return K.cast(op.Size(sizes_of(_tensor(input))), type_name(out_type))


@of_tensorflow("rank")
def rank(input: Any) -> Value:
    return K.constant(_rank(_tensor(input)), dtype="int32")


@of_tensorflow("ensure_shape")
def ensure_shape(x: Value, shape: Any) -> Value:
    return op.Identity(x)


@of_tensorflow("identity_n")
def identity_n(input: Sequence[Any]) -> list[Value]:
    return [op.Identity(_tensor(x)) for x in input]


@of_tensorflow("raw_ops.Select")
def select(condition: Any, x: Any, y: Any) -> Value:
    """A vector of conditions chooses among the first axis's entries."""
    x, y = _alike(x, y)
    chosen = _bool(condition)
    if _rank(chosen) == 1 and _rank(x) > 1:
        chosen = op.Unsqueeze(chosen, list(range(1, _rank(x))))
    return op.Where(chosen, x, y)


@of_tensorflow("where")
def where(condition: Any, x: Any = None, y: Any = None) -> Value:
    """Without values to choose from: the places of what is true, (places, axes) of int64."""
    if x is None and y is None:
        return op.Transpose(op.NonZero(_bool(condition)), perm=[1, 0])
    return OPERATIONS["Where"].emit(condition, x, y)


@of_tensorflow("boolean_mask")
def boolean_mask(tensor: Any, mask: Any, axis: Any = None) -> Value:
    x, chosen = _tensor(tensor), _bool(mask)
    first, rank = 0 if axis is None else _axis(x, axis), _rank(chosen)
    if rank > 1:  # its axes become one
        sizes = [op.Shape(x, start=0, end=first), Constant(np.array([-1])), op.Shape(x, start=first + rank)]
        x = refine(
            op.Reshape(x, op.Concat(*sizes, axis=0)),
            [*known_shape(x)[:first], None, *known_shape(x)[first + rank :]],
        )
        chosen = op.Reshape(chosen, [-1])
    return op.Compress(x, chosen, axis=first)


@of_tensorflow("random.normal")
def random_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None
) -> Value:
    return K.random_normal(shape, mean, stddev, type_name(dtype), seed)


@of_tensorflow("random.uniform")
def random_uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", seed: Any = None
) -> Value:
    return K.random_uniform(shape, minval, 1.0 if maxval is None else maxval, type_name(dtype), seed)


@of_tensorflow("random.truncated_normal")
def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None
) -> Value:
    return K.truncated_normal(shape, mean, stddev, type_name(dtype), seed)


@of_tensorflow("slice")
def slice_(input_: Any, begin: Any, size: Any) -> Value:
    key = []
    for start, length in zip(as_list(begin), as_list(size), strict=True):
        if isinstance(length, Value):
            end = as_int64(start + length)
            stop: Any = op.Where(
                op.Equal(as_int64(length), np.int64(-1)), np.int64(np.iinfo("int64").max), end
            )
        else:
            stop = None if length == -1 else start + length
        key.append(slice(start, stop, None))
    return sliced(_tensor(input_), key)


@of_tensorflow("strided_slice")
def strided_slice(
    input_: Any, begin: Any, end: Any, strides: Any = None, begin_mask: int = 0, end_mask: int = 0,
    ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0, var: Any = None,
) -> Value:  # fmt: skip
    steps = None if strides is None else as_list(strides)
    masks = (begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    return OPERATIONS["GetItem"].emit(
        _tensor(input_), key_of_strides(as_list(begin), as_list(end), steps, *masks)
    )


@of_tensorflow("fill")
def fill(dims: Any, value: Any, layout: Any = None) -> Value:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return expanded(_tensor(np.int32(value) if whole else value), dims)


@of_tensorflow("zeros")
def zeros(shape: Any, dtype: Any = "float32", layout: Any = None) -> Value:
    return expanded(K.constant(0, dtype=type_name(dtype)), shape)


@of_tensorflow("ones")
def ones(shape: Any, dtype: Any = "float32", layout: Any = None) -> Value:
    return expanded(K.constant(1, dtype=type_name(dtype)), shape)


@of_tensorflow("broadcast_to")
def broadcast_to(input: Any, shape: Any) -> Value:
    return expanded(_tensor(input), shape)


@of_tensorflow("range")
def range_(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None) -> Value:
    first, last = (0, start) if limit is None else (start, limit)
    given = [x for x in (first, last, delta) if isinstance(x, Value)]
    kind = dtype and type_name(dtype) or (given[0].dtype.name if given else None)
    if kind is None:
        kind = "float32" if any(isinstance(x, float) for x in (first, last, delta)) else "int32"
    return op.Range(*(K.cast(_tensor(x), kind) for x in (first, last, delta)))


@of_tensorflow("linspace")
def linspace(start: Any, stop: Any, num: int, axis: int = 0) -> Value:
    start, stop = _alike(_float(start), _float(stop))
    steps = _tensor(_up_to(int(num)) / max(int(num) - 1, 1), start)
    parts = op.Unsqueeze(start, [-1]) + op.Unsqueeze(stop - start, [-1]) * steps
    return _move_axis(parts, -1, axis)


@of_tensorflow("eye", "linalg.eye")
def eye(num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = "float32") -> Value:
    """One matrix, or one for each place of ``batch_shape``: (*batch_shape, rows, columns)."""
    sizes = num_rows, num_rows if num_columns is None else num_columns
    rows_, columns = (range_(0, n) for n in sizes)
    matrix = K.cast(op.Equal(op.Unsqueeze(rows_, [1]), op.Unsqueeze(columns, [0])), type_name(dtype))
    if batch_shape is None:
        return matrix
    if isinstance(batch_shape, Value):
        return op.Expand(matrix, op.Concat(shape_vector(batch_shape), op.Shape(matrix), axis=0))
    return expanded(matrix, [*as_list(batch_shape), *sizes])


@of_tensorflow("repeat")
def repeat(input: Any, repeats: Any, axis: Any = None) -> Value:
    x = _tensor(input)
    if isinstance(repeats, list) and len(repeats) == 1:
        repeats = repeats[0]
    if axis is None:
        x, axis = op.Reshape(x, [-1]), 0
    if isinstance(repeats, list) and not any(isinstance(n, Value) for n in repeats):
        claim_steps(sum(max(int(n), 0) for n in repeats), f"repeats={repeats}"[:80])
        return op.Gather(x, np.repeat(_up_to(len(repeats)), repeats), axis=axis)
    if isinstance(repeats, int):
        return K.repeat_elements(x, repeats, axis)
    at = axis_index(x, axis, "repeat")
    counts = op.Expand(shape_vector(repeats), op.Shape(x, start=at, end=at + 1))
    return op.Gather(x, _repeated_places(counts), axis=at)


def _repeated_places(counts: Value) -> Value:
    """0 as often as the first count says, 1 as often as the second, and so on."""
    ends = op.CumSum(counts, np.int64(0))
    total = op.ReduceSum(counts, [0])
    begins = op.ScatterElements(
        op.Expand(np.int64(0), op.Add(total, np.int64(1))),
        op.Sub(ends, counts),
        op.Expand(np.int64(1), op.Shape(counts)),
        axis=0,
        reduction="add",
    )
    return op.Sub(op.Slice(op.CumSum(begins, np.int64(0)), [0], [-1], [0]), np.int64(1))


def _parts(numbers: Value, count: int) -> list[Value]:
    """Each of so many whole numbers, (1,) int64."""
    flat = op.Reshape(as_int64(numbers), [-1])
    return [op.Slice(flat, [i], [i + 1], [0]) for i in range(count)]


@of_tensorflow("roll")
def roll(input: Any, shift: Any, axis: Any) -> Value:
    x = _tensor(input)
    axes = as_list(axis)
    shifts = _parts(shift, len(axes)) if isinstance(shift, Value) else as_list(shift)
    for by, at in zip(shifts, axes, strict=True):
        if at is None or not isinstance(by, int | Value):
            raise ValueError("A `roll` needs one shift and one axis.")
        x = _rolled_by_tensor(x, by, at) if isinstance(by, Value) else _rolled(x, by, at)
    return x


def _rolled(x: Value, by: int, axis: int) -> Value:
    place = -by % _size(x, axis)
    parts = OPERATIONS["Split"].emit(x, indices_or_sections=[place], axis=axis) if place else []
    return K.concatenate(parts[::-1], axis) if place else x


def _rolled_by_tensor(x: Value, by: Value, axis: int) -> Value:
    size = op.Shape(x, start=axis, end=axis + 1 if axis != -1 else None)
    place = op.Mod(op.Neg(by), size)
    return op.Concat(op.Slice(x, place, size, [axis]), op.Slice(x, [0], place, [axis]), axis=axis)


@of_tensorflow("tile")
def tile(input: Any, multiples: Any) -> Value:
    return K.tile(_tensor(input), multiples)


@of_tensorflow("pad")
def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: Any = None
) -> Value:
    x = _tensor(tensor)
    if str(mode).upper() != "SYMMETRIC":
        return _padded(x, paddings, str(mode).lower(), constant_values)
    for axis, (before, after) in enumerate(_pairs(paddings, _rank(x))):
        if before or after:
            claim_steps(max(int(before), 0) + max(int(after), 0), f"a pad of {before} and {after}")
            places = np.pad(_up_to(_size(x, axis)), (before, after), mode="symmetric")
            x = op.Gather(x, places, axis=axis)
    return x


def _padded(x: Value, pad_width: Any, mode: str, constant_values: Any) -> Value:
    pairs = _pairs(pad_width, _rank(x))
    if mode not in ("constant", "reflect", "edge") or len(pairs) != _rank(x):
        raise ValueError(f"A `pad` has mode {mode!r} and widths {pad_width!r}, which is not here.")
    before, after = ([pair[side] for pair in pairs] for side in (0, 1))
    value = None if not constant_values else _tensor(constant_values, x)
    padded = op.Pad(x, shape_vector([*before, *after]), value, mode=mode)
    sizes = [
        size + b + a if isinstance(size, int) and isinstance(b, int) and isinstance(a, int) else None
        for size, b, a in zip(known_shape(x), before, after, strict=True)
    ]
    return refine(padded, sizes)


def _pairs(widths: Any, rank: int) -> list[Any]:
    """Per axis, how much is added before and after it: whole numbers, or tensors of one."""
    if isinstance(widths, Value):
        numbers = static_dims(op.Reshape(widths, [-1])) or [None] * (2 * rank)
        parts = _parts(widths, 2 * rank)
        flat = [part if n is None else n for n, part in zip(numbers, parts, strict=True)]
        return [flat[2 * axis : 2 * axis + 2] for axis in range(rank)]
    rows = [_parts(row, 2) if isinstance(row, Value) else as_list(row) for row in as_list(widths)]
    return rows * rank if len(rows) == 1 else rows


@of_tensorflow("reverse_sequence")
def reverse_sequence(
    input: Any, seq_lengths: Any, seq_axis: Any = None, batch_axis: Any = None, seq_dim: Any = None,
    batch_dim: Any = None,
) -> Value:  # fmt: skip
    x, time = _tensor(input), seq_axis if seq_axis is not None else seq_dim or 0
    batch = batch_axis if batch_axis is not None else batch_dim or 0
    if {time, batch} != {0, 1}:
        raise ValueError("A `reverse_sequence` is not along the first two axes.")
    lengths = K.cast(_tensor(seq_lengths), "int64")
    return op.ReverseSequence(x, lengths, batch_axis=batch, time_axis=time)


def _sorted(x: Value, axis: int, direction: str) -> tuple[Value, Value]:
    at = axis_index(x, axis, "sort")
    return op.TopK(
        x, op.Shape(x, start=at, end=at + 1), axis=at, largest=int(direction == "DESCENDING"), outputs=2
    )


@of_tensorflow("sort")
def sort(values: Any, axis: int = -1, direction: str = "ASCENDING") -> Value:
    return _sorted(_tensor(values), axis, direction)[0]


@of_tensorflow("argsort")
def argsort(values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False) -> Value:
    return K.cast(_sorted(_tensor(values), axis, direction)[1], "int32")


@of_tensorflow("gather")
def gather(
    params: Any, indices: Any, validate_indices: Any = None, axis: Any = None, batch_dims: int = 0
) -> Value:
    x, at = _tensor(params), K.cast(_tensor(indices), "int64")
    batch = batch_dims % (_rank(at) + 1) if batch_dims < 0 else batch_dims
    axis = batch if axis is None else _axis(x, axis)
    if not batch:
        return op.Gather(x, at, axis=axis)
    if batch != 1 or axis < batch:
        raise ValueError(f"A `gather` has batch_dims={batch_dims}, which is not here; 0 and 1 are.")
    x = _move_axis(x, axis, 1)
    inner = _rank(at) - 1
    flat = op.Reshape(at, [0, -1])  # (batch, places)
    found = op.GatherND(x, op.Unsqueeze(flat, [-1]), batch_dims=1)
    sizes = [op.Shape(at), op.Shape(found, start=2)] if _rank(x) > 2 else [op.Shape(at)]
    found = op.Reshape(found, op.Concat(*sizes, axis=0) if len(sizes) > 1 else sizes[0])
    found.refine([*known_shape(at), *known_shape(x)[2:]])
    kept = [*range(1 + inner, 1 + inner + axis - 1)]
    order = [0, *kept, *range(1, 1 + inner), *range(inner + axis, _rank(found))]
    return op.Transpose(found, perm=order)


@of_tensorflow("gather_nd")
def gather_nd(params: Any, indices: Any, batch_dims: int = 0, bad_indices_policy: str = "") -> Value:
    return op.GatherND(_tensor(params), K.cast(_tensor(indices), "int64"), batch_dims=batch_dims)


@of_tensorflow("tensor_scatter_nd_update")
def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any, bad_indices_policy: str = "") -> Value:
    x = _tensor(tensor)
    return op.ScatterND(x, K.cast(_tensor(indices), "int64"), _tensor(updates, x))


@of_tensorflow("tensor_scatter_nd_add")
def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any, bad_indices_policy: str = "") -> Value:
    x = _tensor(tensor)
    return op.ScatterND(x, K.cast(_tensor(indices), "int64"), _tensor(updates, x), reduction="add")


@of_tensorflow("one_hot")
def one_hot(
    indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: Any = None, dtype: Any = None
) -> Value:
    kind = type_name(dtype) if dtype else "float32"
    off, on = 0 if off_value is None else off_value, 1 if on_value is None else on_value
    places, depth = (K.cast(_tensor(x), "int64") for x in (indices, depth))
    inside = op.And(op.GreaterOrEqual(places, np.int64(0)), op.Less(places, depth))
    beyond = op.Where(inside, places, depth)  # ONNX counts negatives from the end
    values = K.constant([off, on], dtype="float32")
    return K.cast(op.OneHot(beyond, depth, values, axis=-1 if axis is None else axis), kind)


@of_tensorflow("sequence_mask")
def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = "bool") -> Value:
    lengths = _tensor(lengths)
    last = K.max(lengths) if maxlen is None else _tensor(maxlen)
    steps = op.Range(*(K.cast(_tensor(x), lengths.dtype.name) for x in (0, last, 1)))
    return K.cast(op.Less(steps, op.Unsqueeze(lengths, [-1])), type_name(dtype))


@of_tensorflow("dtypes.saturate_cast")
def saturate_cast(value: Any, dtype: Any) -> Value:
    x, kind = _tensor(value), type_name(dtype)
    if np.dtype(kind).kind in "iu":
        x = K.clip(x, float(np.iinfo(kind).min), float(np.iinfo(kind).max))
    return K.cast(x, kind)


@of_tensorflow("signal.frame")
def frame(
    signal: Any, frame_length: int, frame_step: int, pad_end: bool = False, pad_value: Any = 0, axis: int = -1
) -> Value:
    x = _tensor(signal)
    at, count = axis_index(x, axis, "frame"), _size(x, axis)
    claim_steps(max(count * int(frame_length), 0), f"frames of {frame_length}")
    starts = np.arange(0, count if pad_end else count - frame_length + 1, frame_step)
    places = starts[:, None] + np.arange(frame_length)
    beyond = max(int(places.max(initial=-1)) + 1 - count, 0)
    if beyond:
        pads = [0] * (2 * _rank(x))
        pads[_rank(x) + at] = beyond
        x = op.Pad(x, pads, _tensor(pad_value, x))
    return op.Gather(x, places, axis=at)
