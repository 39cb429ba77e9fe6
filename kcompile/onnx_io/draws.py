"""Random numbers that a graph draws at inference, as inputs: two forms of it can be given the same.

A variational autoencoder samples, a Monte-Carlo dropout drops: two runs differ by design. What is drawn
becomes an input, of the graph and of the exported file alike, and everything around it can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .. import ir
from ..ir import Constant, Graph, Names, Node, Value, op

_DRAWING = frozenset(
    ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial")
)


class DrawsError(ValueError):
    """Random numbers cannot be handed over."""


def draws(node: Node) -> bool:
    """Whether a node of an inference graph draws."""
    if node.op_type == "Dropout" and len(node.inputs) > 2:
        return not (isinstance(node.inputs[2], Constant) and not node.inputs[2].array.any())
    return node.op_type in _DRAWING


def drawn_outputs(graph: Graph) -> list[bool]:
    """For each output whether it depends on random numbers."""
    drawn: set[Value] = set()
    for node in graph.nodes:
        if (
            draws(node)
            or any(value in drawn for value in graph.dependencies(node))
            or any(any(drawn_outputs(body)) or _draws_inside(body) for body in graph.bodies(node).values())
        ):
            drawn.update(node.outputs)
    return [graph.resolve(value) in drawn for value in graph.outputs]


def _draws_inside(body: Graph) -> bool:
    return any(draws(node) for node in body.nodes)


@dataclass(frozen=True)
class _Draw:
    """One node's random numbers: the node's name in a file, the value that is given in their place, what
    computes some, and (for Dropout) the share kept."""

    node: Node
    name: str
    given: Value
    sample: Value
    kept: float | None = None


class Draws:
    """The random numbers of a graph as inputs.

    Attributes:
        given: values that the graph reads in their place: inputs to append.
        samples: values that compute random numbers of the right shape and distribution, one for each of them.
        replaced: for ``Graph``: what else is computed from them.

    Raises:
        DrawsError: some are drawn where no input reaches: in a loop, or by a Dropout of a computed rate.
    """

    def __init__(self, graph: Graph) -> None:
        names = dict(_written_names(graph, Names()))
        self._draws = [_draw(graph, node, names[node]) for node in graph.nodes if draws(node)]
        for node in graph.nodes:
            if any(_draws_inside(body) for body in graph.bodies(node).values()):
                raise DrawsError(f"{node.name} draws random numbers inside its loop")
        self.given = [draw.given for draw in self._draws]
        self.samples = [draw.sample for draw in self._draws]
        self.replaced = {
            value: other
            for draw in self._draws
            if draw.kept is not None
            for value, other in zip(draw.node.outputs, _dropped(graph, draw), strict=False)
        }

    def __bool__(self) -> bool:
        return bool(self._draws)

    @property
    def names(self) -> list[str]:
        """The names of the inputs that ``as_inputs`` gives a file, in the order of ``given``."""
        return [f"{draw.name}/drawn" for draw in self._draws]

    def as_inputs(self, model: onnx.ModelProto) -> None:
        """Does in an exported model what ``given`` and ``replaced`` do in the graph, in place.

        Raises:
            DrawsError: the model has not the nodes that the graph has.
        """
        graph = model.graph
        for draw, name in zip(self._draws, self.names, strict=True):
            place = next((i for i, node in enumerate(graph.node) if node.name == draw.name), -1)
            if place < 0 or graph.node[place].op_type != draw.node.op_type:
                raise DrawsError(f"the file does not draw what {draw.name} draws in the graph")
            rank = None if draw.given.shape is None else [None] * len(draw.given.shape)
            graph.input.append(helper.make_tensor_value_info(name, ir.to_onnx(draw.given.dtype), rank))
            node = graph.node.pop(place)
            for new in reversed(_substitutes(graph, node, name, draw)):
                graph.node.insert(place, new)
        drawing = {node.op_type for node in graph.node} & _DRAWING
        if drawing:
            raise DrawsError(f"the file draws random numbers that the graph does not ({', '.join(drawing)})")


def _written_names(graph: Graph, names: Names) -> Iterator[tuple[Node, str]]:
    """The names that writing.py gives the nodes."""
    for node in graph.nodes:
        yield node, names.unique(node.name)
        for body in graph.bodies(node).values():
            yield from _written_names(body, names)


def _draw(graph: Graph, node: Node, name: str) -> _Draw:
    output = node.outputs[0]
    if node.op_type != "Dropout":
        return _Draw(node, name, output, output)
    data, rate = graph.operands(node)[:2]
    if data is None or not isinstance(rate, Constant):
        raise DrawsError(f"{node.name} drops at a rate that is computed")
    ones = op.Expand(Constant(np.ones((), data.dtype)), op.Shape(data))
    kept = op.Dropout(ones, rate, Constant(np.array(True)))
    sample = op.Greater(kept, Constant(np.zeros((), data.dtype)))
    return _Draw(node, name, Value("bool", data.dims, f"{name}/mask"), sample, 1.0 - float(rate.array))


def _dropped(graph: Graph, draw: _Draw) -> Sequence[Value]:
    """The outputs of a Dropout for a given mask."""
    data = graph.operands(draw.node)[0]
    assert data is not None and draw.kept is not None
    scaled = op.Div(data, Constant(np.array(draw.kept or 1.0, data.dtype)))
    return op.Where(draw.given, scaled, Constant(np.zeros((), data.dtype))), draw.given


def _substitutes(
    graph: onnx.GraphProto, node: onnx.NodeProto, name: str, draw: _Draw
) -> list[onnx.NodeProto]:
    """Nodes that give a node's outputs by what is drawn."""
    if draw.kept is None:
        return [helper.make_node("Identity", [name], [node.output[0]], name=node.name)]
    divisor = f"{name}/kept"
    dtype = draw.node.outputs[0].dtype
    graph.initializer.append(numpy_helper.from_array(np.array(draw.kept or 1.0, dtype), divisor))
    made = [helper.make_node("Div", [node.input[0], divisor], [node.output[0]], name=node.name)]
    if len(node.output) > 1:
        made.append(helper.make_node("Identity", [name], [node.output[1]], name=f"{node.name}/mask"))
    return made
