"""Resize.

Each axis is an index (nearest) or a weight matrix (linear, cubic) of its own; torch's kernels where they
agree.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._common import Floats, Ints, floats, ints

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def Resize(
    X: Tensor,
    roi: Floats | None = None,
    scales: Floats | None = None,
    sizes: Ints | None = None,
    *,
    antialias: int = 0,
    axes: tuple[int, ...] | None = None,
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Tensor:
    rank = X.dim()
    axes = tuple(range(rank)) if axes is None else tuple(axis % rank for axis in axes)
    factors, lengths = _targets(
        X.shape, axes, floats(scales), None if sizes is None else ints(sizes), keep_aspect_ratio_policy
    )
    region = floats(roi) if coordinate_transformation_mode == "tf_crop_and_resize" else ()
    changed = [i for i, axis in enumerate(axes) if region or factors[i] != 1 or lengths[i] != X.shape[axis]]
    if not region and not antialias and not exclude_outside:
        plan = (mode, coordinate_transformation_mode, nearest_mode)
        fast = _by_torch(X, {axes[i]: (factors[i], lengths[i]) for i in changed}, plan)
        if fast is not None:
            return fast
    data = X if mode == "nearest" or X.is_floating_point() else X.float()
    outside = None
    for i in changed:
        axis = axes[i]
        span = (region[i], region[i + len(axes)]) if region else None
        key = (X.shape[axis], lengths[i], factors[i], coordinate_transformation_mode, span)
        if mode == "nearest":
            data = data.index_select(axis, _nearest(*key, nearest_mode).to(X.device))
        else:
            cubic = cubic_coeff_a if mode == "cubic" else None
            matrix = _weights(*key, cubic, bool(antialias), bool(exclude_outside))
            matrix = matrix.to(device=X.device, dtype=data.dtype)
            data = torch.tensordot(data, matrix, ([axis], [1])).movedim(-1, axis)
        if span is not None:
            beyond = _beyond(*key).to(X.device).reshape(-1, *(1,) * (rank - 1 - axis))
            outside = beyond if outside is None else outside | beyond
    if outside is not None:
        data = torch.where(outside, extrapolation_value, data)
    return data if data.dtype == X.dtype else data.to(X.dtype)


def _targets(
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    scales: tuple[float, ...],
    sizes: tuple[int, ...] | None,
    policy: str,
) -> tuple[list[float], list[int]]:
    """The scale and the new length of each of the axes."""
    old = [shape[axis] for axis in axes]
    if sizes is None or not len(sizes):
        return list(scales), [math.floor(n * s) for n, s in zip(old, scales, strict=True)]
    factors = [new / n for new, n in zip(sizes, old, strict=True)]
    if policy == "stretch":
        return factors, list(sizes)
    common = min(factors) if policy == "not_larger" else max(factors)
    return [common] * len(axes), [math.floor(common * n + 0.5) for n in old]


def _by_torch(X: Tensor, changed: dict[int, tuple[float, int]], plan: tuple[str, str, str]) -> Tensor | None:
    """F.interpolate where its rule for coordinates is the one asked for; it keeps channels_last."""
    n = X.dim() - 2
    if not X.is_floating_point() or n not in (1, 2, 3) or any(axis < 2 for axis in changed):
        return None
    if any(length != X.shape[axis] * factor for axis, (factor, length) in changed.items()):
        return None  # torch would take the quotient of the lengths for the scale
    size = [changed[axis][1] if axis in changed else X.shape[axis] for axis in range(2, X.dim())]
    mode, coordinates, rounding = plan
    whole = all(factor == int(factor) for factor, _ in changed.values())
    if mode == "nearest" and whole and (coordinates, rounding) in _SAME_AS_NEAREST:
        if n == 2 and X.device.type == "cpu" and not torch.compiler.is_compiling():
            repeated: Tensor = _Repeated.apply(X, (size[0] // X.shape[2], size[1] // X.shape[3]))
            return repeated
        return F.interpolate(X, size, mode="nearest")
    if mode == "linear" and coordinates == "half_pixel":
        return F.interpolate(X, size, mode=_LINEAR[n], align_corners=False)
    if mode == "linear" and coordinates == "align_corners" and min(size) > 1:
        return F.interpolate(X, size, mode=_LINEAR[n], align_corners=True)
    return None


class _Repeated(torch.autograd.Function):
    """Each row and column as often as a pair of factors says.

    Torch's own gradient is computed in channels_first memory; sums over windows keep channels_last.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, factors: tuple[int, int]) -> Tensor:
        ctx.factors = factors
        return F.interpolate(x, [n * k for n, k in zip(x.shape[2:], factors, strict=True)], mode="nearest")

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        rows, columns = ctx.factors
        if rows * columns > 4 or dy.stride(1) != 1:
            return F.avg_pool2d(dy, ctx.factors, divisor_override=1), None
        # part of a concatenation, as in a U-Net: the kernel would copy it first
        first, *others = [dy[:, :, i::rows, j::columns] for i in range(rows) for j in range(columns)]
        for other in others:
            first = first + other
        return first, None


