"""Affine transformation of an image with NumPy: scipy.ndimage.affine_transform for orders 0 and 1.

Where a point falls outside the image, the four fill modes continue it as SciPy does:

    constant  kkkk|abcd|kkkk    nearest  aaaa|abcd|dddd
    reflect   dcba|abcd|dcba    wrap     bcd|abcd|abc  (SciPy's period is one pixel short: d and a coincide)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....optional import optional
from ... import rules


@rules.with_arguments
def apply_affine_transform(
    x: np.ndarray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 0,
    col_axis: int = 1,
    channel_axis: int = 2,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """An image rotated, shifted, sheared and zoomed about its centre, in this order of matrices.

    Args:
        x: image, rank 3.
        theta: rotation in degrees.
        tx, ty: shift in pixels along the rows' axis and along the columns' axis.
        shear: shear angle in degrees.
        zx, zy: zoom along the rows' axis and along the columns' axis; below 1 enlarges.
        row_axis, col_axis, channel_axis: the image's axes.
        fill_mode: "constant", "nearest", "reflect" or "wrap", for points outside the image.
        cval: value outside the image where fill_mode is "constant".
        order: 0 takes the nearest pixel, 1 interpolates linearly; 2 to 5 (splines) are left to SciPy, if
            installed.

    Returns:
        Array of the shape and dtype of ``x``; ``x`` itself where nothing is to do.
    """
    matrix = _matrix(theta, tx, ty, shear, zx, zy)
    if matrix is None:
        return x
    matrix = transform_matrix_offset_center(matrix, x.shape[row_axis], x.shape[col_axis])
    planes = np.moveaxis(x, channel_axis, 0)
    moved = affine_planes(planes, matrix[:2, :2], matrix[:2, 2], order=order, mode=fill_mode, cval=cval)
    return np.moveaxis(moved, 0, channel_axis)


def _matrix(theta: float, tx: float, ty: float, shear: float, zx: float, zy: float) -> np.ndarray | None:
    factors = []
    if theta != 0:
        cos, sin = np.cos(np.deg2rad(theta)), np.sin(np.deg2rad(theta))
        factors.append([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    if tx != 0 or ty != 0:
        factors.append([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    if shear != 0:
        angle = np.deg2rad(shear)
        factors.append([[1, -np.sin(angle), 0], [0, np.cos(angle), 0], [0, 0, 1]])
    if zx != 1 or zy != 1:
        factors.append([[zx, 0, 0], [0, zy, 0], [0, 0, 1]])
    if not factors:
        return None
    product = np.array(factors[0], dtype="float64")
    for factor in factors[1:]:
        product = product @ np.array(factor, dtype="float64")
    return product


def apply_transform(
    x: Any, transform_matrix: np.ndarray, channel_axis: int = 0, fill_mode: str = "nearest", cval: float = 0.0
) -> np.ndarray:
    """The image sampled where the matrix says, with linear interpolation, as Keras 2.0 and 2.1 have it.

    Args:
        x: array of 3 axes, one of them of channels.
        transform_matrix: 3 x 3, of (row, column, 1).
        channel_axis: the axis of channels.
        fill_mode, cval: as for ``apply_affine_transform``.
    """
    planes = np.moveaxis(np.asarray(x), channel_axis, 0)
    matrix = np.asarray(transform_matrix)
    sampled = affine_planes(planes, matrix[:2, :2], matrix[:2, 2], 1, fill_mode, cval)
    return np.moveaxis(sampled, 0, channel_axis)


def transform_matrix_offset_center(matrix: np.ndarray, x: int, y: int) -> np.ndarray:
    """A 3 x 3 transformation about the centre of an image of x rows and y columns."""
    # Keras's centre: half a pixel beyond the middle of the pixel grid.
    center = [x / 2 + 0.5, y / 2 + 0.5]
    there, back = np.eye(3), np.eye(3)
    there[:2, 2], back[:2, 2] = center, np.negative(center)
    return there @ matrix @ back


def affine_planes(
    planes: np.ndarray, matrix: np.ndarray, offset: np.ndarray, order: int, mode: str, cval: float
) -> np.ndarray:
    """Each plane sampled at ``matrix @ (row, column) + offset``.

    Args:
        planes: array (plane, row, column).
        matrix: 2 x 2.
        offset: (row, column).
        order, mode, cval: as for ``apply_affine_transform``.

    Raises:
        ValueError: an unknown mode or order. ImportError: order over 1 without SciPy.
    """
    if mode not in _CONTINUATIONS:
        raise ValueError(f"Unknown fill_mode {mode!r}; expected one of {', '.join(_CONTINUATIONS)}.")
    if order not in range(6):
        raise ValueError(f"Unknown interpolation order {order!r}; expected 0 to 5.")
    if order > 1:
        return _spline_planes(planes, matrix, offset, order, mode, cval)
    height, width = planes.shape[1:]
    rows, columns = np.arange(height)[:, np.newaxis], np.arange(width)[np.newaxis, :]
    points = [matrix[axis, 0] * rows + matrix[axis, 1] * columns + offset[axis] for axis in (0, 1)]
    vertical, horizontal = (_Points(p, n, order, mode) for p, n in zip(points, (height, width), strict=True))
    pixels = planes.reshape(len(planes), height * width)
    sampled = np.zeros(planes.shape, dtype="float64")
    for row, row_weight in vertical.neighbours:
        for column, column_weight in horizontal.neighbours:
            sampled += np.take(pixels, row * width + column, axis=1) * (row_weight * column_weight)
    if mode == "constant":
        sampled[:, vertical.outside | horizontal.outside] = cval
    return _cast(sampled, planes.dtype)


class _Points:
    """Coordinates along one axis: the pixels to read there with their weights, and which lie ``outside``."""

    def __init__(self, points: np.ndarray, size: int, order: int, mode: str) -> None:
        self.outside = (points < 0) | (points > size - 1)
        inside = _CONTINUATIONS[mode](points, size)
        # A pixel index may still be one off the grid; "reflect" has pixel 0 at -1 as well, and so has
        # clipping.
        if order == 0:
            self.neighbours = [(_pixel(np.floor(inside + 0.5), size), 1.0)]
        else:
            first = np.floor(inside)
            weight = inside - first
            self.neighbours = [(_pixel(first, size), 1 - weight), (_pixel(first + 1, size), weight)]


def _pixel(index: np.ndarray, size: int) -> np.ndarray:
    return np.clip(index, 0, size - 1).astype(np.intp)


def _nearest(points: np.ndarray, size: int) -> np.ndarray:
    return np.clip(points, 0, size - 1)


def _reflect(points: np.ndarray, size: int) -> np.ndarray:
    period = 2 * size
    folded = np.mod(points, period)
    folded = np.where(folded >= size, period - 1 - folded, folded)
    return np.where((points < 0) | (points > size - 1), folded, points)


def _wrap(points: np.ndarray, size: int) -> np.ndarray:
    if size == 1:
        return np.zeros_like(points)
    period = size - 1
    below = points + period * (np.trunc(-points / period) + 1)
    above = points - period * np.trunc(points / period)
    return np.where(points < 0, below, np.where(points > size - 1, above, points))


_CONTINUATIONS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "constant": _nearest,
    "nearest": _nearest,
    "reflect": _reflect,
    "wrap": _wrap,
}


def _cast(sampled: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    if dtype.kind not in "iu":
        return sampled.astype(dtype)
    # Integers round half away from zero and stay in range, as SciPy's do.
    limits = np.iinfo(dtype)
    rounded = np.trunc(sampled + np.copysign(0.5, sampled))
    return np.clip(rounded, limits.min, limits.max).astype(dtype)


def _spline_planes(
    planes: np.ndarray, matrix: np.ndarray, offset: np.ndarray, order: int, mode: str, cval: float
) -> np.ndarray:
    with optional("scipy", f"Interpolation of order {order} (a spline; orders 0 and 1 are none)"):
        from scipy import ndimage
    transformed = [
        ndimage.affine_transform(plane, matrix, offset, order=order, mode=mode, cval=cval) for plane in planes
    ]
    return np.stack(transformed)
