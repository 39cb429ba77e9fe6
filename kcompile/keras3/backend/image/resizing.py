"""Images in another size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kcompile.ir import Constant, Value, op
from kcompile.keras import backend as K
from kcompile.keras.backend.tensors import static_sizes
from kcompile.keras.operations.resizing import ImageSize

from ..promotion import floating, in_type, promoted
from ..tensors import NotTraceable, as_value, dtype_of, operation
from .layout import Batch, check_known, rounded

_INTERPOLATIONS = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")


@operation
def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Value:
    """Images of another size, of their own type; whole numbers are rounded and stay within its limits.

    Args:
        size: rows and columns.
        antialias: whether they are smoothed where they get smaller.
        crop_to_aspect_ratio, pad_to_aspect_ratio: whether their proportions are kept, by cutting them or by
            a margin of ``fill_value``.
    """
    check_known("interpolation", interpolation, _INTERPOLATIONS)
    if fill_mode != "constant":
        raise ValueError(
            "Invalid value for argument `fill_mode`. Only `'constant'` is supported. "
            f"Received: fill_mode={fill_mode}"
        )
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ValueError("Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`.")
    if len(size) != 2:
        raise ValueError(
            f"Argument `size` must be a tuple of two elements (height, width). Received: size={size}"
        )
    batch = Batch(images, data_format, "channels_first")
    target = ImageSize(int(size[0]), int(size[1]), "channels_first", "keras.ops.image.resize")
    x = batch.values
    if crop_to_aspect_ratio:
        x = target.cropped_to_aspect(x)
    elif pad_to_aspect_ratio:
        x = target.padded_to_aspect(x, fill_value)
    return batch.back(target.resized(x, interpolation, antialias and interpolation != "nearest"))


# --- scaled and moved along any axes ------------------------------------------------------------------------


def _triangle(x: Value) -> Value:
    return op.Relu(1.0 - x)


def _keys(x: Value) -> Value:
    """Keys's cubic convolution (1981)."""
    near = ((x * 1.5 - 2.5) * x) * x + 1.0
    far = ((x * -0.5 + 2.5) * x - 4.0) * x + 2.0
    return op.Where(x >= 2.0, x * 0.0, op.Where(x >= 1.0, far, near))


def _lanczos(radius: float) -> Callable[[Value], Value]:
    def kernel(x: Value) -> Value:
        turned = x * math.pi
        waves = op.Sin(turned) * op.Sin(turned * (1.0 / radius)) * radius
        is_near = x <= 1e-3
        found = waves / op.Where(is_near, x * 0.0 + 1.0, turned * turned)
        return op.Where(x > radius, x * 0.0, op.Where(is_near, x * 0.0 + 1.0, found))

    return kernel


_KERNELS: dict[str, Callable[[Value], Value]] = {
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), _triangle),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), _keys),
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
}


def _weights(
    old: int, new: int, scale: Value, offset: Value, kernel: Callable[[Value], Value], antialias: bool
) -> Value:
    """(old, new): the part that each old number has in a new one; columns of what lies beyond are 0."""
    kind = dtype_of(scale)
    inverse = op.Reciprocal(scale)
    centres = in_type(Constant(np.arange(new) + 0.5), kind) * inverse - offset * inverse - 0.5
    places = in_type(Constant(np.arange(old)[:, None].astype(np.float64)), kind)
    distance = op.Abs(centres - places)
    if antialias:
        distance = distance / op.Max(inverse, in_type(1.0, kind))
    weights = kernel(distance)
    total = op.ReduceSum(weights, [0], keepdims=1)
    is_some = op.Abs(total) > 1000.0 * float(np.finfo(np.float32).eps)
    is_within = op.And(centres >= -0.5, centres <= old - 0.5)
    part = weights / op.Where(is_some, total, total * 0.0 + 1.0)
    return op.Where(op.And(is_some, is_within), part, part * 0.0)


@operation
def scale_and_translate(
    images: Any,
    output_shape: Sequence[int],
    scale: Any,
    translation: Any,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Value:
    """Images scaled, then moved, along some axes (jax.image.scale_and_translate).

    Args:
        output_shape: sizes of the result along all axes.
        scale, translation: one number for each of ``spatial_dims``.
        method: ``"linear"``, ``"cubic"``, ``"lanczos3"`` or ``"lanczos5"``.
    """
    check_known("method", method, _KERNELS)
    x = as_value(images)
    name = dtype_of(x)
    factors, offsets = promoted(floating(scale), floating(translation))
    factors, offsets = (K.cast(given, "float32") if given.dtype.itemsize < 4 else given
                        for given in (factors, offsets))  # fmt: skip
    y = in_type(x, "float64" if name == "float64" else "float32")
    sizes = static_sizes(x)
    rank = len(sizes)
    for i, given in enumerate(spatial_dims):
        axis = given % rank
        factor, offset = (op.Gather(each, np.int64(i), axis=0) for each in (factors, offsets))
        old, new = sizes[axis], int(output_shape[axis])
        if old is None:
            raise NotTraceable(f"`scale_and_translate` along axis {axis}, whose size is open.")
        matrix = _weights(old, new, factor, offset, _KERNELS[method], antialias)
        others = [a for a in range(rank) if a != axis]
        moved = op.MatMul(op.Transpose(y, perm=[*others, axis]), in_type(matrix, dtype_of(y)))
        y = op.Transpose(moved, perm=[*range(axis), rank - 1, *range(axis, rank - 1)])
    if x.dtype.kind in "iu":
        least, most = (in_type(reduce(x), dtype_of(y)) for reduce in (K.min, K.max))
        y = op.Min(op.Max(op.Round(y), least), most)
    return rounded(y, name)
