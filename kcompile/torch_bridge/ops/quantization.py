"""Quantisation, and products of quantised tensors.

QuantizeLinear and DequantizeLinear train. Integers carry no gradient in torch, so those that QuantizeLinear
makes remember what they were made of, and DequantizeLinear sends the gradient there: straight through
rounding (Bengio et al. 2013), not to what was clipped, and to the scale as in LSQ (Esser et al. 2020).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from . import nn
from .math import to_float8


def spread(q: Tensor, x: Tensor, axis: int, block_size: int) -> Tensor:
    """A scale or zero point shaped to broadcast over x: per tensor, per axis, or per block along the axis."""
    if q.dim() == 0 or q.numel() == 1 and q.dim() <= 1:
        return q.reshape(())
    if block_size:
        return q.repeat_interleave(block_size, axis).narrow(axis, 0, x.shape[axis])
    shape = [1] * x.dim()
    shape[axis] = -1
    return q.reshape(shape)


#: The least and the largest of integers.
RANGES = {
    torch.uint8: (0, 255),
    torch.int8: (-128, 127),
    torch.uint16: (0, 65535),
    torch.int16: (-32768, 32767),
}


def _quantize(x: Tensor, scale: Tensor, zero_point: Tensor | float, dtype: torch.dtype) -> Tensor:
    low, high = RANGES[dtype]
    return torch.clamp(torch.round(x / scale) + zero_point, low, high).to(dtype)


def _learns(x: Tensor, scale: Tensor) -> bool:
    return torch.is_grad_enabled() and (x.requires_grad or scale.requires_grad)


def _quantize_learning(x: Tensor, scale: Tensor, zero_point: Tensor | float, dtype: torch.dtype) -> Tensor:
    """As ``_quantize``; the integers remember x, its levels before they were clipped, and the bounds."""
    with torch.no_grad():
        low, high = RANGES[dtype]
        levels = torch.div(x, scale).round_().add_(zero_point)
        integers = torch.clamp(levels, low, high).to(dtype)
        integers._made_of = x, levels, low, high  # type: ignore[attr-defined]
    return integers


def remember(
    ctx: Any, x: Tensor, scale: Tensor, levels: Tensor, centred: Tensor, bounds: tuple[int, int]
) -> None:
    """Keeps in ``forward`` what ``gradients`` needs.

    Args:
        ctx: whose second input is the scale.
        levels: as they were before they were clipped to ``bounds``, with the zero point.
        centred: clipped, without the zero point.
    """
    saved = (x, scale, centred) if ctx.needs_input_grad[1] else ()
    ctx.save_for_backward(levels, *saved)
    ctx.bounds = bounds[0] - 0.5, bounds[1] + 0.5


def gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """Of x and of the scale, for the gradient of ``centred * scale``: straight through rounding and not to
    what was clipped, and to the scale as in LSQ."""
    levels, *saved = ctx.saved_tensors

    def where_not_clipped(values: Tensor) -> Tensor:
        found: Tensor = torch.ops.aten.hardtanh_backward(values, levels, *ctx.bounds)
        return found

    of_x = where_not_clipped(gradient) if ctx.needs_input_grad[0] else None
    if not saved:
        return of_x, None
    x, scale, centred = saved
    slope = centred - where_not_clipped(x / scale)
    return of_x, (gradient * slope).sum_to_size(scale.shape)


class _StraightThrough(torch.autograd.Function):
    """What DequantizeLinear makes of integers that remember what they were made of. rounding.py has the same
    for both operators in one call, which is quicker, for graphs that have them side by side; this is for
    others and for eager code."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, centred: Tensor, levels: Tensor, low: int, high: int
    ) -> Tensor:
        remember(ctx, x, scale, levels, centred, (low, high))
        return centred * scale

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> Any:
        return *gradients(ctx, *given), None, None, None, None


