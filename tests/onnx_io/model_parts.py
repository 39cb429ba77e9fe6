"""What there is in a model, and what its numbers and words may be changed into."""

from __future__ import annotations

import random
from collections.abc import Callable

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, defs

Rng = random.Random


Mutation = Callable[[ModelProto, Rng], None]


INTEGERS = (0, 1, -1, 2, -2, 3, 7, 31, 64, -64, 1000, 2**31 - 1, 2**31, -(2**31), 10**12, 2**63 - 1, -(2**63))


FLOATS = (0.0, -1.0, 1e-40, 1e38, float("nan"), float("inf"), float("-inf"), 0.5)


TEXTS = (
    "",
    "x",
    "y",
    "NOTSET",
    "SAME_UPPER",
    "linear",
    "ii->i",
    "i,j->ij",
    "\x1b[31m",
    "\u202e",
    "../../x",
    "a" * 3000,
)


OPERATORS = sorted({schema.name for schema in defs.get_all_schemas() if not schema.domain})


ELEMENT_TYPES = (*TensorProto.DataType.values(), 99, -1, 2**31 - 1)


# --- what there is ---


def graphs(model: ModelProto) -> list[GraphProto]:
    """The graph and all bodies in it."""
    found = [model.graph]
    for graph in found:
        for node in graph.node:
            for attribute in node.attribute:
                found += [attribute.g] if attribute.HasField("g") else list(attribute.graphs)
    return found


def graph_of(model: ModelProto, rng: Rng) -> GraphProto:
    return rng.choice(graphs(model))


def nodes_of(model: ModelProto) -> list[NodeProto]:
    inside = [node for graph in graphs(model) for node in graph.node]
    return inside + [node for function in model.functions for node in function.node]


def node_of(model: ModelProto, rng: Rng) -> NodeProto:
    return rng.choice(nodes_of(model))


def attribute_of(model: ModelProto, rng: Rng) -> AttributeProto:
    return rng.choice([a for node in nodes_of(model) for a in node.attribute])


def infos_of(model: ModelProto) -> list[onnx.ValueInfoProto]:
    return [info for g in graphs(model) for info in (*g.input, *g.output, *g.value_info)]


def names_of(model: ModelProto) -> list[str]:
    names = [info.name for info in infos_of(model)] + [t.name for g in graphs(model) for t in g.initializer]
    return (
        names + [name for node in nodes_of(model) for name in (*node.input, *node.output)] + ["", "nothing"]
    )


def tensors_of(model: ModelProto) -> list[TensorProto]:
    found = [t for g in graphs(model) for t in g.initializer]
    return found + [a.t for node in nodes_of(model) for a in node.attribute if a.HasField("t")]
