"""Optimizers that users write as updates of the graph, in several processes.

Such updates read gradients that the graph takes itself (``K.gradients``). The graph is cut there: each
process computes the gradients of its shard, they are combined to those of the whole batch, and every process
carries out the same updates with them, so that clipping and all that is not linear sees what it sees on one
device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...ir import Graph, GraphError, Node, Parameter, Value, op
from .combining import Combination, split

_RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)


@dataclass(frozen=True)
class OwnUpdates:
    """What every process does once the gradients of the whole batch are known.

    Attributes:
        graph: the updates; its inputs are the loss and the gradients.
        terms: for each gradient that a shard computes, the input of the graph that it is a part of.
    """

    graph: Graph
    terms: tuple[int, ...]


def divided(graph: Graph, updates: Sequence[tuple[Parameter, Value]]) -> tuple[Graph, OwnUpdates | None]:
    """A training graph and an optimizer's updates as what is done with a shard and what is done after it.

    Args:
        graph: ``outputs[0]`` is the loss.
        updates: pairs (parameter, new value); none if the optimizer has no updates of its own.

    Returns:
        the graph, with the gradients as further outputs, and the rest; None where there is none.

    Raises:
        ValueError: if an update depends on the samples in another way, or draws random numbers.
    """
    if not updates:
        return graph, None
    whole = Graph(graph.outputs, graph.inputs, updates, graph.phase, graph.frozen)
    kinds = Combination(whole)
    taken = [node for node in whole.nodes if node.op_type == "Gradient"]
    loss = whole.resolve(graph.outputs[0])
    cuts, parts, terms = [loss], [], []
    for node in taken:
        found = _parts(node, whole, kinds)
        for i, cut in enumerate(node.outputs):
            terms += [len(cuts)] * len(found)
            parts += [gradients[i] for gradients in found]
            cuts.append(cut)
    try:
        after = Graph((), cuts, updates, graph.phase, graph.frozen)
    except GraphError as error:
        raise ValueError(
            "The optimizer's own updates (get_updates) read the samples of a batch otherwise than by the "
            f"loss and its gradients; in several processes no one has all samples. {error}"
        ) from error
    if any(node.op_type in _RANDOM for node in after.nodes):
        raise ValueError(
            "The optimizer's own updates (get_updates) draw random numbers, which would differ from process "
            "to process; train on one device, or draw them in a layer or the loss."
        )
    shard = Graph([*graph.outputs, *parts], graph.inputs, graph.updates, graph.phase, graph.frozen)
    return shard, OwnUpdates(after, tuple(terms))


def _parts(node: Node, graph: Graph, kinds: Combination) -> list[Sequence[Value]]:
    """The gradients as they are, or those of the terms of a loss that combine differently."""
    y, *xs = (value for value in graph.operands(node) if value is not None)
    if kinds[y] != "mixed":
        return [node.outputs]
    return [op.Gradient(total, *xs) for total in split(y, graph, kinds)]
