"""Relu after the maximum of windows, not before it: the same numbers from a part of the work."""

from __future__ import annotations

from collections import Counter

from .graph import Graph
from .values import Node, Value

_MAXIMA = ("MaxPool", "GlobalMaxPool", "ReduceMax")


def with_relu_last(graph: Graph) -> Graph:
    """The same slice, in which ``MaxPool(Relu(x))`` is ``Relu(MaxPool(x))``.

    Gradients are the same bits: they go to the same places where a window's maximum is positive, and
    nowhere else. That holds of no other activation, as rounding may make equal what was not.

    Args:
        graph: with all of its updates. Transpose may lie between the two, and nothing else may read what
            does.
    """
    replaced = {}
    uses: Counter[Value] | None = None
    inside = set(graph.nodes)
    for node in graph.nodes:
        chain = _chain(graph, node, inside)
        if chain:
            uses = uses or graph.uses()
            if all(uses[step.outputs[0]] == 1 for step in chain[:-1]):
                replaced[node.outputs[0]] = _turned(chain)
    return graph.replacing(replaced)


def _chain(graph: Graph, node: Node, inside: set[Node]) -> list[Node]:
    """The Relu that leads to a maximum, what lies between and the maximum itself; nothing for other nodes."""
    if node.op_type not in _MAXIMA or node.domain or len(node.outputs) != 1 or not _meets_numbers(node):
        return []
    chain = [node]
    while True:
        value = graph.operands(chain[0])[0]
        before = value.node if value is not None else None
        if before is None or before not in inside or before.domain or before.device != node.device:
            return []
        chain.insert(0, before)
        if before.op_type != "Transpose":
            return chain if before.op_type == "Relu" else []


def _meets_numbers(node: Node) -> bool:
    """Whether each window has an element that is no padding: the maximum of padding alone is not 0."""
    pads, dilations = node.attributes.get("pads") or (), node.attributes.get("dilations") or ()
    padded = any(pads) or node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID")
    if not padded:
        return True
    kernel = tuple(node.attributes["kernel_shape"])
    return set(dilations) <= {1} and all(pad < k for pad, k in zip(pads, kernel * 2, strict=False))


def _turned(chain: list[Node]) -> Value:
    """The result of the nodes with the first of them as the last."""
    relu, *others = chain
    value = relu.inputs[0]
    assert value is not None
    for node in others:
        value = node.copied((value, *node.inputs[1:])).outputs[0]
    return relu.copied((value,), [(value.dtype, value.dims)]).outputs[0]
