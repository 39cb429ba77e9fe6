"""What a graph computes of weights alone, as one weight: LoRA's ``kernel + a b`` in a file."""

from __future__ import annotations

from ...ir import Constant, Graph, Node, Parameter, Storage, Value
from ..backend.execution import numbers

_PRODUCTS = ("Einsum", "Gemm", "MatMul")
_DRAWING = (
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
)


def with_merged_weights(graph: Graph) -> Graph:
    """The same slice, for a file that need not give the weights back one by one.

    Products of weights, and all that follows from them and other weights, become a weight where something
    else reads it, if it is no larger than the largest of these. What only lays weights out otherwise stays:
    it costs nothing.

    Args:
        graph: for inference.
    """
    products = _products(graph)
    ends = _read_by_others(graph, products)
    if not ends:
        return graph
    merged: dict[Value, Value] = {}
    for value in ends:
        largest = max(_weights_in(graph, value), key=lambda weight: weight.storage.array.size)
        array = numbers(value)
        if array.size <= largest.storage.array.size:
            merged[value] = Parameter(Storage(array), largest.name, trainable=False)
    return Graph(
        graph.outputs,
        graph.inputs,
        graph.updates,
        graph.phase,
        graph.frozen,
        graph.silent,
        {**graph.replaced, **merged},
    )


def _products(graph: Graph) -> set[Value]:
    """The values of weights alone in which a product of weights is."""
    changed = {parameter for parameter, _ in graph.updates}
    of_weights: set[Value] = {p for p in graph.parameters if p not in changed}
    found: set[Value] = set()
    for node in graph.nodes:
        operands = graph.dependencies(node)
        if not _repeats(graph, node) or not all(x in of_weights or isinstance(x, Constant) for x in operands):
            continue
        of_weights.update(node.outputs)
        is_product = node.op_type in _PRODUCTS and sum(not isinstance(x, Constant) for x in operands) > 1
        if is_product or any(x in found for x in operands):
            found.update(node.outputs)
    return found


def _repeats(graph: Graph, node: Node) -> bool:
    """Whether a node gives the same again for the same operands."""
    return not node.domain and node.op_type not in _DRAWING and not graph.bodies(node)


def _read_by_others(graph: Graph, products: set[Value]) -> list[Value]:
    """Those that other nodes read, or that are outputs."""
    found = dict.fromkeys(graph.resolve(x) for x in graph.outputs)
    for node in graph.nodes:
        if not any(output in products for output in node.outputs):
            found |= dict.fromkeys(graph.dependencies(node))
    return [value for value in found if value in products]


def _weights_in(graph: Graph, value: Value) -> list[Parameter]:
    """The weights that a value is computed from."""
    weights: list[Parameter] = []
    seen, waiting = {value}, [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Parameter):
            weights.append(value)
        elif value.node is not None:
            new = [x for x in graph.dependencies(value.node) if x not in seen]
            seen.update(new)
            waiting += new
    return weights
