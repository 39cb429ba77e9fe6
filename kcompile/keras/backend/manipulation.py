"""Joining, reshaping, padding, indexing and repeating."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Body, Constant, Value, as_dtype, claim_steps, op
from .config import normalize_data_format
from .tensors import (
    as_int64,
    axis_index,
    cast_value,
    dims_of,
    known_shape,
    pair,
    rank,
    refine,
    same_type,
    shape_vector,
    stack_values,
    static_dims,
    tensor,
)

__all__ = [
    "arange",
    "batch_flatten",
    "concatenate",
    "expand_dims",
    "flatten",
    "gather",
    "one_hot",
    "permute_dimensions",
    "repeat",
    "repeat_elements",
    "reshape",
    "resize_images",
    "resize_volumes",
    "reverse",
    "slice",
    "spatial_2d_padding",
    "spatial_3d_padding",
    "squeeze",
    "stack",
    "switch",
    "temporal_padding",
    "tile",
    "transpose",
]


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Value:
    """The tensors joined along an existing axis."""
    return op.Concat(*same_type(list(tensors)), axis=axis)


def stack(x: Sequence[Any], axis: int = 0) -> Value:
    """The tensors joined along a new axis."""
    xs = same_type(list(x))
    if axis < 0:
        axis += rank(xs[0], "K.stack") + 1
    return stack_values(xs, axis)


def reshape(x: Any, shape: Any) -> Value:
    """``x`` with other axes and the same elements in the same order.

    Args:
        shape: sizes; at most one is -1 (worked out), any may be an integer value computed at run time.
    """
    x = tensor(x)
    dims = static_dims(shape)
    if dims is None:
        return op.Reshape(x, shape_vector(shape))
    kept = _kept_batch(x, dims)
    if kept is not None:
        return op.Reshape(x, kept)
    # a size behind the first that turns out to be 0 is one, not "as in the input"
    zero = builtins.any(d == 0 for d in dims) or (None in dims[1:] and -1 not in dims) or None
    known = [d if d is not None and d >= 0 else None for d in dims]
    return refine(op.Reshape(x, shape_vector(shape), allowzero=zero), known)


def _kept_batch(x: Value, dims: list[int | None]) -> list[int] | None:
    """The target with 0, "as in the input", for a first axis that stays as it is: its symbol survives."""
    if not dims or dims[0] != -1 or not x.dims or isinstance(x.dims[0], int):
        return None
    rest: list[Any] = dims[1:]
    given: tuple[Any, ...] = x.dims[1:]
    if not builtins.all(isinstance(d, int) and d > 0 for d in (*rest, *given)):
        return None
    return [0, *rest] if np.prod(rest, dtype=np.int64) == np.prod(given, dtype=np.int64) else None


def permute_dimensions(x: Any, pattern: Sequence[int]) -> Value:
    """``x`` with its axes in the order ``pattern``."""
    x = tensor(x)
    return op.Transpose(x, perm=[axis_index(x, int(p), "K.permute_dimensions") for p in pattern])


def transpose(x: Any) -> Value:
    """``x`` with its axes reversed."""
    return op.Transpose(tensor(x))


def flatten(x: Any) -> Value:
    """All elements along one axis."""
    return op.Reshape(tensor(x), [-1])


def batch_flatten(x: Any) -> Value:
    """(batch, all other elements)."""
    return op.Flatten(tensor(x), axis=1)


def expand_dims(x: Any, axis: int = -1) -> Value:
    """``x`` with a new axis of size 1 at ``axis``."""
    return op.Unsqueeze(tensor(x), [axis])


def squeeze(x: Any, axis: int | Sequence[int]) -> Value:
    """``x`` without the axis of size 1 at ``axis``."""
    return op.Squeeze(tensor(x), [axis] if isinstance(axis, int | np.integer) else list(axis))


def repeat_elements(x: Any, rep: int, axis: int) -> Value:
    """Each slice along ``axis`` ``rep`` times in a row, as numpy.repeat does."""
    x = tensor(x)
    axis = axis_index(x, axis, "K.repeat_elements")
    count = rank(x, "K.repeat_elements")
    spread = op.Tile(op.Unsqueeze(x, [axis + 1]), [1] * (axis + 1) + [int(rep)] + [1] * (count - axis - 1))
    static = list(x.dims)
    static[axis] = static[axis] * rep if isinstance(static[axis], int) else None
    dims = dims_of(x)
    dims[axis] = static[axis] if static[axis] is not None else -1
    if not any(isinstance(dim, int) and dim == -1 for dim in dims):
        unknown = [i for i, d in enumerate(dims) if isinstance(d, Value)]
        if len(unknown) == 1:
            dims[unknown[0]] = -1 if unknown[0] > axis else 0
    repeated = refine(op.Reshape(spread, shape_vector(dims)), static)
    if "_keras_shape" in x.annotations:
        repeated.annotations["_keras_shape"] = tuple(d if isinstance(d, int) else None for d in static)
    return repeated


def repeat(x: Any, n: int) -> Value:
    """(batch, features) to (batch, n, features).

    Raises:
        ValueError: if ``x`` has not 2 axes.
    """
    x = tensor(x)
    if rank(x, "K.repeat") != 2:
        raise ValueError(f"K.repeat takes a tensor of 2 axes; found {x!r}.")
    wide = op.Unsqueeze(x, [1])
    return op.Expand(wide, shape_vector([1, n, 1]))


def tile(x: Any, n: Any) -> Value:
    """``x`` side by side ``n[i]`` times along axis i; an ``n`` that is too short is for the last axes."""
    x = tensor(x)
    n = [n] if isinstance(n, int | np.integer) else n
    if isinstance(n, list | tuple) and x.dims is not None:
        n = [1] * (len(x.dims) - len(n)) + list(n)
    times = static_dims(n)
    out = op.Tile(x, shape_vector(n))
    if x.dims is None or times is None or len(times) != len(x.dims):
        return out
    return refine(
        out,
        [
            d if t == 1 else d * t if isinstance(d, int) and t else None
            for d, t in zip(x.dims, times, strict=True)
        ],
    )


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str = "int32") -> Value:
    """start, start + step, ... below ``stop``; from 0 to ``start`` where ``stop`` is None."""
    if stop is None:
        start, stop = 0, start
    if not builtins.any(isinstance(v, Value) and not isinstance(v, Constant) for v in (start, stop, step)):
        numbers: list[Any] = [v.array if isinstance(v, Constant) else v for v in (start, stop, step)]
        first, end, by = (float(number) for number in numbers)
        claim_steps(builtins.max(int((end - first) / by), 0) if by else 0, f"numbers up to {end:g}")
        return Constant(np.arange(*numbers).astype(as_dtype(dtype)))
    kind = next(v.dtype for v in (start, stop, step) if isinstance(v, Value))
    out = op.Range(*(tensor(v, kind) for v in (start, stop, step)))
    return out if out.dtype == as_dtype(dtype) else cast_value(out, as_dtype(dtype))


def one_hot(indices: Any, num_classes: Any) -> Value:
    """One axis more, float32: 1 at the index and 0 elsewhere; all 0 for an index out of range."""
    indices = as_int64(tensor(indices))
    if isinstance(num_classes, Value):
        classes: Value = op.Range(np.int64(0), op.Reshape(as_int64(num_classes), []), np.int64(1))
    else:
        claim_steps(int(num_classes), f"{num_classes} classes")
        classes = Constant(np.arange(num_classes, dtype=np.int64))
    return cast_value(op.Equal(op.Unsqueeze(indices, [-1]), classes), np.dtype(np.float32))


def reverse(x: Any, axes: int | Sequence[int]) -> Value:
    """``x`` back to front along ``axes``."""
    x = tensor(x)
    axes = [axes] if isinstance(axes, int | np.integer) else list(axes)
    if not axes:
        return x
    lowest = int(np.iinfo(np.int64).min)
    count = len(axes)
    return refine(op.Slice(x, [-1] * count, [lowest] * count, axes, [-1] * count), x.dims)


def slice(x: Any, start: Any, size: Any) -> Value:
    """``size`` elements from ``start`` along each axis; a size of -1 reaches to the end.

    Args:
        start, size: one number an axis, or integer vectors computed at run time.

    Raises:
        ValueError: if ``start`` and ``size`` differ in length.
    """
    x = tensor(x)
    starts: list[Any] | None = static_dims(start)
    sizes: list[Any] | None = static_dims(size)
    if starts is not None and sizes is not None and None not in (*starts, *sizes):
        if len(starts) != len(sizes):
            raise ValueError(f"K.slice: start {starts} and size {sizes} differ in length.")
        end = int(np.iinfo(np.int64).max)
        ends = [end if n == -1 else s + n for s, n in zip(starts, sizes, strict=True)]
        return op.Slice(x, starts, ends, list(range(len(starts))))
    begin, length = shape_vector(start), shape_vector(size)
    stop = op.Where(op.Less(length, 0), np.iinfo(np.int64).max, op.Add(begin, length))
    count = x.rank if sizes is None else len(sizes)
    out = op.Slice(x, begin, stop, list(range(count)))
    return out if sizes is None else refine(out, [n if n is not None and n >= 0 else None for n in sizes])


def gather(reference: Any, indices: Any) -> Value:
    """The slices of ``reference`` along its first axis at ``indices`` (truncated to integers).

    A negative index is an error when it is met, as one beyond the last slice is: ONNX would count it from the
    end, so it is made one beyond.
    """
    indices = tensor(indices)
    if isinstance(indices, Constant) and indices.dtype.kind in "iu" and (indices.array >= 0).all():
        return op.Gather(tensor(reference), cast_value(indices, np.dtype(np.int64)), axis=0)
    beyond = op.Mod(cast_value(indices, np.dtype(np.int64)), np.iinfo(np.int64).max)
    return op.Gather(tensor(reference), beyond, axis=0)


def pad(x: Value, paddings: Sequence[Sequence[Any]], value: float = 0.0) -> Value:
    """``x`` with (before, after) more elements an axis, filled with ``value``."""
    before, after = zip(*paddings, strict=True)
    added = static_dims([*before, *after])
    assert added is not None
    known = [n for n in added if n is not None]
    if len(known) == len(added) and not builtins.any(known):
        return x
    fill = None if value == 0.0 else value
    if len(known) == len(added):
        return op.Pad(x, known, fill)
    sizes = [
        n + b + a if isinstance(n, int) and b is not None and a is not None else None
        for n, b, a in zip(known_shape(x), added[: len(before)], added[len(before) :], strict=True)
    ]
    return refine(op.Pad(x, shape_vector([*before, *after]), fill), sizes)


def _sides(padding: Any) -> tuple[Any, Any]:
    """(before, after), also of a tensor of two numbers."""
    if isinstance(padding, Value):
        return padding[0], padding[1]
    before, after = padding
    return before, after


def temporal_padding(x: Any, padding: Sequence[int] = (1, 1)) -> Value:
    """Zeros before and after the middle axis of (batch, steps, features).

    Raises:
        ValueError: if ``padding`` is no pair.
    """
    if not isinstance(padding, Value) and len(padding) != 2:
        raise ValueError(f"K.temporal_padding takes (before, after); found {padding!r}.")
    return pad(tensor(x), [(0, 0), _sides(padding), (0, 0)])


def spatial_2d_padding(
    x: Any, padding: Sequence[Sequence[int]] = ((1, 1), (1, 1)), data_format: str | None = None
) -> Value:
    """Zeros around the two spatial axes of a batch of images."""
    return _spatial_padding(x, padding, data_format, 2)


def spatial_3d_padding(
    x: Any, padding: Sequence[Sequence[int]] = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None
) -> Value:
    """Zeros around the three spatial axes of a batch of volumes."""
    return _spatial_padding(x, padding, data_format, 3)


def _spatial_padding(x: Any, padding: Sequence[Any], data_format: str | None, spatial: int) -> Value:
    data_format = normalize_data_format(data_format)
    if len(padding) != spatial or builtins.any(not isinstance(p, Value) and len(p) != 2 for p in padding):
        raise ValueError(f"padding takes {spatial} pairs (before, after); found {padding!r}.")
    sides = [_sides(pair) for pair in padding]
    none: list[Any] = [(0, 0)]
    return pad(tensor(x), none + none + sides if data_format == "channels_first" else none + sides + none)


def resize_images(
    x: Any, height_factor: int, width_factor: int, data_format: str | None, interpolation: str = "nearest"
) -> Value:
    """Images enlarged by whole factors.

    Args:
        x: (batch, rows, cols, channels), or (batch, channels, rows, cols) for channels_first.
        interpolation: "nearest", or "bilinear" with output pixel i at input coordinate i / factor, as
            TensorFlow 1 has it.

    Raises:
        ValueError: for another interpolation.
    """
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f'interpolation should be one of "nearest" or "bilinear"; found {interpolation!r}.')
    mode = "linear" if interpolation == "bilinear" else "nearest"
    return resize(x, (height_factor, width_factor), data_format, mode, "asymmetric")


def resize_volumes(
    x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str | None
) -> Value:
    """Volumes enlarged by whole factors; each element is repeated.

    (batch, depth, rows, cols, channels), or (batch, channels, depth, rows, cols) for channels_first.
    """
    return resize(x, (depth_factor, height_factor, width_factor), data_format, "nearest", "asymmetric")


def resize(x: Any, factors: Sequence[int], data_format: str | None, mode: str, coordinates: str) -> Value:
    """ONNX Resize over the spatial axes.

    Args:
        factors: one a spatial axis.
        mode: "nearest" or "linear".
        coordinates: ONNX's coordinate_transformation_mode, such as "asymmetric" or "half_pixel".
    """
    x = tensor(x)
    data_format = normalize_data_format(data_format)
    spatial = len(factors)
    if rank(x, "resizing") != spatial + 2:
        raise ValueError(f"resizing over {spatial} axes takes a tensor of {spatial + 2} axes; found {x!r}.")
    last = data_format == "channels_last"
    if last:
        x = op.Transpose(x, perm=[0, spatial + 1, *range(1, spatial + 1)])
    static = [
        d if i < 2 else d * int(factors[i - 2]) if isinstance(d, int) else None for i, d in enumerate(x.dims)
    ]
    y = op.Resize(
        x,
        None,
        np.array([1, 1, *factors], np.float32),
        mode=mode,
        coordinate_transformation_mode=coordinates,
        nearest_mode="floor",
    )
    y = refine(y, static)
    return op.Transpose(y, perm=[0, *range(2, spatial + 2), 1]) if last else y


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Value:
    """``then_expression`` where ``condition`` holds, else ``else_expression``.

    Args:
        condition: a scalar, or a tensor whose axes are the first axes of the expressions.
        then_expression, else_expression: tensors, or functions without arguments that make them.

    Raises:
        ValueError: if ``condition`` has more axes than the expressions.
    """
    condition = tensor(condition)
    if condition.dtype != bool:
        condition = cast_value(condition, np.dtype(bool))
    then_expression = then_expression() if callable(then_expression) else then_expression
    else_expression = else_expression() if callable(else_expression) else else_expression
    a, b = pair(then_expression, else_expression)
    if condition.rank and a.rank is not None and condition.rank > a.rank:
        raise ValueError(
            "Rank of `condition` should be less than or equal to rank of `then_expression` and "
            f"`else_expression`. ndim(condition)={condition.rank}, ndim(then_expression)={a.rank}"
        )
    if condition.rank == 0 and a.dims != b.dims:
        return _either(condition, a, b)
    if condition.rank and a.rank is not None and condition.rank < a.rank:
        condition = op.Unsqueeze(condition, list(range(condition.rank, a.rank)))
    return op.Where(condition, a, b)


def _either(condition: Value, a: Value, b: Value) -> Value:
    """One of two values of different shapes (ONNX If)."""
    return op.If(condition, then_branch=Body([a]), else_branch=Body([b]), outputs=1)