def QuantizeLinear(
    x: Tensor,
    y_scale: Tensor,
    y_zero_point: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: torch.dtype,
    saturate: int = 1,
) -> Tensor:
    scale = spread(y_scale, x, axis, block_size)
    if output_dtype.is_floating_point:
        return to_float8(x / scale, output_dtype, saturate)
    zero = 0.0 if y_zero_point is None else spread(y_zero_point, x, axis, block_size).to(x.dtype)
    quantize = _quantize_learning if _learns(x, scale) else _quantize
    return quantize(x, scale, zero, output_dtype)


def DequantizeLinear(
    x: Tensor, x_scale: Tensor, x_zero_point: Tensor | None = None, *, axis: int = 1, block_size: int = 0
) -> Tensor:
    scale = spread(x_scale, x, axis, block_size)
    if x.is_floating_point():
        return x.to(scale.dtype) * scale
    levels = x if x_zero_point is None else x.int() - spread(x_zero_point, x, axis, block_size).int()
    made_of = getattr(x, "_made_of", None)
    if made_of is None:
        return levels.to(scale.dtype) * scale
    source, *clipped = made_of
    found: Tensor = _StraightThrough.apply(source, scale, levels.to(scale.dtype), *clipped)
    return found


def DynamicQuantizeLinear(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    low, high = torch.clamp(x.min(), max=0), torch.clamp(x.max(), min=0)
    scale = (high - low) / 255
    zero_point = torch.clamp(torch.round(-low / scale), 0, 255)
    return _quantize(x, scale, zero_point, torch.uint8), scale, zero_point.to(torch.uint8)


def _centred(x: Tensor, zero_point: Tensor | None, axis: int) -> Tensor:
    """x minus its zero point as float64, in which sums of 16-bit products are exact."""
    x = x.double()
    if zero_point is None:
        return x
    if zero_point.dim() == 1 and zero_point.numel() > 1:
        shape = [1] * x.dim()
        shape[axis] = -1
        zero_point = zero_point.reshape(shape)
    elif zero_point.dim() <= 1:
        zero_point = zero_point.reshape(())
    return x - zero_point.double()


def MatMulInteger(
    A: Tensor, B: Tensor, a_zero_point: Tensor | None = None, b_zero_point: Tensor | None = None
) -> Tensor:
    return torch.matmul(_centred(A, a_zero_point, -2), _centred(B, b_zero_point, -1)).to(torch.int32)


def ConvInteger(
    x: Tensor, w: Tensor, x_zero_point: Tensor | None = None, w_zero_point: Tensor | None = None, **conv: Any
) -> Tensor:
    return nn.Conv(_centred(x, x_zero_point, 1), _centred(w, w_zero_point, 0), None, **conv).to(torch.int32)


def QLinearMatMul(
    a: Tensor,
    a_scale: Tensor,
    a_zero_point: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero_point: Tensor,
    y_scale: Tensor,
    y_zero_point: Tensor,
) -> Tensor:
    product = torch.matmul(
        _centred(a, a_zero_point, -2) * _rows(a_scale), _centred(b, b_zero_point, -1) * b_scale.double()
    )
    return _quantize(product, _rows(y_scale), _rows(y_zero_point), y_zero_point.dtype)


def _rows(scale: Tensor) -> Tensor:
    return scale.double().unsqueeze(-1) if scale.dim() == 1 and scale.numel() > 1 else scale.double()


def QLinearConv(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Tensor,
    w: Tensor,
    w_scale: Tensor,
    w_zero_point: Tensor,
    y_scale: Tensor,
    y_zero_point: Tensor,
    B: Tensor | None = None,
    **conv: Any,
) -> Tensor:
    bias = None if B is None else B.double()
    total = nn.Conv(_centred(x, x_zero_point, 1), _centred(w, w_zero_point, 0), bias, **conv)
    scale = x_scale.double() * w_scale.double()
    if scale.dim():
        scale = scale.reshape(-1, *(1,) * (total.dim() - 2))
    return _quantize(total * scale, y_scale.double(), y_zero_point.double(), y_zero_point.dtype)
