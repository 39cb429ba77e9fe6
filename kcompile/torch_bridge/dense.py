"""Dense layers: a product with a matrix of weights and the bias that is added to it, for one call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch

from ..ir import Graph, Node, Value


def biased_products(
    graph: Graph,
    uses: Mapping[Value, int],
    read: Collection[Value],
    place: Callable[[Node], torch.device],
) -> dict[Node, Node]:
    """Add nodes that only add a bias to a matrix product nobody else reads: sum -> product.

    Args:
        uses: how often each value is read.
        read: values that are read in other ways, too.
        place: the device of a node; a sum and its product have the same.
    """
    computed = set(graph.nodes).difference(value.node for value in graph.inputs)
    found: dict[Node, Node] = {}
    for node in graph.nodes:
        if node.op_type != "Add" or node.domain:
            continue
        a, b = (value for value in graph.operands(node) if value is not None)
        for value, bias in ((a, b), (b, a)):
            product = value.node
            if (
                product is not None
                and product in computed
                and _is_product(product, bias)
                and uses[value] == 1
                and value not in read
                and place(product) == place(node)
            ):
                found[node] = product
                break
    return found


def _is_product(node: Node, bias: Value) -> bool:
    """Whether a node is a product with a matrix of weights, as wide as the bias."""
    if node.op_type != "MatMul" or node.domain or node.outputs[0].dtype.kind != "f":
        return False
    weight, shape = node.inputs[1], node.outputs[0].dims or ()
    matrix = weight is not None and weight.rank == 2
    return matrix and len(shape) >= 2 and isinstance(shape[-1], int) and shape[-1:] == bias.shape
