"""Graphs of ONNX files as nodes, read and written without the onnx package.

Only what is looked at is decoded: everything else of a message is carried over as bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from . import wire
from .wire import Buffer, fields, varint

Span = tuple[int, int]
"""First byte and end of a part."""

FLOAT, DOUBLE = 1, 11  # TensorProto.DataType
_MODEL_GRAPH, _MODEL_OPSETS, _MODEL_FUNCTION, _FUNCTION_NODE = 7, 8, 25, 7
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT = 1, 5, 11
_ATTRIBUTE_GRAPH = 6
_KINDS = {"float": 1, "int": 2, "string": 3, "tensor": 4, "floats": 6, "ints": 7, "strings": 8}


@dataclass
class Node:
    """One operator.

    Attributes:
        op, domain: its type.
        inputs, outputs: names; "" for one that is left out.
        attributes: encoded AttributeProtos by name.
        rest: other fields, encoded.
    """

    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, bytes] = field(default_factory=dict)
    domain: str = ""
    rest: bytes = b""

    def encode(self) -> bytes:
        """As a NodeProto."""
        parts = [wire.text(1, name) for name in self.inputs] + [wire.text(2, name) for name in self.outputs]
        parts += [wire.text(4, self.op), *(wire.part(5, value) for value in self.attributes.values())]
        return b"".join([*parts, wire.text(7, self.domain) if self.domain else b"", self.rest])

    def integer(self, name: str, default: int = 0) -> int:
        """An attribute that is an integer."""
        return next(
            (wire.signed(v) for n, v in wire.values(self.attributes.get(name, b"")) if n == 3), default
        )

    def text(self, name: str, default: str = "") -> str:
        """An attribute that is a string."""
        return next((v.decode() for n, v in wire.values(self.attributes.get(name, b"")) if n == 4), default)

    def bodies(self) -> list[bytes]:
        """Its graphs (of Loop, If, Scan), encoded."""
        return [v for a in self.attributes.values() for n, v in wire.values(a) if n == _ATTRIBUTE_GRAPH]


@dataclass(frozen=True)
class Declared:
    """What a graph declares of a value that no node computes."""

    name: str
    dtype: int


def graph_span(model: Buffer) -> Span:
    """Where the main graph lies."""
    for number, _, first, last in fields(model, 0, len(model)):
        if number == _MODEL_GRAPH:
            return first, last
    return 0, 0


def opset_of(model: Buffer) -> int:
    """The version of the standard operator set."""
    for number, _, first, last in fields(model, 0, len(model)):
        if number == _MODEL_OPSETS:
            parts = dict(wire.values(model[first:last]))
            if parts.get(1, b"") in (b"", b"ai.onnx"):
                return int(parts.get(2, 1))
    return 1


def nodes_of(content: Buffer, span: Span | None = None) -> list[Node]:
    """The nodes of a graph, in order; ``content`` is the graph, or holds it in a span."""
    found = fields(content, *(span or (0, len(content))))
    return [_node(content[first:last]) for number, _, first, last in found if number == _GRAPH_NODE]


def declared(content: Buffer, span: Span) -> tuple[list[Declared], list[Declared]]:
    """The inputs and the initializers of a graph; their values are stepped over."""
    inputs, initializers = [], []
    for number, _, first, last in fields(content, *span):
        if number == _GRAPH_INPUT:
            inputs.append(_declared_input(content[first:last]))
        elif number == _GRAPH_INITIALIZER:
            initializers.append(_declared_tensor(content, first, last))
    return inputs, initializers


def function_nodes(model: Buffer) -> Iterator[list[Node]]:
    """The nodes of each function that the model brings along."""
    for number, _, first, last in fields(model, 0, len(model)):
        if number == _MODEL_FUNCTION:
            yield [_node(v) for n, v in wire.values(model[first:last]) if n == _FUNCTION_NODE]


def with_nodes(model: Buffer, rewrite: Callable[[list[Node]], list[Node]]) -> bytes:
    """A model whose main graph, bodies and functions have other nodes."""
    changed = _replaced(model, _MODEL_GRAPH, lambda graph: _graph_with(graph, rewrite))
    return _replaced(changed, _MODEL_FUNCTION, lambda f: _graph_with(f, rewrite, _FUNCTION_NODE))


def make(op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: object) -> Node:
    """A node of the standard set; its attributes are ints, floats, texts, lists of ints or of texts."""
    return Node(op, list(inputs), list(outputs), {k: _attribute(k, v) for k, v in attributes.items()})


def constant(output: str, value: float, shape: Sequence[int] = ()) -> Node:
    """A node that gives a float32 tensor of equal elements."""
    count = 1
    for size in shape:
        count *= size
    tensor = b"".join(wire.integer(1, size) for size in shape) + wire.integer(2, FLOAT)
    tensor += wire.part(9, struct.pack("<f", value) * count)
    attribute = wire.text(1, "value") + wire.part(5, tensor) + wire.integer(20, _KINDS["tensor"])
    return Node("Constant", [], [output], {"value": attribute})


def integers(output: str, values: Sequence[int]) -> Node:
    """A node that gives a vector of int64."""
    tensor = wire.integer(1, len(values)) + wire.integer(2, 7)
    tensor += wire.part(9, struct.pack(f"<{len(values)}q", *values))
    attribute = wire.text(1, "value") + wire.part(5, tensor) + wire.integer(20, _KINDS["tensor"])
    return Node("Constant", [], [output], {"value": attribute})


def _graph_with(graph: bytes, rewrite: Callable[[list[Node]], list[Node]], place: int = _GRAPH_NODE) -> bytes:
    nodes = [_node(value) for number, value in wire.values(graph) if number == place]
    for node in nodes:
        for name, attribute in node.attributes.items():
            node.attributes[name] = _replaced(attribute, _ATTRIBUTE_GRAPH, lambda g: _graph_with(g, rewrite))
    rest = b"".join(wire.encoded(n, v) for n, v in wire.values(graph) if n != place)
    return b"".join(wire.part(place, node.encode()) for node in rewrite(nodes)) + rest


def _replaced(message: Buffer, number: int, change: Callable[[bytes], bytes]) -> bytes:
    return b"".join(wire.encoded(n, change(v) if n == number else v) for n, v in wire.values(message))


def _node(content: bytes) -> Node:
    node = Node("", [], [])
    rest = []
    for number, value in wire.values(content):
        if number == 1:
            node.inputs.append(value.decode("utf-8", "replace"))
        elif number == 2:
            node.outputs.append(value.decode("utf-8", "replace"))
        elif number == 4:
            node.op = value.decode("utf-8", "replace")
        elif number == 7:
            node.domain = value.decode("utf-8", "replace")
        elif number == 5:
            name = next((v.decode("utf-8", "replace") for n, v in wire.values(value) if n == 1), "")
            node.attributes[name] = value
        else:
            rest.append(wire.encoded(number, value))
    node.rest = b"".join(rest)
    return node


def float_values(content: Buffer, span: Span) -> Iterator[tuple[int, int, int]]:
    """(dtype, first byte, end) of the values of each float32 or float64 initializer in the file."""
    for number, _, start, end in fields(content, *span):
        if number != _GRAPH_INITIALIZER:
            continue
        dtype, places = 0, []
        for part, kind, first, last in fields(content, start, end):
            if part == 2 and kind == 0:
                dtype = varint(content, first, last)[0]
            elif part in (4, 9, 10) and kind == 2:  # float_data, raw_data, double_data
                places.append((first, last))
        if dtype in (FLOAT, DOUBLE):
            yield from ((dtype, first, last) for first, last in places)


def _declared_tensor(content: Buffer, start: int, end: int) -> Declared:
    name, dtype = "", 0
    for number, kind, first, last in fields(content, start, end):
        if number == 8 and kind == 2:
            name = content[first:last].decode("utf-8", "replace")
        elif number == 2 and kind == 0:
            dtype = varint(content, first, last)[0]
    return Declared(name, dtype)


def _declared_input(content: bytes) -> Declared:
    parts = dict(wire.values(content))
    tensor = dict(wire.values(dict(wire.values(parts.get(2, b""))).get(1, b"")))
    return Declared(parts.get(1, b"").decode("utf-8", "replace"), tensor.get(1, 0))


def _attribute(name: str, value: object) -> bytes:
    head = wire.text(1, name)
    if isinstance(value, int):
        return head + wire.integer(3, value) + wire.integer(20, _KINDS["int"])
    if isinstance(value, str):
        return head + wire.text(4, value) + wire.integer(20, _KINDS["string"])
    assert isinstance(value, list)
    if value and isinstance(value[0], str):
        return head + b"".join(wire.text(9, v) for v in value) + wire.integer(20, _KINDS["strings"])
    return head + b"".join(wire.integer(8, v) for v in value) + wire.integer(20, _KINDS["ints"])
