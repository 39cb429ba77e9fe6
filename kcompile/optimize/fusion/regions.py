"""Parts of a graph that compute one value from one other, and what they compute, by numbers.

A function can be written in many ways, and each exporter has its own. What it computes is the same: so a
part of a graph is run on numbers here, in double precision, and told by its results.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import onnx_ir as oir

from .graph_editing import attribute, made_by, numbers

Operator = Callable[..., np.ndarray]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def axes_of(node: oir.Node) -> tuple[int, ...] | None:
    given = attribute(node, "axes")
    if given is None and len(node.inputs) > 1:
        held = numbers(node.inputs[1])
        given = None if held is None else held.tolist()
    return None if given is None else tuple(given)


ELEMENTWISE: dict[str, Operator] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Pow": np.power,
    "Neg": np.negative,
    "Sqrt": np.sqrt,
    "Reciprocal": np.reciprocal,
    "Exp": np.exp,
    "Log": np.log,
    "Erf": _erf,
    "Tanh": np.tanh,
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Softplus": lambda x: np.logaddexp(x, 0),
    "Relu": lambda x: np.maximum(x, 0),
    "Max": lambda *xs: np.maximum.reduce(np.broadcast_arrays(*xs)),
    "Min": lambda *xs: np.minimum.reduce(np.broadcast_arrays(*xs)),
    "Abs": np.abs,
    "Clip": lambda x, low=None, high=None: x if low is None and high is None else np.clip(x, low, high),
    "Identity": lambda x: x,
}
REDUCTIONS: dict[str, Operator] = {
    "ReduceMean": np.mean,
    "ReduceSum": np.sum,
    "ReduceMax": np.max,
    "ReduceSumSquare": lambda x, **options: np.sum(np.square(x), **options),
    "ReduceL2": lambda x, **options: np.sqrt(np.sum(np.square(x), **options)),
}
_MOST_NODES = 24


class Region(NamedTuple):
    """The nodes that compute ``output`` from ``source`` and constants, in the order of the graph."""

    source: oir.Value
    output: oir.Value
    nodes: tuple[oir.Node, ...]

    def constants(self) -> dict[oir.Value, np.ndarray]:
        """The constants that it reads, axes of reductions aside."""
        found = {}
        for node in self.nodes:
            for value in node.inputs[:1] if node.op_type in REDUCTIONS else node.inputs:
                array = constant(value)
                if value is not None and array is not None:
                    found[value] = (
                        array.reshape(-1) if array.ndim and array.size == array.shape[-1] else array
                    )
        return found

    def remove(self) -> None:
        """Takes the nodes out of the graph, once nobody reads the output."""
        for node in reversed(self.nodes):
            assert node.graph is not None
            node.graph.remove(node, safe=True)

    def run(self, x: np.ndarray) -> np.ndarray | None:
        """The output for rows of a source, in double precision; None where it cannot be computed.

        Reductions are taken for those that ``is_over_last`` wants.
        """
        values: dict[oir.Value | None, np.ndarray] = {
            value: array.astype(np.float64) for value, array in self.constants().items()
        }
        values[self.source] = x
        try:
            with np.errstate(all="ignore"):
                for node in self.nodes:
                    values[node.outputs[0]] = _run(node, values)
        except (ValueError, TypeError):  # shapes that do not broadcast
            return None
        return values[self.output]


def _run(node: oir.Node, values: Mapping[oir.Value | None, np.ndarray]) -> np.ndarray:
    if node.op_type in REDUCTIONS:
        return REDUCTIONS[node.op_type](values[node.inputs[0]], axis=-1, keepdims=True)
    return ELEMENTWISE[node.op_type](*(None if value is None else values[value] for value in node.inputs))


def is_over_last(region: Region, rank: int) -> bool:
    """Whether all reductions are over the last axis alone, and all constants along it."""
    for node in region.nodes:
        if node.op_type in REDUCTIONS:
            axes = axes_of(node)
            if (
                axes is None
                or [axis % rank for axis in axes] != [rank - 1]
                or not attribute(node, "keepdims", 1)
            ):
                return False
    return all(array.size in (1, array.shape[-1]) for array in region.constants().values() if array.ndim)


def constant(value: oir.Value | None) -> np.ndarray | None:
    """What an initializer holds, also in another shape."""
    array = numbers(value)
    if array is not None or value is None:
        return array
    node = made_by(value, "Reshape", "Unsqueeze", "Squeeze")
    held = None if node is None else numbers(node.inputs[0])
    shape = None if value.shape is None else [size for size in value.shape if isinstance(size, int)]
    if held is None or shape is None or len(shape) != len(value.shape or ()) or math.prod(shape) != held.size:
        return None
    return held.reshape(shape)


def regions_of(output: oir.Value, operators: Mapping[str, Operator]) -> Iterator[Region]:
    """The regions that end in a value, from the smallest to the largest.

    Nobody else reads what is computed inside.
    """
    root = output.producer()
    if root is None:
        return
    frontier, nodes = {output: None}, list[oir.Node]()
    while len(nodes) < _MOST_NODES:
        inside = set(nodes)
        ready = [
            value
            for value in frontier
            if (made := value.producer()) is not None
            and made.domain == ""
            and made.op_type in operators
            and len(made.outputs) == 1
            and (value is output or not value.is_graph_output() and {u.node for u in value.uses()} <= inside)
        ]
        if not ready:
            return
        value = ready[0]
        node = value.producer()
        assert node is not None
        del frontier[value]
        nodes.append(node)
        frontier.update(
            (each, None)
            for each in (node.inputs[:1] if node.op_type in REDUCTIONS else node.inputs)
            if each is not None and constant(each) is None
        )
        if len(frontier) == 1 and len(nodes) > 1:
            yield Region(next(iter(frontier)), output, tuple(_sorted(nodes)))


def _sorted(nodes: list[oir.Node]) -> list[oir.Node]:
    """In the order of computation."""
    inside, done, result = set(nodes), set[oir.Node](), list[oir.Node]()

    def visit(node: oir.Node) -> None:
        if node in done:
            return
        done.add(node)
        for value in node.inputs:
            made = None if value is None else value.producer()
            if made in inside:
                visit(made)
        result.append(node)

    for node in nodes:
        visit(node)
    return result


__all__ = ["ELEMENTWISE", "REDUCTIONS", "Region", "axes_of", "constant", "is_over_last", "regions_of"]
