"""The steps of a GRU that resets after its product, Keras's default: forward and backward written out.

Torch's GRU has no kernel of its own on a CPU: autograd records some twenty small operations a step. Here a
step is six forward and four backward, and the gradients of the weights are one product over all steps.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class GruSteps(torch.autograd.Function):
    """(projected inputs [time, batch, 3 * hidden], h [batch, hidden], weights [3 * hidden, hidden],
    bias [3 * hidden] of the recurrent products) -> Y [time, batch, hidden].

    Gates in ONNX's order zrh: sigmoids of z and r, tanh of the candidate, whose product r multiplies.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, h: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
        steps, batch, width = x.shape
        hidden = width // 3
        # the candidate's product first, so that backward finds the gradients of both in one row: hzrh
        hzr, its_bias = (torch.cat([w[2 * hidden :], w[: 2 * hidden]]) for w in (recurrent, bias))
        gates, products = (torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(2))
        y = x.new_empty(steps + 1, batch, hidden)
        y[0] = h
        weights = hzr.t()
        parts = *_by_step(x, 2 * hidden), *_by_step(products, hidden), *_by_step(gates, 2 * hidden)
        rows = zip(*parts, products.unbind(0), y[:-1].unbind(0), y[1:].unbind(0), strict=True)
        for x_zr, x_h, h_h, h_zr, zr, candidate, product, before, after in rows:
            torch.addmm(its_bias, before, weights, out=product)
            torch.add(x_zr, h_zr, out=zr).sigmoid_()
            torch.addcmul(x_h, zr[:, hidden:], h_h, out=candidate).tanh_()
            torch.lerp(candidate, before, zr[:, :hidden], out=after)
        ctx.save_for_backward(x, h, recurrent, bias, hzr, gates, products, y)
        return y[1:]

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:
        x, h, recurrent, bias, hzr, gates, products, y = ctx.saved_tensors
        if torch.is_grad_enabled():  # gradients of gradients: autograd over the plain loop knows them
            return _differentiable_backward((x, h, recurrent, bias), dy)
        steps, batch, width = x.shape
        hidden = width // 3
        factors = _factors(gates, products[..., :hidden], y[:-1])
        found = torch.empty_like(factors)
        dh = dy[-1]
        before = [torch.zeros_like(h), *dy[:-1].unbind(0)]
        rows = zip(before, gates[..., :hidden].unbind(0), factors.unbind(0), found.unbind(0), strict=True)
        for dout, z, factor, of_step in reversed(list(rows)):
            torch.mul(factor, dh.unsqueeze(1), out=of_step)
            dh = torch.addcmul(dout, dh, z).addmm_(of_step.view(batch, -1)[:, :width], hzr)
        found = found.view(steps, batch, -1)
        inner = found[..., :width].reshape(-1, width)
        products_h_last = [torch.mm(inner.t(), y[:-1].reshape(-1, hidden)), inner.sum(0)]
        drecurrent, dbias = (torch.cat([w[hidden:], w[:hidden]]) for w in products_h_last)
        return found[..., hidden:], dh, drecurrent, dbias


def _by_step(x: Tensor, first: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The first elements of each row, and the others, step by step."""
    return x[..., :first].unbind(0), x[..., first:].unbind(0)


def _factors(gates: Tensor, product: Tensor, previous: Tensor) -> Tensor:
    """[time, batch, 4, hidden]: what a step multiplies the gradient of its output by, to have those of the
    candidate's product, of z, r and of the candidate, each before its activation."""
    z, r, candidate = gates.chunk(3, 2)
    factors = gates.new_empty(*product.shape[:2], 4, product.shape[2])
    of_product, of_z, of_r, of_candidate = factors.unbind(2)
    _tanh_backward(1 - z, candidate, grad_input=of_candidate)
    torch.mul(of_candidate, r, out=of_product)
    _sigmoid_backward(previous - candidate, z, grad_input=of_z)
    _sigmoid_backward(of_candidate * product, r, grad_input=of_r)
    return factors


_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input


def _plain(x: Tensor, h: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
    rows = []
    hidden = h.shape[1]
    for xt in x.unbind(0):
        of_x, x_last = xt.split((2 * hidden, hidden), 1)
        of_h, h_last = torch.addmm(bias, h, recurrent.t()).split((2 * hidden, hidden), 1)
        z, r = torch.sigmoid(of_x + of_h).chunk(2, 1)
        h = torch.lerp(torch.tanh(torch.addcmul(x_last, r, h_last)), h, z)
        rows.append(h)
    return torch.stack(rows)


def _differentiable_backward(inputs: tuple[Tensor, ...], dy: Tensor) -> tuple[Tensor, ...]:
    with torch.enable_grad():
        leaves = [x if x.requires_grad else x.detach().requires_grad_() for x in inputs]
        return torch.autograd.grad(_plain(*leaves), leaves, dy, create_graph=True)


def applies(x: Tensor, *weights: Tensor) -> bool:
    """Whether the written-out steps should stand for torch's: on a CPU, where gradients are asked for."""
    device = x.device.type
    return (
        device == "cpu"
        and len(x) > 0
        and torch.is_grad_enabled()
        and any(tensor.requires_grad for tensor in (x, *weights))
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled(device)
    )


__all__ = ["GruSteps", "applies"]
