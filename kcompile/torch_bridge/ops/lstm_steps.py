"""The steps of an LSTM whose gates are hard sigmoids, Keras 2's default: forward and backward written out.

Autograd over the plain loop records some twenty small operations a step. Here a step is seven forward and six
backward, and the gradients of the weights are one product over all steps.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class LstmSteps(torch.autograd.Function):
    """(projected inputs [time, batch, 4 * hidden], h, c, weights [hidden, 4 * hidden]) -> (Y, all c).

    Y and c are [time, batch, hidden]. Gates in ONNX's order iofc; i, o and f are clamped to [0, 1], the
    candidate and the output go through tanh.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, h: Tensor, c: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        steps, batch, width = x.shape
        hidden = width // 4
        gates = torch.empty_like(x, memory_format=torch.contiguous_format)
        cells, squashed, y = (x.new_empty(steps, batch, hidden) for _ in range(3))
        before, cell = h, c
        for t in range(steps):
            gate = torch.addmm(x[t], before, recurrent, out=gates[t])
            gate[:, : 3 * hidden].clamp_(0, 1)
            gate[:, 3 * hidden :].tanh_()
            i, o, f, candidate = gate.chunk(4, 1)
            cell = torch.mul(f, cell, out=cells[t]).addcmul_(i, candidate)
            before = torch.mul(o, torch.tanh(cell, out=squashed[t]), out=y[t])
        ctx.save_for_backward(x, h, c, recurrent, gates, cells, squashed, y)
        ctx.set_materialize_grads(False)
        return y, cells

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, dcells: Tensor | None) -> tuple[Tensor, ...]:
        x, h, c, recurrent, gates, cells, squashed, y = ctx.saved_tensors
        dy = torch.zeros_like(y) if dy is None else dy
        if torch.is_grad_enabled():  # gradients of gradients: autograd over the plain loop knows them
            dcells = torch.zeros_like(y) if dcells is None else dcells
            return _lstm_backward_again((x, h, c, recurrent), (dy, dcells))
        steps, batch, width = x.shape
        hidden = width // 4
        i, o, f, candidate = gates.chunk(4, 2)
        previous = torch.cat([c.unsqueeze(0), cells[:-1]])
        # what a step multiplies its incoming gradient by, for all steps at once
        slopes = torch.empty_like(gates)
        slopes[..., : 3 * hidden] = (gates[..., : 3 * hidden] > 0) & (gates[..., : 3 * hidden] < 1)
        slopes[..., 3 * hidden :] = 1 - candidate.square()
        factors = torch.cat([candidate, squashed, previous, i], 2).mul_(slopes).view(steps, batch, 4, hidden)
        through = o * (1 - squashed.square())
        dgates = torch.empty_like(gates)
        dh, dc = torch.zeros_like(h), torch.zeros_like(c)
        recurrent_t = recurrent.t()
        for t in reversed(range(steps)):
            dh = dh + dy[t]
            if dcells is not None:
                dc.add_(dcells[t])
            dc.addcmul_(dh, through[t])
            dgate = dgates[t].view(batch, 4, hidden)
            torch.mul(factors[t], dc.unsqueeze(1), out=dgate)
            torch.mul(factors[t, :, 1], dh, out=dgate[:, 1])
            dc.mul_(f[t])
            dh = torch.mm(dgates[t], recurrent_t)
        outputs_before = torch.cat([h.unsqueeze(0), y[:-1]]).reshape(-1, hidden)
        return dgates, dh, dc, torch.mm(outputs_before.t(), dgates.reshape(-1, width))


def _plain_lstm(x: Tensor, h: Tensor, c: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
    rows, cells = [], []
    hidden = h.shape[1]
    for xt in x.unbind(0):
        iof, candidate = torch.addmm(xt, h, recurrent).split((3 * hidden, hidden), 1)
        i, o, f = torch.clamp(iof, 0, 1).chunk(3, 1)
        c = torch.addcmul(f * c, i, torch.tanh(candidate))
        h = o * torch.tanh(c)
        rows.append(h)
        cells.append(c)
    return torch.stack(rows), torch.stack(cells)


def _lstm_backward_again(inputs: tuple[Tensor, ...], grads: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    with torch.enable_grad():
        leaves = [x if x.requires_grad else x.detach().requires_grad_() for x in inputs]
        return torch.autograd.grad(_plain_lstm(*leaves), leaves, grads, create_graph=True)


def lstm_applies(x: Tensor, steps: int) -> bool:
    """Whether the written-out steps can stand for the loop here."""
    return steps > 0 and not torch.compiler.is_compiling() and not torch.is_autocast_enabled(x.device.type)
