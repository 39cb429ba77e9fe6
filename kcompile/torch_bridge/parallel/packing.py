"""Graphs as plain data that travels to another process, and back.

A packed graph is one phase's slice: Phase and Identity nodes are gone, parameters are numbers that both sides
know, constants are arrays. Nothing of the front end travels: no layer, no function, so nothing that could not
be pickled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir import Body, Constant, Graph, Node, Parameter, Storage, UpdateRule, Value


@dataclass(frozen=True)
class PackedParameter:
    """What makes a parameter's double: its value travels by itself."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    order: tuple[int, ...] | None
    trainable: bool

    @classmethod
    def of(cls, parameter: Parameter) -> PackedParameter:
        array = parameter.storage.array
        return cls(parameter.name, array.shape, array.dtype, parameter.storage.order, parameter.trainable)

    def made(self) -> Parameter:
        """A parameter of zeros, in the same memory order."""
        storage = Storage(np.zeros(self.shape, self.dtype), self.order)
        return Parameter(storage, self.name, self.trainable)


@dataclass(frozen=True)
class Reference:
    """Stands for a parameter of a number in what is no value of a graph."""

    number: int


def rule_with(rule: UpdateRule, replaced: Callable[[Any], Any], kind: type) -> UpdateRule:
    """An optimizer's rule with each part of a kind, Parameter or Reference, replaced."""

    def settle(value: Any) -> Any:
        return replaced(value) if isinstance(value, kind) else value

    return UpdateRule(
        rule.name,
        {name: settle(value) for name, value in rule.settings.items()},
        settle(rule.iterations),
        {name: [settle(slot) for slot in slots] for name, slots in rule.slots.items()},
    )


@dataclass(frozen=True)
class _PackedBody:
    inputs: list[tuple[int, Any, Any, str | None]]
    nodes: list[tuple[Any, ...]]
    outputs: list[Any]


@dataclass(frozen=True)
class PackedGraph:
    """One graph as lists of numbers, names and arrays."""

    inputs: list[tuple[int, Any, Any, str | None]]
    nodes: list[tuple[Any, ...]]
    outputs: list[Any]
    updates: list[tuple[int, Any]]
    phase: Any


def pack(graph: Graph, number_of: Callable[[Parameter], int]) -> PackedGraph:
    """A graph as plain data.

    Args:
        graph: what to send.
        number_of: the number by which the other side knows a parameter.
    """
    packer = _Packer(number_of)
    inputs = [packer.given(value) for value in graph.inputs]
    nodes = packer.nodes(graph)
    outputs = [packer.reference(graph.resolve(value)) for value in graph.outputs]
    updates = [(number_of(p), packer.reference(graph.resolve(new))) for p, new in graph.updates]
    return PackedGraph(inputs, nodes, outputs, updates, graph.phase)


def unpack(packed: PackedGraph, parameter: Callable[[int], Parameter]) -> Graph:
    """The graph again, over the parameters of this side."""
    unpacker = _Unpacker(parameter)
    inputs = [unpacker.given(described) for described in packed.inputs]
    unpacker.nodes(packed.nodes)
    outputs = [unpacker.value(reference) for reference in packed.outputs]
    updates = [(parameter(number), unpacker.value(new)) for number, new in packed.updates]
    return Graph(outputs, inputs, updates, packed.phase)


class _Packer:
    """Numbers the values of a graph as it walks them."""

    def __init__(self, number_of: Callable[[Parameter], int]) -> None:
        self.number_of = number_of
        self.numbers: dict[Value, int] = {}

    def given(self, value: Value) -> tuple[int, Any, Any, str | None]:
        number = self.numbers[value] = len(self.numbers)
        return number, value.dtype, value.dims, value._name

    def reference(self, value: Value | None) -> Any:
        if value is None or value in self.numbers:
            return None if value is None else self.numbers[value]
        if isinstance(value, Parameter):
            return ("parameter", self.number_of(value))
        assert isinstance(value, Constant), value
        return ("constant", value.array, value._name)

    def nodes(self, graph: Graph) -> list[tuple[Any, ...]]:
        return [self.node(graph, node) for node in graph.nodes]

    def node(self, graph: Graph, node: Node) -> tuple[Any, ...]:
        operands = [self.reference(value) for value in graph.operands(node)]
        bodies = graph.bodies(node)
        attributes = {
            name: self.body(bodies[name], graph) if name in bodies else self.attribute(attribute)
            for name, attribute in node.attributes.items()
        }
        outputs = [self.given(value) for value in node.outputs]
        return node.op_type, node.domain, node.scope, node.precision, operands, attributes, outputs

    def attribute(self, content: Any) -> Any:
        """What an attribute says, with numbers in place of the parameters that an Update names."""
        if isinstance(content, UpdateRule):
            return rule_with(content, self.attribute, Parameter)
        if isinstance(content, Parameter):
            return Reference(self.number_of(content))
        return tuple(map(self.attribute, content)) if isinstance(content, tuple) else content

    def body(self, body: Graph, outer: Graph) -> _PackedBody:
        for (
            value
        ) in body.captures:  # what the outer graph resolves further is known under that value's number
            resolved = outer.resolve(value)
            if value not in self.numbers and resolved in self.numbers:
                self.numbers[value] = self.numbers[resolved]
        inputs = [self.given(value) for value in body.inputs]
        nodes = self.nodes(body)
        return _PackedBody(inputs, nodes, [self.reference(body.resolve(value)) for value in body.outputs])


class _Unpacker:
    def __init__(self, parameter: Callable[[int], Parameter]) -> None:
        self.parameter = parameter
        self.values: dict[int, Value] = {}

    def given(self, described: tuple[int, Any, Any, str | None]) -> Value:
        number, dtype, shape, name = described
        value = self.values[number] = Value(dtype, shape, name)
        return value

    def value(self, reference: Any) -> Any:
        if reference is None or isinstance(reference, int):
            return None if reference is None else self.values[reference]
        if reference[0] == "parameter":
            return self.parameter(reference[1])
        return Constant(reference[1], name=reference[2])

    def nodes(self, packed: list[tuple[Any, ...]]) -> list[Node]:
        return [self.node(*described) for described in packed]

    def node(
        self,
        op_type: str,
        domain: str,
        scope: str,
        precision: str | None,
        operands: list[Any],
        attributes: Any,
        outputs: list[Any],
    ) -> Node:
        attributes = {name: self.attribute(content) for name, content in attributes.items()}
        types = [(dtype, shape) for _, dtype, shape, _ in outputs]
        given = [self.value(x) for x in operands]
        node = Node(op_type, given, attributes, types, domain, scope, precision=precision)
        self.values.update(
            {described[0]: value for described, value in zip(outputs, node.outputs, strict=True)}
        )
        return node

    def attribute(self, content: Any) -> Any:
        if isinstance(content, _PackedBody):
            return self.body(content)
        if isinstance(content, UpdateRule):
            return rule_with(content, self.attribute, Reference)
        if isinstance(content, Reference):
            return self.parameter(content.number)
        return tuple(map(self.attribute, content)) if isinstance(content, tuple) else content

    def body(self, packed: _PackedBody) -> Body:
        inputs = [self.given(described) for described in packed.inputs]
        inside = self.nodes(packed.nodes)
        return Body([self.value(x) for x in packed.outputs], inputs, inside)
