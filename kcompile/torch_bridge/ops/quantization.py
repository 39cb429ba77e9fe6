"""Quantisation, and products of quantised tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from . import nn
from .math import to_float8


def _spread(q: Tensor, x: Tensor, axis: int, block_size: int) -> Tensor:
    """A scale or zero point shaped to broadcast over x: per tensor, per axis, or per block along the axis."""
    if q.dim() == 0 or q.numel() == 1 and q.dim() <= 1:
        return q.reshape(())
    if block_size:
        return q.repeat_interleave(block_size, axis).narrow(axis, 0, x.shape[axis])
    shape = [1] * x.dim()
    shape[axis] = -1
    return q.reshape(shape)


_RANGES = {
    torch.uint8: (0, 255),
    torch.int8: (-128, 127),
    torch.uint16: (0, 65535),
    torch.int16: (-32768, 32767),
}


def _quantize(x: Tensor, scale: Tensor, zero_point: Tensor | float, dtype: torch.dtype) -> Tensor:
    low, high = _RANGES[dtype]
    return torch.clamp(torch.round(x / scale) + zero_point, low, high).to(dtype)


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
    scale = _spread(y_scale, x, axis, block_size)
    if output_dtype.is_floating_point:
        return to_float8(x / scale, output_dtype, saturate)
    zero = 0.0 if y_zero_point is None else _spread(y_zero_point, x, axis, block_size).to(x.dtype)
    return _quantize(x, scale, zero, output_dtype)


def DequantizeLinear(
    x: Tensor, x_scale: Tensor, x_zero_point: Tensor | None = None, *, axis: int = 1, block_size: int = 0
) -> Tensor:
    scale = _spread(x_scale, x, axis, block_size)
    if x.is_floating_point():
        return x.to(scale.dtype) * scale
    if x_zero_point is not None:
        x = x.int() - _spread(x_zero_point, x, axis, block_size).int()
    return x.to(scale.dtype) * scale


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
