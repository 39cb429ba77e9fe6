"""Relu where it costs least: after the maximum of windows, and on results as they are computed."""

from __future__ import annotations

from collections import Counter

from .graph import Graph
from .values import Node, Value

_MAXIMA = ("MaxPool", "GlobalMaxPool", "ReduceMax")
_OF_IMAGES = ("Conv", "ConvTranspose", "BatchNormalization", "MaxPool")


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


def with_relu_on_results(graph: Graph) -> Graph:
    """The same slice, in which ``Relu(Transpose(Conv(x)))`` is ``Transpose(Relu(Conv(x)))``.

    Who computes it may then write the result of Relu in the place of the convolution's, which nobody else
    reads.

    Args:
        graph: with all of its updates.
    """
    replaced = {}
    uses: Counter[Value] | None = None
    inside = set(graph.nodes)
    for node in graph.nodes:
        transpose = _before(graph, node, inside) if node.op_type == "Relu" and not node.domain else None
        maker = _before(graph, transpose, inside) if transpose and transpose.op_type == "Transpose" else None
        if transpose is None or maker is None or maker.op_type not in _OF_IMAGES:
            continue
        image = graph.operands(transpose)[0]
        uses = uses or graph.uses()
        if image is maker.outputs[0] and uses[image] == uses[transpose.outputs[0]] == 1:
            first = node.copied((image,), [(image.dtype, image.dims)]).outputs[0]
            replaced[node.outputs[0]] = transpose.copied((first,)).outputs[0]
    return graph.replacing(replaced)


def _chain(graph: Graph, node: Node, inside: set[Node]) -> list[Node]:
    """The Relu that leads to a maximum, what lies between and the maximum itself; nothing for other nodes."""
    if node.op_type not in _MAXIMA or node.domain or len(node.outputs) != 1 or not _meets_numbers(node):
        return []
    chain = [node]
    while True:
        before = _before(graph, chain[0], inside)
        if before is None:
            return []
        chain.insert(0, before)
        if before.op_type != "Transpose":
            return chain if before.op_type == "Relu" else []


def _before(graph: Graph, node: Node, inside: set[Node]) -> Node | None:
    """The standard operator on the same device that a node's first operand is the result of."""
    value = graph.operands(node)[0]
    found = value.node if value is not None else None
    same = found is not None and found in inside and not found.domain and found.device == node.device
    return found if same else None


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
