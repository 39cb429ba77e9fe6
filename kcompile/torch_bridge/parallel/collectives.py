"""Values of several processes as those of the whole batch, within a graph that gradients flow through.

The convention of gradients: each process has the gradient with respect to a weight as if its shard were the
whole batch, so that the mean weighted by shares is that of the batch. The mean of values is its own adjoint
then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from .partition import Way


class Share:
    """This process's part of the batch of the running step.

    Attributes:
        value: of the samples, from 0 to 1; a process of 0 computes on a sample that does not count.
    """

    def __init__(self) -> None:
        self.value = 1.0


def joined(share: Share, ways: Sequence[Way], tensors: Sequence[Tensor]) -> list[Tensor]:
    """Each tensor, added up over the processes or as a mean weighted by their shares."""
    found: list[Tensor | None] = [None] * len(tensors)
    for dtype in dict.fromkeys(x.dtype for x in tensors):
        chosen = [i for i, x in enumerate(tensors) if x.dtype == dtype]
        chosen.sort(key=lambda i: ways[i] == "mean")
        added = sum(tensors[i].numel() for i in chosen if ways[i] == "sum")
        flat = torch.cat([tensors[i].reshape(-1) for i in chosen])
        parts = _Joined.apply(flat, share.value, added).split([tensors[i].numel() for i in chosen])
        for i, part in zip(chosen, parts, strict=True):
            found[i] = part.reshape(tensors[i].shape)
    return [x for x in found if x is not None]


def times_share(share: Share, x: Tensor) -> Tensor:
    """x, multiplied by this process's share."""
    return x * share.value


class _Joined(torch.autograd.Function):
    """The first ``added`` elements added up, the others as a weighted mean."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, share: float, added: int) -> Tensor:
        ctx.share, ctx.added = share, added
        own = flat.clone()
        if not share:
            own.zero_()
        elif added < len(own):
            own[added:] *= share
        dist.all_reduce(own)
        return own

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # type: ignore[override]
        mean = _Joined.apply(gradient, ctx.share, 0)
        inverse = 1.0 / ctx.share if ctx.share else 0.0
        return torch.cat([mean[: ctx.added] * inverse, mean[ctx.added :]]), None, None


def gathered(own: Tensor, first: int, rows: int, samples: int) -> Tensor:
    """The rows of all processes, in order.

    Args:
        own: (rows of this process or a multiple of them, ...).
        first: number of the process's first sample.
        rows: how many samples it has.
        samples: how many there are in all.
    """
    times = max(own.shape[0] // max(rows, 1), 1)
    whole = own.new_zeros((samples * times, *own.shape[1:]))
    whole = whole.to(torch.uint8) if own.dtype == torch.bool else whole
    if rows:
        whole[first * times : (first + rows) * times] = own
    dist.all_reduce(whole)
    return whole.to(own.dtype)
