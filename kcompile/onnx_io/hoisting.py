"""Moves the tensors of a foreign model to one place: the initializers of its main graph."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from ..ir import Names
from .bodies import all_bodies
from .errors import FormatError

FLOATS = frozenset(
    {onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16}
)
"""The element types that weights have."""


def hoist(graph: onnx.GraphProto) -> None:
    """Makes initializers of the floats in Constant nodes, and moves those of bodies out, in place.

    Names stay where they are free. Inputs that have an initializer, as files before IR version 4 have for
    every weight, are inputs no longer.

    Raises:
        FormatError: for sparse initializers.
    """
    bodies = all_bodies(graph)
    for each in (graph, *bodies):
        if each.sparse_initializer:
            raise FormatError("sparse initializers are not supported; save the weights dense.")
        _take_constants(each)
    given = {tensor.name for tensor in graph.initializer}
    if any(info.name in given for info in graph.input):
        inputs = [info for info in graph.input if info.name not in given]
        del graph.input[:]
        graph.input.extend(inputs)
    taken = given | {info.name for info in graph.input}
    for each in (graph, *bodies):
        taken.update(name for node in each.node for name in node.output)
    names = Names(taken)
    for body in bodies:
        _move_out(body, graph, names)


def _take_constants(graph: onnx.GraphProto) -> None:
    kept = []
    for node in graph.node:
        tensor = _float_tensor(node)
        if tensor is None:
            kept.append(node)
        else:
            tensor.name = node.output[0]
            graph.initializer.append(tensor)
    if len(kept) < len(graph.node):
        del graph.node[:]
        graph.node.extend(kept)


def _float_tensor(node: onnx.NodeProto) -> onnx.TensorProto | None:
    """What a Constant node holds, if these are floats."""
    if node.op_type != "Constant" or node.domain not in ("", "ai.onnx") or len(node.output) != 1:
        return None
    for attribute in node.attribute:
        if attribute.name == "value" and attribute.t.data_type in FLOATS:
            return attribute.t
        if attribute.name == "value_floats":
            return numpy_helper.from_array(np.array(attribute.floats, np.float32))
    return None


def _move_out(body: onnx.GraphProto, graph: onnx.GraphProto, names: Names) -> None:
    """Moves a body's initializers into the graph, under names that nothing else has."""
    formal = {info.name for info in body.input}
    kept, renamed = [], {}
    for tensor in body.initializer:
        if tensor.name in formal:
            kept.append(tensor)
            continue
        name = names.unique(tensor.name)
        if name != tensor.name:
            renamed[tensor.name] = name
        tensor.name = name
        graph.initializer.append(tensor)
    del body.initializer[:]
    body.initializer.extend(kept)
    if renamed:
        _rename(body, renamed)


def _rename(body: onnx.GraphProto, names: dict[str, str]) -> None:
    """The names of values wherever a body, or one inside it, reads them."""
    for graph in (body, *all_bodies(body)):
        for node in graph.node:
            for i, name in enumerate(node.input):
                if name in names:
                    node.input[i] = names[name]
        for info in graph.output:
            info.name = names.get(info.name, info.name)
