"""What a lowered step would compute of constants alone, computed once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, fx, nn

from .ops import OPERATORS

MOST_ELEMENTS = 4096
"""Larger results are computed each time: they are not worth the memory that they would keep."""


def fold_constants(graph: fx.Graph, root: nn.Module, constants: Collection[str]) -> None:
    """Puts buffers of ``root`` in the place of nodes that depend on no input and no weight.

    Of a Where whose condition is known to be one truth throughout, what it chooses is left.

    Args:
        graph: changed in place.
        root: has the attributes that the graph reads.
        constants: names of the attributes that never change.
    """
    known: dict[fx.Node, Tensor] = {}
    for node in list(graph.nodes):
        if node.op == "get_attr" and node.target in constants:
            known[node] = getattr(root, node.target)
        elif node.op == "call_function" and node.target in _repeatable():
            found = _computed(node, known)
            if found is not None:
                known[node] = found
    for node in list(graph.nodes):
        chosen = _chosen(node, known)
        if chosen is not None:
            node.replace_all_uses_with(chosen)
            graph.erase_node(node)
    for node, tensor in known.items():
        if node.op == "call_function" and not all(user in known for user in node.users):
            name = f"{node.name}_computed"
            root.register_buffer(name, tensor, persistent=False)
            with graph.inserting_before(node):
                buffer = graph.get_attr(name)
            buffer.meta.update(node.meta)
            node.replace_all_uses_with(buffer)
    for node in reversed(known):
        if not node.users:
            graph.erase_node(node)


@cache
def _repeatable() -> frozenset[Any]:
    """The functions that give the same again."""
    return frozenset(operator.function for operator in OPERATORS.values() if operator.kind != "random")


def _chosen(node: fx.Node, known: Mapping[fx.Node, Tensor]) -> fx.Node | None:
    """What a Where always gives, as it is; None for all other nodes."""
    if node.op != "call_function" or node.target is not OPERATORS["Where"].function or node in known:
        return None
    condition = known.get(node.args[0])  # type: ignore[arg-type]
    if condition is None or not condition.numel() or condition.any() != condition.all():
        return None
    chosen = node.args[1] if condition.all() else node.args[2]
    is_whole = (
        isinstance(chosen, fx.Node) and "type" in node.meta and chosen.meta.get("type") == node.meta["type"]
    )
    return chosen if is_whole else None  # type: ignore[return-value]


def _computed(node: fx.Node, known: dict[fx.Node, Tensor]) -> Tensor | None:
    if not all(source in known for source in node.all_input_nodes):
        return None
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), known.__getitem__)
    with torch.no_grad():
        found = node.target(*args, **kwargs)  # type: ignore[operator]
    return found if isinstance(found, Tensor) and found.numel() <= MOST_ELEMENTS else None
