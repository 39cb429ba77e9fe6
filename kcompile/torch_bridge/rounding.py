"""QuantizeLinear and the DequantizeLinear that reads it, by one call: what trains for integers.

Integers of 8 bits are slow to make and to read again, and so is what remembers which of them were clipped; in
one call levels stay floats, of the very same numbers. (torch's own fake_quantize multiplies by the reciprocal
of the scale, which rounds some numbers to other levels than onnxruntime does, and takes several times as
long.)
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, fx, nn

from .ops.quantization import RANGES, DequantizeLinear, QuantizeLinear, gradients, remember, spread


class _Rounded(torch.autograd.Function):
    """``x`` as integers say it, with the gradients that the two operators by themselves have."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, zero_point: Tensor | None, low: int, high: int) -> Tensor:
        levels = torch.div(x, scale).round_()
        if zero_point is not None:
            levels.add_(zero_point)
        centred = torch.clamp(levels, low, high)
        if zero_point is not None:
            centred.sub_(zero_point)
        remember(ctx, x, scale, levels, centred, (low, high))
        # in place where the gradient of the scale does not read it
        return centred * scale if ctx.needs_input_grad[1] else centred.mul_(scale)

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> Any:
        return *gradients(ctx, *given), None, None, None


def rounded(
    x: Tensor,
    y_scale: Tensor,
    y_zero_point: Tensor | None = None,
    *,
    axis: int = 1,
    output_dtype: torch.dtype,
) -> Tensor:
    """``DequantizeLinear(QuantizeLinear(x))``, by the same scale and zero point.

    Args:
        x: floats of any shape.
        y_scale, y_zero_point: (), or (channels,) along the axis; no zero point is 0.
        axis: of the channels.
        output_dtype: of the integers between.
    """
    scale = spread(y_scale, x, axis, 0)
    zero = None if y_zero_point is None else spread(y_zero_point, x, axis, 0).to(x.dtype)
    found: Tensor = _Rounded.apply(x, scale, zero, *RANGES[output_dtype])
    return found


def fuse_roundings(graph: fx.Graph, root: nn.Module, constants: Collection[str]) -> None:
    """Puts one call in the place of each QuantizeLinear that nothing but one DequantizeLinear reads, by the
    same scale and zero point.

    Args:
        root: holds the constants of the graph.
        constants: their names.
    """
    for node in list(graph.nodes):
        integers = node.args[0] if node.target is DequantizeLinear else None
        if not isinstance(integers, fx.Node) or integers.target is not QuantizeLinear:
            continue
        options = dict(integers.kwargs)
        dtype = options.pop("output_dtype")
        same = (
            integers.args[1:] == node.args[1:] and options == dict(node.kwargs) and set(options) <= {"axis"}
        )
        if not same or len(integers.users) > 1 or dtype not in RANGES:
            continue
        x, scale, *zero = integers.args
        node.target = rounded
        node.args = (x, scale, *(each for each in zero if not _is_zero(each, root, constants)))
        node.kwargs = {**options, "output_dtype": dtype}
        graph.erase_node(integers)


def _is_zero(zero_point: Any, root: nn.Module, constants: Collection[str]) -> bool:
    """Whether it is a constant of zeros, or none."""
    if not isinstance(zero_point, fx.Node):
        return zero_point is None
    name = str(zero_point.target)
    return zero_point.op == "get_attr" and name in constants and not bool(getattr(root, name).any())
