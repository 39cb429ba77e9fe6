"""Arrays and images seen at other points: transformed, or moved by chance."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kcompile.ir import Constant, Value, op
from kcompile.keras import backend as K
from kcompile.keras.backend.tensors import dims_of, known_shape

from .. import random
from ..promotion import floating, in_type
from ..tensors import NotTraceable, as_torch, as_value, differ, dtype_of, is_tracing, operation
from .filters import gaussian_blur
from .layout import Batch, check_known, check_rank, rounded

# --- one point ----------------------------------------------------------------------------------------------

Size = Any  # an int, or a scalar value where it is open


def _clipped(index: Value, size: Size) -> Value:
    return op.Max(op.Min(index, _int64(size) - np.int64(1)), np.int64(0))


def _wrapped(index: Value, size: Size) -> Value:
    return op.Mod(index, _int64(size))


def _mirrored(index: Value, size: Size) -> Value:
    """At the edges, whose pixels are there once."""
    last = _int64(size) - np.int64(1)
    period = op.Max(last + last, np.int64(1))
    return op.Abs(op.Mod(index + last, period) - last)


def _reflected(index: Value, size: Size) -> Value:
    """Beyond the edges, whose pixels are there twice."""
    twice = _mirrored(index + index + np.int64(1), _int64(size) + _int64(size) + np.int64(1))
    return op.Div(twice - np.int64(1), np.int64(2))


def _int64(size: Size) -> Value:
    return size if isinstance(size, Value) else Constant(np.int64(size))


_INSIDE: dict[str, Callable[[Value, Size], Value]] = {
    "constant": _clipped,
    "nearest": _clipped,
    "wrap": _wrapped,
    "mirror": _mirrored,
    "reflect": _reflected,
}
_ORDERS = {"nearest": 0, "bilinear": 1}


def _neighbours(coordinate: Value, order: int) -> list[tuple[Value, Value | None]]:
    """The indices around a coordinate, and the part that each has in it; None for all."""
    if order == 0:
        return [(K.cast(op.Round(coordinate), "int64"), None)]
    lower = op.Floor(coordinate)
    above = coordinate - lower
    index = K.cast(lower, "int64")
    return [(index, 1.0 - above), (index + np.int64(1), above)]


def _seen(
    lookup: Callable[[Value], Value],
    coordinates: Sequence[Value],
    sizes: Sequence[Size],
    order: int,
    fill_mode: str,
    fill_value: Any,
) -> Value:
    """What lies at coordinates: a mean of the neighbours along each axis.

    Args:
        lookup: what lies at indices of the flattened array; axes may follow.
        sizes: of the axes, one for each coordinate.
    """
    is_open = fill_mode == "constant"
    axes = [
        [
            (_INSIDE[fill_mode](index, size), _is_inside(index, size) if is_open else None, part)
            for index, part in _neighbours(coordinate, order)
        ]
        for coordinate, size in zip(coordinates, sizes, strict=True)
    ]
    total: Value | None = None
    for corner in itertools.product(*axes):
        place = corner[0][0]
        for (index, _, _), size in zip(corner[1:], sizes[1:], strict=True):
            place = place * _int64(size) + index
        found = lookup(place)
        inner = list(range(len(known_shape(place)), len(known_shape(found))))
        valid = [is_inside for _, is_inside, _ in corner if is_inside is not None]
        if valid:
            both = valid[0] if len(valid) == 1 else _all(valid)
            found = op.Where(_with_axes(both, inner), found, in_type(fill_value, dtype_of(found)))
        for part in (part for _, _, part in corner if part is not None):
            found = found * _with_axes(part, inner)
        total = found if total is None else total + found
    assert total is not None
    return total


def _is_inside(index: Value, size: Size) -> Value:
    return op.And(op.GreaterOrEqual(index, np.int64(0)), op.Less(index, _int64(size)))


def _all(truths: Sequence[Value]) -> Value:
    found = truths[0]
    for truth in truths[1:]:
        found = op.And(found, truth)
    return found


def _with_axes(x: Value, axes: list[int]) -> Value:
    return op.Unsqueeze(x, axes) if axes else x


def _check_fill_mode(fill_mode: str) -> None:
    check_known("fill_mode", fill_mode, _INSIDE)


@operation
def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: Any = 0.0
) -> Value:
    """An array at points between its elements.

    Args:
        coordinates: (axes of ``inputs``, ...), or a list of one tensor for each axis.
        order: 0 for the nearest element, 1 for a mean of the two around along each axis.
        fill_mode: what lies beyond: ``"constant"`` (``fill_value``), ``"nearest"``, ``"wrap"``, ``"mirror"``
            (edges once) or ``"reflect"`` (edges twice).
    """
    x = as_value(inputs)
    rank, name = len(known_shape(x)), dtype_of(x)
    if not isinstance(coordinates, list | tuple):
        whole = as_value(coordinates)
        count = known_shape(whole)[0] if whole.rank else 0
        coordinates = [op.Gather(whole, np.int64(i), axis=0) for i in range(count or 0)]
    points = [as_value(each) for each in coordinates]
    if len(points) != rank:
        raise ValueError(
            "First dim of `coordinates` must be the same as the rank of `inputs`. "
            f"Received inputs with shape: {known_shape(x)} and coordinate leading dim of {len(points)}"
        )
    if points[0].rank == 0:
        raise ValueError(
            f"Invalid coordinates rank: expected at least rank 2. Received input with shape: {(rank,)}"
        )
    _check_fill_mode(fill_mode)
    if order not in (0, 1):
        raise NotImplementedError("map_coordinates currently requires order<=1")
    flat = op.Reshape(in_type(x, "float64" if name in _EXACT_IN_64 else "float32"), [-1])
    sizes = [_size(x, axis) for axis in range(rank)]
    kind = dtype_of(flat)
    found = _seen(
        lambda place: op.Gather(flat, place, axis=0),
        [in_type(each, kind) for each in points], sizes, order, fill_mode, fill_value,
    )  # fmt: skip
    return rounded(found, name)


_EXACT_IN_64 = ("float64", "int32", "int64", "uint32", "uint64")


def _size(x: Value, axis: int) -> Size:
    size = known_shape(x)[axis]
    return size if isinstance(size, int) else op.Squeeze(op.Shape(x, start=axis, end=axis + 1), [0])


# --- images -------------------------------------------------------------------------------------------------


def _pixels(x: Value) -> tuple[Value, Value]:
    """Rows (1, rows, 1) and columns (1, 1, cols) of the pixels of (batch, rows, cols, channels)."""
    kind = dtype_of(x)
    rows, columns = (_up_to(_size(x, axis), kind) for axis in (1, 2))
    return op.Unsqueeze(rows, [0, 2]), op.Unsqueeze(columns, [0, 1])


def _up_to(size: Size, kind: str) -> Value:
    if isinstance(size, int):
        return in_type(Constant(np.arange(size)), kind)
    return K.cast(op.Range(np.int64(0), size, np.int64(1)), kind)


def _image_at(
    x: Value, rows: Value, columns: Value, interpolation: str, fill_mode: str, fill_value: Any
) -> Value:
    """Images (batch, rows, cols, channels) at points (batch, rows, cols)."""
    height, width = _size(x, 1), _size(x, 2)
    pixels = op.Reshape(x, op.Concat(np.array([-1]), op.Shape(x, start=3), axis=0))
    images = op.Range(np.int64(0), op.Squeeze(op.Shape(x, end=1), [0]), np.int64(1))
    before = op.Unsqueeze(images * (_int64(height) * _int64(width)), [1, 2])
    found = _seen(
        lambda place: op.Gather(pixels, place + before, axis=0),
        [rows, columns], [height, width], _ORDERS[interpolation], fill_mode, fill_value,
    )  # fmt: skip
    found.refine(x.dims or ())
    return found


@operation
def affine_transform(
    images: Any, transform: Any, interpolation: str = "bilinear", fill_mode: str = "constant",
    fill_value: Any = 0, data_format: str | None = None,
) -> Value:  # fmt: skip
    """Images in which each pixel comes from where a projective map takes it.

    Args:
        transform: (8,) or (batch, 8): a0 to a2, b0 to b2, c0, c1. The pixel (x, y) shows the point
            ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k) with k = c0 x + c1 y + 1.
    """
    check_known("interpolation", interpolation, _ORDERS)
    _check_fill_mode(fill_mode)
    batch = Batch(images, data_format, "channels_last")
    given = as_value(transform, dtype_of(batch.values))
    if given.rank not in (1, 2):
        raise ValueError(
            "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of transforms). "
            f"Received input with shape: transform.shape={known_shape(given)}"
        )
    return batch.back(_projected(batch.values, given, interpolation, fill_mode, fill_value))


def _projected(x: Value, transform: Value, interpolation: str, fill_mode: str, fill_value: Any) -> Value:
    """Images (batch, rows, cols, channels) by maps (batch, 8) or (8,)."""
    numbers = op.Split(op.Reshape(transform, [-1, 8]), axis=1, num_outputs=8, outputs=8)
    a0, a1, a2, b0, b1, b2, c0, c1 = (op.Unsqueeze(each, [2]) for each in numbers)
    rows, columns = _pixels(x)
    depth = c0 * columns + c1 * rows + 1.0
    along = (a0 * columns + a1 * rows + a2) / depth
    down = (b0 * columns + b1 * rows + b2) / depth
    return _image_at(x, down, along, interpolation, fill_mode, fill_value)


@operation
def perspective_transform(
    images: Any, start_points: Any, end_points: Any, interpolation: str = "bilinear", fill_value: Any = 0,
    data_format: str | None = None,
) -> Value:  # fmt: skip
    """Images in which four points have moved, and all others with them.

    Args:
        start_points, end_points: (4, 2) or (batch, 4, 2): column and row of each point before and after.
    """
    check_known("interpolation", interpolation, _ORDERS)
    check_rank(images)
    start, end = as_value(start_points), as_value(end_points)
    for name, points in (("start_points", start), ("end_points", end)):
        if points.rank not in (2, 3) or known_shape(points)[-2:] != (4, 2):
            raise ValueError(
                f"Invalid {name} shape: expected (4,2) for a single image or (N,4,2) for a batch. "
                f"Received shape: {known_shape(points)}"
            )
    if differ(known_shape(start), known_shape(end)):
        raise ValueError(
            "start_points and end_points must have the same shape. Received start_points.shape="
            f"{known_shape(start)}, end_points.shape={known_shape(end)}"
        )
    batch = Batch(images, data_format, "channels_last")
    maps = in_type(_homography(start, end), dtype_of(batch.values))
    return batch.back(_projected(batch.values, maps, interpolation, "constant", fill_value))


@operation
def compute_homography_matrix(start_points: Any, end_points: Any) -> Value:
    """The projective maps (batch, 8) that take the end points (batch, 4, 2) to the start points."""
    start, end = floating(start_points), floating(end_points)
    kind = dtype_of(start + end) if start.dtype == end.dtype else "float32"
    return in_type(_homography(start, end), kind)


def _homography(start: Value, end: Value) -> Value:
    """By bases of the projective plane: the fourth point, as a sum of the first three, says how much of each.

    A map takes ``sum of u_i p_i`` to ``sum of u_i q_i r_i``, with r_i the ratio of the parts that the i-th
    points have in the fourth ones.
    """
    given, sides = _parts_of_fourth(end)
    wanted, _ = _parts_of_fourth(start)
    points = _homogeneous(start)
    matrix = None
    for i in range(3):
        ratio = op.Unsqueeze(wanted[i] / given[i], [2])
        term = op.Unsqueeze(points[i], [2]) * op.Unsqueeze(sides[i], [1]) * ratio
        matrix = term if matrix is None else matrix + term
    assert matrix is not None
    flat = op.Reshape(matrix, [-1, 9])
    return op.Slice(flat, [0], [8], [1]) / op.Slice(flat, [8], [9], [1])


def _homogeneous(points: Value) -> list[Value]:
    """Four points (batch, 2), each as (batch, 3) with a 1."""
    points = op.Reshape(in_type(points, "float64"), [-1, 4, 2])
    whole = op.Pad(points, [0, 0, 0, 0, 0, 1], np.float64(1.0))
    return [op.Gather(whole, np.int64(i), axis=1) for i in range(4)]


def _parts_of_fourth(points: Value) -> tuple[list[Value], list[Value]]:
    """By how much of each of the first three points the fourth is made (batch, 1), and the lines through
    pairs of them (batch, 3)."""
    first, second, third, fourth = _homogeneous(points)
    lines = [_cross(second, third), _cross(third, first), _cross(first, second)]
    return [op.ReduceSum(fourth * line, [1], keepdims=1) for line in lines], lines


def _cross(a: Value, b: Value) -> Value:
    def turned(x: Value, order: list[int]) -> Value:
        return op.Gather(x, np.array(order, np.int64), axis=1)

    return turned(a, [1, 2, 0]) * turned(b, [2, 0, 1]) - turned(a, [2, 0, 1]) * turned(b, [1, 2, 0])


def elastic_transform(
    images: Any, alpha: Any = 20.0, sigma: Any = 5.0, interpolation: str = "bilinear",
    fill_mode: str = "reflect", fill_value: Any = 0.0, seed: Any = None, data_format: str | None = None,
) -> Any:  # fmt: skip
    """Images whose pixels are moved by smooth random fields (Simard et al. 2003).

    Args:
        alpha: how far they are moved.
        sigma: standard deviation of the smoothing, which decides the size of its window.

    Raises:
        NotTraceable: in a graph, for a ``sigma`` that it has only when it runs.
    """
    check_known("interpolation", interpolation, _ORDERS)
    _check_fill_mode(fill_mode)
    check_rank(images)
    if is_tracing() and isinstance(sigma, Value) and not isinstance(sigma, Constant):
        raise NotTraceable("`elastic_transform` with a sigma that a graph has only when it runs.")
    deviation = float(as_torch(sigma))
    sizes = _field_sizes(images, data_format)
    size = int(6 * deviation) | 1
    noise = random.normal((2, *sizes), 0.0, deviation, "float32", seed)
    fields = gaussian_blur(noise, (size, size), (deviation, deviation), "channels_first")
    return _moved(images, fields, alpha, interpolation, fill_mode, fill_value, data_format)


@operation
def _field_sizes(images: Any, data_format: str | None) -> tuple[Any, ...]:
    """Images, rows and columns."""
    return tuple(dims_of(Batch(images, data_format, "channels_last").values)[:3])


@operation
def _moved(
    images: Any, fields: Any, alpha: Any, interpolation: str, fill_mode: str, fill_value: Any,
    data_format: str | None,
) -> Value:  # fmt: skip
    batch = Batch(images, data_format, "channels_last")
    kind = dtype_of(batch.values)
    far = in_type(as_value(fields), kind) * in_type(as_value(alpha), kind)
    rows, columns = _pixels(batch.values)
    down, along = (op.Gather(far, np.int64(i), axis=0) for i in (0, 1))
    moved = _image_at(batch.values, rows + down, columns + along, interpolation, fill_mode, fill_value)
    return batch.back(moved)
