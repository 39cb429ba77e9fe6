"""The scales of a model that trains for integers, as numbers: what runs has no formulas for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...ir import Constant, Graph, Value

_ROUNDING = ("QuantizeLinear", "DequantizeLinear")


def rounds(graph: Graph) -> bool:
    """Whether a graph rounds numbers to integers."""
    return any(node.op_type in _ROUNDING and not node.domain for node in graph.nodes)


def with_fixed_scales(graph: Graph, run: Callable[[Graph], list[np.ndarray]]) -> Graph:
    """The same slice, in which scales and zero points that are computed of weights are constants.

    Args:
        graph: for inference.
        run: gives the outputs of a graph without inputs.
    """
    of_inputs = _of_inputs(graph)
    computed = {
        value: None
        for node in graph.nodes
        if node.op_type in _ROUNDING and not node.domain
        for value in graph.operands(node)[1:]
        if value is not None and value not in of_inputs and not isinstance(value, Constant)
    }
    if not computed:
        return graph
    arrays = run(graph.with_inputs([], list(computed)))
    fixed: dict[Value, Value] = {
        value: Constant(array) for value, array in zip(computed, arrays, strict=True)
    }
    return graph.replacing(fixed)


def _of_inputs(graph: Graph) -> set[Value]:
    """The values that depend on inputs in this phase, or on states that change."""
    found = {*graph.inputs, *(parameter for parameter, _ in graph.updates)}
    for node in graph.nodes:
        if not found.isdisjoint(graph.dependencies(node)):
            found.update(node.outputs)
    return found
