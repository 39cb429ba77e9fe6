"""Biases that a program adds after a convolution, as the input that the operator has for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from .graph import Graph
from .values import Node, Value

_CONVOLUTIONS = ("Conv", "ConvTranspose")


def with_biases(graph: Graph) -> Graph:
    """The same slice, in which convolutions add the biases that were added to their results alone.

    A program may write ``Transpose(Conv(x, kernel)) + Reshape(bias, [1, 1, 1, channels])``: an addition to
    each element, and the gradient of the bias as a sum over all of them.

    Args:
        graph: with all of its updates.
    """
    return graph.replacing(_sums(graph))


def _sums(graph: Graph) -> Mapping[Value, Value]:
    """Results of Add nodes -> what computes the same with the bias inside."""
    uses: Counter[Value] | None = None
    found: dict[Value, Value] = {}
    inside = set(graph.nodes)
    for node in graph.nodes:
        if node.op_type != "Add" or node.domain:
            continue
        a, b = graph.operands(node)
        for convolved, added in ((a, b), (b, a)):
            chain = _convolution(graph, convolved, inside)
            bias = _bias(graph, added, chain) if chain else None
            if not chain or bias is None:
                continue
            uses = uses or graph.uses()
            if all(uses[step.outputs[0]] == 1 for step in chain):
                found[node.outputs[0]] = _rebuilt(chain, bias)
                break
    return found


def _convolution(graph: Graph, value: Value | None, inside: set[Node]) -> tuple[Node, ...] | None:
    """The nodes of a convolution without a bias that a value is the result of: itself, and the Transpose
    that puts its channels last."""
    node = value.node if value is not None else None
    if node is None or node not in inside or node.domain:
        return None
    if node.op_type in _CONVOLUTIONS:
        return (node,) if len(node.inputs) == 2 or node.inputs[2] is None else None
    if node.op_type != "Transpose":
        return None
    source = graph.operands(node)[0]
    before = _convolution(graph, source, inside)
    if not before or len(before) > 1:
        return None
    axes = list(range(len(node.outputs[0].dims or ())))
    return (*before, node) if list(node.attributes.get("perm", ())) == [0, *axes[2:], 1] else None


def _bias(graph: Graph, value: Value | None, chain: tuple[Node, ...]) -> Value | None:
    """The numbers by channel (channels,) that a value adds to a convolution's result; None for all else."""
    dims = chain[-1].outputs[0].dims
    axis = 1 if len(chain) == 1 else -1
    if (
        value is None
        or not dims
        or not isinstance(dims[axis], int)
        or value.dtype != chain[0].outputs[0].dtype
    ):
        return None
    channels = dims[axis]
    if value.dims == (channels,) and axis == -1:
        return value
    shape: list[int | str | None] = [1] * len(dims)
    shape[axis] = channels
    node = value.node
    if node is None or node.op_type != "Reshape" or node.domain or list(value.dims or ()) != shape:
        return None
    source = graph.operands(node)[0]
    return source if source is not None and source.dims == (channels,) else None


def _rebuilt(chain: tuple[Node, ...], bias: Value) -> Value:
    """The last result of the nodes, the first of which takes the bias as well."""
    convolution, *others = chain
    value = convolution.copied((*convolution.inputs[:2], bias)).outputs[0]
    for node in others:
        value = node.copied((value,)).outputs[0]
    return value
