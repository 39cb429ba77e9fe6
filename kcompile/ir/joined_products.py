"""Products of one tensor with several matrices of weights, as one product: query, key and value of attention.

One large product is faster than several small ones, forward and backward: the gradient of the tensor is one
product as well, where there would be a sum of several.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .emission import op
from .graph import Graph
from .values import Constant, Node, Parameter, Value


class _Projection(NamedTuple):
    """``x @ kernel + bias``; the sum, or the product where there is no bias, is ``result``."""

    x: Value
    kernel: Value
    bias: Value | None
    result: Value


def with_joined_products(graph: Graph) -> Graph:
    """The same slice, in which tensors are multiplied once by all matrices of weights that they meet.

    Args:
        graph: with all of its updates, as it is trained.
    """
    groups: dict[tuple[Value, bool], list[_Projection]] = {}
    uses = graph.uses()
    additions = _additions(graph)
    for node in graph.nodes:
        found = _projection(graph, node, uses, additions)
        if found is not None:
            groups.setdefault((found.x, found.bias is None), []).append(found)
    replaced: dict[Value, Value] = {}
    for group in groups.values():
        if len(group) > 1:
            replaced.update(_joined(group))
    return graph.replacing(replaced)


def _additions(graph: Graph) -> dict[Value, Node]:
    """The Add nodes that read a value."""
    return {
        value: node
        for node in graph.nodes
        if node.op_type == "Add" and not node.domain
        for value in graph.operands(node)
        if value is not None
    }


def _projection(
    graph: Graph, node: Node, uses: Mapping[Value, int], additions: Mapping[Value, Node]
) -> _Projection | None:
    if node.op_type != "MatMul" or node.domain or node.precision or node.device is not None:
        return None
    x, kernel = graph.operands(node)
    product = node.outputs[0]
    if x is None or kernel is None or x.rank != 3 or not _is_weight(graph, kernel, 2):
        return None
    add = additions.get(product)
    if add is None or uses[product] != 1 or add.precision or add.device is not None:
        return _Projection(x, kernel, None, product)
    bias = next((value for value in graph.operands(add) if value is not None and value is not product), None)
    if bias is None or not _is_weight(graph, bias, 1) or bias.dims != (kernel.dims or ())[1:]:
        return _Projection(x, kernel, None, product)
    return _Projection(x, kernel, bias, add.outputs[0])


def _is_weight(graph: Graph, value: Value, rank: int) -> bool:
    """Whether a value is a weight of known sizes, or one in another shape."""
    if value.rank != rank or not all(isinstance(size, int) for size in value.dims or ()):
        return False
    if isinstance(value, Parameter):
        return True
    node = value.node
    if node is None or node.op_type != "Reshape" or node.domain:
        return False
    source, target = graph.operands(node)
    return isinstance(source, Parameter) and isinstance(target, Constant)


def _joined(group: list[_Projection]) -> dict[Value, Value]:
    """Results of the group -> parts of one product."""
    first = group[0]
    widths = [int((one.kernel.dims or ())[1] or 0) for one in group]
    whole = op.MatMul(first.x, op.Concat(*(one.kernel for one in group), axis=1))
    if first.bias is not None:
        whole = op.Add(whole, op.Concat(*(one.bias for one in group if one.bias is not None), axis=0))
    parts = op.Split(whole, widths, axis=-1, outputs=len(widths))
    return {one.result: part for one, part in zip(group, parts, strict=True)}


__all__ = ["with_joined_products"]