# for whole factors all of these repeat each element
_SAME_AS_NEAREST = {
    ("asymmetric", "floor"),
    ("half_pixel", "round_prefer_floor"),
    ("half_pixel", "round_prefer_ceil"),
    ("pytorch_half_pixel", "round_prefer_floor"),
    ("pytorch_half_pixel", "round_prefer_ceil"),
}


def _coordinates(old: int, new: int, scale: float, mode: str, span: tuple[float, float] | None) -> Tensor:
    """Where in the old axis each place of the new one lies."""
    x = torch.arange(new, dtype=torch.float64)
    width = scale * old
    if mode == "align_corners":
        return x * 0 if width == 1 else x * (old - 1) / (width - 1)
    if mode == "asymmetric":
        return x / scale
    if mode == "tf_crop_and_resize":
        begin, end = span or (0.0, 1.0)
        if width == 1:
            return x * 0 + (begin + end) * (old - 1) / 2
        return begin * (old - 1) + x * (end - begin) * (old - 1) / (width - 1)
    if mode == "pytorch_half_pixel" and width == 1:
        return x * 0
    centred = (x + 0.5) / scale - 0.5
    if mode == "half_pixel_symmetric":
        centred = centred + old / 2 * (1 - new / width)
    return centred


@lru_cache(maxsize=256)
def _beyond(old: int, new: int, scale: float, mode: str, span: tuple[float, float] | None) -> Tensor:
    x = _coordinates(old, new, scale, mode, span)
    return (x < 0) | (x > old - 1)


@lru_cache(maxsize=256)
def _nearest(
    old: int, new: int, scale: float, mode: str, span: tuple[float, float] | None, rounding: str
) -> Tensor:
    x = _coordinates(old, new, scale, mode, span)
    rounded = {
        "floor": torch.floor,
        "ceil": torch.ceil,
        "round_prefer_floor": lambda x: torch.ceil(x - 0.5),
        "round_prefer_ceil": lambda x: torch.floor(x + 0.5),
    }[rounding](x)
    return rounded.long().clamp(0, old - 1)


@lru_cache(maxsize=256)
def _weights(
    old: int,
    new: int,
    scale: float,
    mode: str,
    span: tuple[float, float] | None,
    cubic: float | None,
    antialias: bool,
    exclude_outside: bool,
) -> Tensor:
    """[new, old] weights; the edges repeat beyond the ends unless they are excluded."""
    x = _coordinates(old, new, scale, mode, span)
    stretch = min(scale, 1.0) if antialias else 1.0
    support = 1 if cubic is None else 2
    first = math.floor(-support / stretch) + 1
    base = torch.floor(x)
    taps = base.unsqueeze(1) + torch.arange(first, 2 - first)
    distance = (taps - x.unsqueeze(1)).abs() * stretch
    weights = _triangle(distance) if cubic is None else _cubic(distance, cubic)
    if exclude_outside:
        weights = weights * ((taps >= 0) & (taps < old))
    if exclude_outside or antialias:
        weights = weights / weights.sum(1, keepdim=True)
    return torch.zeros(new, old, dtype=torch.float64).scatter_add_(1, taps.long().clamp(0, old - 1), weights)


def _triangle(d: Tensor) -> Tensor:
    return (1 - d).clamp(min=0)


def _cubic(d: Tensor, a: float) -> Tensor:
    """Keys' kernel; a is its free coefficient."""
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return torch.where(d <= 1, near, torch.where(d < 2, far, 0.0))
