"""The operators on gradients that ONNX lacks: StopGradient, Gradient and OwnGradient."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, fx

from ..ir import KCOMPILE_DOMAIN, Graph, Node


def stop_gradient(x: Tensor) -> Tensor:
    """x, through which no gradient flows."""
    return x.detach()


def differentiable(x: Tensor) -> Tensor:
    """x as a tensor that gradients can be asked for: itself, or a leaf over the same memory."""
    return x if x.requires_grad else x.detach().requires_grad_()


def gradients(y: Tensor, *xs: Tensor, again: bool = True, only: bool = False) -> tuple[Tensor, ...]:
    """The gradients of ``sum(y)``; zeros for what y does not depend on.

    Args:
        again: whether they will be differentiated in turn.
        only: whether no others are asked for: what was kept for them is given back on the way.
    """
    if not y.requires_grad:
        return tuple(torch.zeros_like(x) for x in xs)
    again = again or _trains.get()
    ones = torch.ones_like(y) if y.dim() else None  # of a scalar torch makes them in less time
    found = torch.autograd.grad(
        y, xs, ones, retain_graph=again or not only, create_graph=again, allow_unused=True
    )
    return tuple(torch.zeros_like(x) if g is None else g for g, x in zip(found, xs, strict=True))


def own_gradient(
    *tensors: Tensor,
    sources: int,
    types: tuple[torch.dtype, ...],
    backward: fx.GraphModule,
    backward_captures: tuple[Tensor, ...],
) -> tuple[Tensor, ...]:
    """Tensors whose gradients a module computes.

    Args:
        tensors: those that gradients arrive at, then those that are given back.
        sources: how many the first are.
        types: of the gradients that the module takes.
        backward: of the gradients, then of what it captures.
    """
    given = (backward, sources, types, len(tensors), *tensors, *backward_captures)
    found: tuple[Tensor, ...] = _OwnGradient.apply(*given)
    return found


class _OwnGradient(torch.autograd.Function):
    """Results that are there already, and a module for their gradients."""

    @staticmethod
    def forward(ctx: Any, module: Any, sources: int, types: Any, count: int, *tensors: Tensor) -> Any:
        ctx.module, ctx.types = module, types
        ctx.source_types = [x.dtype for x in tensors[:sources]]
        ctx.others = len(tensors) - sources
        ctx.save_for_backward(*tensors[count:])
        return tuple(x.detach().clone() for x in tensors[sources:count])

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> Any:
        taken = [g.to(dtype) for g, dtype in zip(given, ctx.types, strict=True)]
        found = ctx.module(*taken, *ctx.saved_tensors)
        found = [g.to(dtype) for g, dtype in zip(found, ctx.source_types, strict=True)]
        return (None, None, None, None, *found, *([None] * ctx.others))


_twice: ContextVar[bool] = ContextVar("twice", default=False)
_trains: ContextVar[bool] = ContextVar("trains", default=False)


def differentiated_twice() -> bool:
    """Whether gradients that the running graph computes may themselves be differentiated."""
    return _twice.get()


class DifferentiatingModule(fx.GraphModule):
    """A lowered graph with Gradient nodes: it records gradients also where its caller does not.

    ``meta["nested"]`` says whether gradients of gradients are among them.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        trains = torch.is_grad_enabled()
        outer = _twice.set(trains or self.meta["nested"]), _trains.set(trains)
        try:
            with torch.enable_grad():
                results = super().__call__(*args, **kwargs)
        finally:
            _twice.reset(outer[0])
            _trains.reset(outer[1])
        return results if trains else tuple(result.detach() for result in results)


def differentiated_again(graph: Graph) -> set[Node]:
    """The Gradient nodes whose results another one differentiates, or a body that may."""
    found: set[Node] = set()
    behind: dict[Node, frozenset[Node]] = {}  # the Gradient nodes that a node depends on
    for node in graph.nodes:
        read = [behind.get(x.node, frozenset()) for x in graph.dependencies(node) if x.node is not None]
        before = frozenset().union(*read)
        if node.op_type == "Gradient" and node.domain == KCOMPILE_DOMAIN:
            found |= before
            before |= {node}
        elif graph.bodies(node):
            found |= before
        behind[node] = before
    return found
