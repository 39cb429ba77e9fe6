"""Pooling over windows and over everything."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ._common import Ints, ints
from .nn import auto_pads, torch_pads

_MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


class _Windows:
    """Where the windows of a pooling lie.

    Attributes:
        pads: as ONNX orders them, after auto_pad.
        counts: windows per axis.
        exact: pads that make torch's plain rule (no ceil_mode) give just these windows: what ceil_mode
            adds at the end is in them, what it leaves over is cut off.
    """

    def __init__(
        self,
        size: tuple[int, ...],
        kernel: tuple[int, ...],
        strides: tuple[int, ...] | None,
        pads: tuple[int, ...] | None,
        dilations: tuple[int, ...] | None,
        auto_pad: str,
        ceil_mode: int,
    ) -> None:
        n = len(kernel)
        self.size, self.kernel = tuple(size), kernel
        self.strides = strides or (1,) * n
        self.dilations = dilations or (1,) * n
        self.pads = pads or (0,) * (2 * n)
        if auto_pad != "NOTSET":
            self.pads, ceil_mode = auto_pads(auto_pad, size, kernel, self.strides, self.dilations), 0
        counts, after = [], []
        for i in range(n):
            reach = self.dilations[i] * (kernel[i] - 1) + 1
            begin, end, stride = self.pads[i], self.pads[i + n], self.strides[i]
            free = size[i] + begin + end - reach
            count = (-(-free // stride) if ceil_mode else free // stride) + 1
            if ceil_mode and (count - 1) * stride >= size[i] + begin:
                count -= 1  # a window that would start in the padding at the end
            counts.append(count)
            after.append((count - 1) * stride + reach - size[i] - begin)
        self.counts = tuple(counts)
        self.exact = (*self.pads[:n], *after)
        self.symmetric = self.pads[:n] == self.pads[n:] and not ceil_mode
        self.halved = self.symmetric and all(2 * p <= k for p, k in zip(self.pads[:n], kernel, strict=True))

    def padded(self, X: Tensor, value: float) -> Tensor:
        """X with exactly what the windows read."""
        return F.pad(X, torch_pads(self.exact), value=value) if any(self.exact) else X

    def views(self, padded: Tensor) -> list[Tensor]:
        """Per place in the kernel, what all windows have there."""
        steps = list(zip(self.dilations, self.strides, self.counts, strict=True))
        views = []
        for at in itertools.product(*map(range, self.kernel)):
            taken = (slice(a * d, a * d + (c - 1) * s + 1, s) for a, (d, s, c) in zip(at, steps, strict=True))
            key: Any = (..., *taken)
            views.append(padded[key])
        return views

    def divisors(self, include_pad: int, like: Tensor) -> Tensor:
        """How many elements count in each window."""
        axes = _axes(self.size, self.kernel, self.strides, self.pads, self.dilations, self.counts)
        return _divisors(axes, bool(include_pad), like.dtype, like.device)


class _Axis(NamedTuple):
    """Where the windows of a pooling lie along one axis."""

    size: int
    kernel: int
    stride: int
    begin: int
    end: int
    dilation: int
    windows: int

    def inside(self, include_pad: bool) -> list[int]:
        """How many elements count in each window."""
        low, high = (-self.begin, self.size + self.end) if include_pad else (0, self.size)
        starts = (window * self.stride - self.begin for window in range(self.windows))
        return [sum(low <= s + j * self.dilation < high for j in range(self.kernel)) for s in starts]


def _axes(
    size: Ints, kernel: Ints, strides: Ints, pads: Ints, dilations: Ints, counts: Ints
) -> tuple[_Axis, ...]:
    n = len(kernel)
    return tuple(map(_Axis, size, kernel, strides, pads[:n], pads[n:], dilations, counts))


@lru_cache(maxsize=256)
def _divisors(axes: tuple[_Axis, ...], include_pad: bool, dtype: torch.dtype, device: torch.device) -> Tensor:
    result = torch.ones((), dtype=torch.float64)
    for axis in axes:
        result = result.unsqueeze(-1) * torch.tensor(axis.inside(include_pad), dtype=torch.float64)
    return result.to(dtype).to(device)


def MaxPool(
    X: Tensor,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: tuple[int, ...] | None = None,
    kernel_shape: tuple[int, ...],
    pads: tuple[int, ...] | None = None,
    storage_order: int = 0,
    strides: tuple[int, ...] | None = None,
    outputs: int = 1,
) -> Any:
    windows = _Windows(X.shape[2:], kernel_shape, strides, pads, dilations, auto_pad, ceil_mode)
    pool = _MAX[len(kernel_shape)]
    data = X if X.is_floating_point() else X.double()
    n = len(kernel_shape)
    padding, begins = windows.pads[:n], (0,) * n
    if not windows.halved:
        data, padding, begins = windows.padded(data, -math.inf), (0,) * n, windows.exact[:n]
    if outputs == 1:
        pooled = pool(data, kernel_shape, windows.strides, padding, windows.dilations)
        return pooled if X.is_floating_point() else pooled.to(X.dtype)
    pooled, places = pool(
        data, kernel_shape, windows.strides, padding, windows.dilations, return_indices=True
    )
    return pooled.to(X.dtype), _flat_places(places, X.shape, data.shape[2:], begins, storage_order)


def _flat_places(
    places: Tensor,
    shape: tuple[int, ...],
    padded: tuple[int, ...],
    begins: tuple[int, ...],
    storage_order: int,
) -> Tensor:
    """Indices into the whole flattened input, from indices into one padded plane."""
    axes: list[Tensor] = []
    for size, begin in zip(reversed(padded), reversed(begins), strict=True):
        axes.insert(0, places % size - begin)
        places = torch.div(places, size, rounding_mode="floor")
    spatial = shape[2:]
    order = range(len(spatial)) if not storage_order else reversed(range(len(spatial)))
    flat = torch.zeros_like(places)
    for axis in order:
        flat = flat * spatial[axis] + axes[axis]
    planes = torch.arange(shape[0] * shape[1], device=flat.device) * math.prod(spatial)
    return flat + planes.reshape(shape[0], shape[1], *(1,) * len(spatial))


def MaxUnpool(
    X: Tensor,
    I: Tensor,  # noqa: E741 - the specification's name
    output_shape: Any = None,
    *,
    kernel_shape: tuple[int, ...],
    pads: tuple[int, ...] | None = None,
    strides: tuple[int, ...] | None = None,
) -> Tensor:
    n = len(kernel_shape)
    strides, pads = strides or (1,) * n, pads or (0,) * (2 * n)
    natural = [
        (size - 1) * strides[i] - pads[i] - pads[i + n] + kernel_shape[i]
        for i, size in enumerate(X.shape[2:])
    ]
    natural = [*X.shape[:2], *natural]
    result = X.new_zeros(math.prod(natural)).scatter(0, I.reshape(-1), X.reshape(-1)).reshape(natural)
    if output_shape is None:
        return result
    wanted = ints(output_shape)
    return F.pad(
        result, [v for have, want in zip(natural[::-1], wanted[::-1], strict=True) for v in (0, want - have)]
    )


def AveragePool(
    X: Tensor,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: tuple[int, ...] | None = None,
    kernel_shape: tuple[int, ...],
    pads: tuple[int, ...] | None = None,
    strides: tuple[int, ...] | None = None,
) -> Tensor:
    windows = _Windows(X.shape[2:], kernel_shape, strides, pads, dilations, auto_pad, ceil_mode)
    pool = _AVERAGE[len(kernel_shape)]
    dense = all(d == 1 for d in windows.dilations)
    if dense and windows.halved:
        padding = windows.pads[: len(kernel_shape)]
        return pool(X, kernel_shape, windows.strides, padding, False, bool(count_include_pad))
    padded = windows.padded(X, 0.0)
    if dense:
        total = pool(padded, kernel_shape, windows.strides) * math.prod(kernel_shape)
    else:
        total = torch.stack(windows.views(padded)).sum(0)
    return total / windows.divisors(count_include_pad, X)


def LpPool(
    X: Tensor,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: tuple[int, ...] | None = None,
    kernel_shape: tuple[int, ...],
    p: int = 2,
    pads: tuple[int, ...] | None = None,
    strides: tuple[int, ...] | None = None,
) -> Tensor:
    windows = _Windows(X.shape[2:], kernel_shape, strides, pads, dilations, auto_pad, ceil_mode)
    return torch.linalg.vector_norm(torch.stack(windows.views(windows.padded(X, 0.0))), p, 0)


def GlobalAveragePool(X: Tensor) -> Tensor:
    return X.mean(tuple(range(2, X.dim())), keepdim=True)


def GlobalMaxPool(X: Tensor) -> Tensor:
    return X.amax(tuple(range(2, X.dim())), keepdim=True)


def GlobalLpPool(X: Tensor, *, p: int = 2) -> Tensor:
    return torch.linalg.vector_norm(X, p, tuple(range(2, X.dim())), keepdim=True)
