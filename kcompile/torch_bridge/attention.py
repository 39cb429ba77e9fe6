"""Attention that a graph writes out as products and a softmax, computed by torch's kernel for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..ir import Constant, Graph, Node, Value
from .gradients import differentiated_twice

ABSORBS = -1e30
"""A score as low as this, or lower, swallows what it is added to: that is as good as taking its place."""


class Added(NamedTuple):
    """What is done to the scores: ``value`` is added, or where ``value`` is false there is ``lowest``."""

    value: Value
    lowest: float | None


class Attention(NamedTuple):
    """``softmax(scale * query key_transposed + ...) value``.

    Attributes:
        query: (batch, heads, targets, size). key_transposed: (batch, heads, size, sources). value: (batch,
            heads, sources, size).
        added: to the scores, in order.
        scale: of the product.
        inside: the nodes that compute what nobody else reads.
    """

    query: Value
    key_transposed: Value
    value: Value
    added: tuple[Added, ...]
    scale: float
    inside: tuple[Node, ...]


def find_attentions(graph: Graph, uses: Mapping[Value, int]) -> dict[Node, Attention]:
    """The last product of each attention in a graph -> the whole.

    Args:
        uses: how often each value is read.
    """
    computed = set(graph.nodes).difference(value.node for value in graph.inputs)

    def made_by(value: Value | None, op_type: str) -> Node | None:
        node = value.node if value is not None else None
        if node is None or node.domain or node.op_type != op_type or node.precision or node not in computed:
            return None
        return node if uses.get(node.outputs[0]) == 1 else None

    found = {}
    for node in graph.nodes:
        if node.op_type == "MatMul" and not node.domain and not node.precision:
            attention = _ending_with(graph, node, made_by)
            if attention is not None:
                found[node] = attention
    return found


def _ending_with(
    graph: Graph, last: Node, made_by: Callable[[Value | None, str], Node | None]
) -> Attention | None:
    weights, value = graph.operands(last)
    softmax = made_by(weights, "Softmax")
    if softmax is None or value is None or softmax.attributes.get("axis", -1) not in (-1, 3):
        return None
    (scores,) = graph.operands(softmax)
    assert scores is not None
    dims, inside, added = scores.dims, [softmax], list[Added]()
    while (product := made_by(scores, "MatMul")) is None:
        step = _step(graph, scores, made_by)
        if step is None:
            return None
        node, scores, what = step
        inside.append(node)
        added.append(what)
    query, key = graph.operands(product)
    if query is None or key is None or not dims or product.outputs[0].dims != dims:
        return None
    if any(x.rank != 4 or x.dtype != last.outputs[0].dtype for x in (query, key, value)):
        return None
    inside.append(product)
    scale = 1.0
    scaled = made_by(query, "Mul")
    if scaled is not None:
        a, b = graph.operands(scaled)
        if a is not None and isinstance(b, Constant) and b.array.size == 1 and a.dims == query.dims:
            query, scale = a, float(b.array.item())
            inside.append(scaled)
    return Attention(query, key, value, tuple(reversed(added)), scale, tuple(inside))


def _step(
    graph: Graph, scores: Value | None, made_by: Callable[[Value | None, str], Node | None]
) -> tuple[Node, Value | None, Added] | None:
    """The node that gives scores by adding to others, or by leaving some of them out; and these others."""
    where = made_by(scores, "Where")
    if where is not None:
        kept, before, lowest = graph.operands(where)
        assert kept is not None
        if not isinstance(lowest, Constant) or lowest.array.size != 1 or lowest.array.item() > ABSORBS:
            return None
        return where, before, Added(kept, lowest.array.item())
    node = made_by(scores, "Add")
    if node is None:
        return None
    a, b = graph.operands(node)
    assert a is not None and b is not None
    first, other = (a, b) if _leads_to_product(a, made_by) else (b, a)
    return node, first, Added(other, None)


def _leads_to_product(value: Value, made_by: Callable[[Value | None, str], Node | None]) -> bool:
    return any(made_by(value, op_type) is not None for op_type in ("MatMul", "Where", "Add"))


def attention(
    query: Tensor, key_transposed: Tensor, value: Tensor, mask: Tensor | None = None, scale: float = 1.0
) -> Tensor:
    """``softmax(scale * query key_transposed + mask) value``.

    Where a target may look at no source it looks at all alike; what gradients come from there go on.

    Args:
        mask: None, or of a shape that broadcasts to (batch, heads, targets, sources).
    """
    if differentiated_twice():  # which torch's kernels cannot be
        scores = query @ key_transposed * scale
        return F.softmax(scores if mask is None else scores + mask, -1) @ value
    if mask is not None and mask.dtype != query.dtype:
        mask = mask.to(query.dtype)
    return F.scaled_dot_product_attention(
        query, key_transposed.transpose(-1, -2), value, attn_mask=mask, scale=scale
    )


def attention_at_once(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """``softmax(scale query key^T + mask) value`` where autograd records, by torch's kernel.

    Args:
        query: (batch, heads, targets, size). key, value: (batch, heads or a divisor of them, sources, size).
        mask: None, or of a shape that broadcasts to (batch, heads, targets, sources).
        is_causal: whether targets see no sources that come later; without a mask.
        scale: default 1 / sqrt(size).
    """
    found: Tensor = _Attention.apply(is_causal, scale, query, key, value, mask)
    return found


class _Attention(torch.autograd.Function):
    """Torch's kernel, and where gradients are differentiated in turn, which it cannot be, its definition."""

    @staticmethod
    def forward(ctx: Any, is_causal: bool, scale: float | None, *given: Tensor | None) -> Tensor:
        ctx.options = {"is_causal": is_causal, "scale": scale}
        ctx.save_for_backward(*given)
        ctx.inside = _leaves(given, ctx.needs_input_grad[2:])
        with torch.enable_grad():
            ctx.found = _attended(*ctx.inside, **ctx.options)
        result: Tensor = ctx.found.detach()
        return result

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        needed, again = ctx.needs_input_grad[2:], torch.is_grad_enabled()
        if again:
            given = ctx.saved_tensors
            with sdpa_kernel(SDPBackend.MATH):
                found = _attended(*given, **ctx.options)
        else:
            given, found = ctx.inside, ctx.found
        sources = [x for x, is_needed in zip(given, needed, strict=True) if is_needed]
        parts = iter(torch.autograd.grad(found, sources, grads, retain_graph=True, create_graph=again))
        return (None, None, *(next(parts) if is_needed else None for is_needed in needed))


def _leaves(given: Sequence[Tensor | None], needed: Sequence[bool]) -> list[Tensor | None]:
    return [
        None if x is None else x.detach().requires_grad_(is_needed)
        for x, is_needed in zip(given, needed, strict=True)
    ]


def _attended(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, is_causal: bool, scale: float | None
) -> Tensor:
    shared = query.shape[1] != key.shape[1]
    return F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=is_causal, scale=scale, enable_gqa=shared
    )
