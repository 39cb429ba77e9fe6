"""Graphs: slices of the web of values, cut out when somebody wants to compute something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Literal

import onnx
from onnx import helper

from .dtypes import to_onnx
from .eager import EagerTensor
from .emission import KCOMPILE_DOMAIN, op
from .errors import GraphError
from .values import Constant, Node, Parameter, Value, format_type

Phase = Literal["train", "inference"]

LEARNING_PHASE = Value("int64", (), "keras_learning_phase")
"""The symbolic learning phase: 1 in a graph sliced for training, 0 in one sliced for inference."""

_PHASE_VALUE = {"train": Constant(1, "int64"), "inference": Constant(0, "int64")}


class Graph:
    """The nodes between inputs and outputs, in topological order, for one phase.

    Args:
        outputs: values to compute.
        inputs: values that are given; slicing stops there.
        updates: pairs (parameter, new value), applied after the outputs are computed. An update that
            leaves its parameter as it is in this phase is dropped. Several updates of one parameter add up
            their changes, as those of a layer that is called twice must.
        phase: "train" or "inference": which branch of each ``Phase`` node is kept.
        frozen: owners of ``Phase`` nodes that keep their inference branch in training too.
        silent: leave out Print nodes, as for a file.
        replaced: values, and those that are read in their place.

    Attributes:
        inputs, outputs, replaced: as given.
        nodes: operators in an order in which they can run. Phase and Identity nodes are not among them:
            whoever walks the graph reads operands through ``resolve``.
        parameters: the parameters read or updated, in the order of first use.
        updates: the pairs that matter in this phase.
        captures: what is read from outside besides the inputs: the parameters, and for the body of a
            control-flow operator any value of the outer graph.

    Raises:
        GraphError: if an output depends on a value that nobody gives.
    """

    def __init__(
        self,
        outputs: Sequence[Value],
        inputs: Sequence[Value] = (),
        updates: Iterable[tuple[Parameter, Value]] = (),
        phase: Phase = "inference",
        frozen: Iterable[Hashable] = (),
        silent: bool = False,
        replaced: Mapping[Value, Value] | None = None,
    ) -> None:
        self.phase: Phase = phase
        self.silent = silent
        self.frozen = frozenset(frozen)
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.replaced = dict(replaced or {})
        self._given = set(self.inputs)
        known = {LEARNING_PHASE: _PHASE_VALUE[phase], **self.replaced}
        self._alias: dict[Value, Value] = dict(known)
        self._stops = phase == "train"
        updates = self._combine(updates)
        wanted = [*self.outputs, *(new for _, new in updates)]
        self.nodes = self._sort(wanted)
        if not self._stops and any(node.op_type == "Gradient" for node in self.nodes):
            # gradients taken in an inference graph stop where they are told to, as well
            self._stops, self._alias = True, dict(known)
            self.nodes = self._sort(wanted)
        self.updates = tuple((p, new) for p, new in updates if self.resolve(new) is not p)
        self.captures = self._find_captures()
        self.parameters = tuple(v for v in self.captures if isinstance(v, Parameter))

    def with_inputs(
        self,
        inputs: Sequence[Value],
        outputs: Sequence[Value] | None = None,
        replaced: Mapping[Value, Value] | None = None,
    ) -> Graph:
        """The same slice, without its updates, for these inputs; by default with the same outputs."""
        return Graph(
            self.outputs if outputs is None else outputs,
            inputs,
            phase=self.phase,
            frozen=self.frozen,
            silent=self.silent,
            replaced={**self.replaced, **(replaced or {})},
        )

    def replacing(self, replaced: Mapping[Value, Value]) -> Graph:
        """The same slice with its updates, in which some values are read in the place of others."""
        if not replaced:
            return self
        return Graph(
            self.outputs,
            self.inputs,
            self.updates,
            self.phase,
            self.frozen,
            self.silent,
            {**self.replaced, **replaced},
        )

    def _combine(self, updates: Iterable[tuple[Parameter, Value]]) -> list[tuple[Parameter, Value]]:
        """One update for each parameter that changes in this phase."""
        changes: dict[Parameter, dict[Value, None]] = {}
        for parameter, new in updates:
            if self.resolve(new) is not parameter:
                changes.setdefault(parameter, {})[new] = None
        combined = []
        for parameter, values in changes.items():
            first, *others = values
            for other in others:
                first = op.Add(first, op.Sub(other, parameter))
            combined.append((parameter, first))
        return combined

    def resolve(self, value: Value) -> Value:
        """The value that stands for ``value`` in this phase: past Phase and Identity nodes."""
        passed = []
        while value not in self._given:
            target = self._alias.get(value)
            if target is None:
                target = self._step(value)
            if target is None:
                break
            passed.append(value)
            value = target
        for alias in passed:
            self._alias[alias] = value
        return value

    def operands(self, node: Node) -> tuple[Value | None, ...]:
        """The inputs of a node as they stand in this phase."""
        return tuple(None if value is None else self.resolve(value) for value in node.inputs)

    def bodies(self, node: Node) -> dict[str, Graph]:
        """The bodies of a control-flow operator for this phase, by attribute name."""
        return {
            k: a.sliced(self.phase, self.frozen, self.silent)
            for k, a in node.attributes.items()
            if isinstance(a, Body)
        }

    def dependencies(self, node: Node) -> list[Value]:
        """All values that must exist before the node runs: its operands and what its bodies capture."""
        values = [value for value in self.operands(node) if value is not None]
        for body in self.bodies(node).values():
            values.extend(self.resolve(value) for value in body.captures)
        return values

    def uses(self) -> Counter[Value]:
        """How often each value is read: by nodes, as an output, as a parameter's new value."""
        found = Counter(value for node in self.nodes for value in self.dependencies(node))
        found.update(self.resolve(value) for value in self.outputs)
        found.update(self.resolve(new) for _, new in self.updates)
        return found

    def _step(self, value: Value) -> Value | None:
        """One step past a node that computes nothing in this phase; None if the value is computed."""
        node = value.node
        if node is None:
            return None
        if node.op_type == "Phase" and node.domain == KCOMPILE_DOMAIN:
            train = self.phase == "train" and node.attributes.get("owner") not in self.frozen
            return node.inputs[0 if train else 1]
        if node.op_type == "Identity" or (node.op_type == "Print" and self.silent):
            return node.inputs[0]
        if node.op_type == "StopGradient" and not self._stops:
            return node.inputs[0]
        if node.op_type == "OwnGradient" and not self._stops:
            return node.inputs[node.attributes["sources"] + value.index]
        return None

    def _sort(self, wanted: Sequence[Value]) -> tuple[Node, ...]:
        """Depth-first, without recursion: graphs are thousands of nodes deep."""
        order: list[Node] = []
        done: set[Node] = set()
        stack: list[tuple[Node, bool]] = []
        for value in reversed(wanted):
            self._push(self.resolve(value), None, stack)
        while stack:
            node, expanded = stack.pop()
            if node in done:
                continue
            if expanded:
                done.add(node)
                order.append(node)
                continue
            stack.append((node, True))
            for value in reversed(self.dependencies(node)):
                if value.node not in done:
                    self._push(value, node, stack)
        return tuple(order)

    def _push(self, value: Value, consumer: Node | None, stack: list[tuple[Node, bool]]) -> None:
        if value in self._given or isinstance(value, Constant | Parameter):
            return
        if value.node is None:
            self._missing(value, consumer)
        else:
            stack.append((value.node, False))

    def _missing(self, value: Value, consumer: Node | None) -> None:
        given = ", ".join(repr(v.name) for v in self.inputs) or "none"
        used = f"{consumer.name} needs" if consumer is not None else "an output is"
        raise GraphError(
            f"Graph disconnected: {used} the input {value.name!r} ({format_type(value)}), which is not "
            f"among the inputs given ({given})."
        )

    def _find_captures(self) -> tuple[Value, ...]:
        """The values read that are neither given, nor constant, nor computed by a node of this graph."""
        inside = set(self.nodes)
        read = [value for node in self.nodes for value in self.dependencies(node)]
        read += [self.resolve(value) for value in self.outputs]
        for parameter, new in self.updates:
            read += [parameter, self.resolve(new)]
        return tuple(
            dict.fromkeys(
                value
                for value in read
                if value not in self._given and not _is_fixed(value) and value.node not in inside
            )
        )

    def __str__(self) -> str:
        from .printing import format_graph

        return format_graph(self)


def _is_fixed(value: Value) -> bool:
    """Whether a value is a constant through which no gradient flows."""
    return isinstance(value, Constant) and not isinstance(value, EagerTensor)


class Body:
    """The body of a control-flow operator (Scan, Loop, If), as a node holds it: sliced when the outer graph
    is.

    Only what depends on the formal inputs is inside; everything else that the outputs read is computed
    outside, once, and captured: loop-invariant code moves out by construction.

    Args:
        outputs: results of one step, in the order that the operator asks for.
        inputs: formal inputs, fresh values without a producer.
        inside: nodes that belong inside although they read no formal input (the branches of an imported If).
    """

    def __init__(
        self, outputs: Sequence[Value], inputs: Sequence[Value] = (), inside: Iterable[Node] = ()
    ) -> None:
        self.outputs = tuple(outputs)
        self.inputs = tuple(inputs)
        self._inside = frozenset(inside)
        self._sliced: dict[tuple[Phase, frozenset[Hashable], bool], Graph] = {}

    def sliced(self, phase: Phase, frozen: frozenset[Hashable] = frozenset(), silent: bool = False) -> Graph:
        """The body as a graph for one phase; what it reads from outside is in its ``captures``."""
        key = (phase, frozen, silent)
        if key not in self._sliced:
            self._sliced[key] = _BodyGraph(self.outputs, self.inputs, self._inside, phase, frozen, silent)
        return self._sliced[key]

    def signature_proto(self) -> onnx.GraphProto:
        """A GraphProto with the types of inputs and outputs only: what inference of the operator reads."""
        return helper.make_graph(
            [],
            "body",
            [value_info(v, f"in{i}") for i, v in enumerate(self.inputs)],
            [value_info(v, f"out{i}") for i, v in enumerate(self.outputs)],
        )


class _BodyGraph(Graph):
    """A graph that captures instead of failing, and keeps inside only what depends on its inputs."""

    def __init__(
        self,
        outputs: Sequence[Value],
        inputs: Sequence[Value],
        inside: frozenset[Node],
        phase: Phase,
        frozen: frozenset[Hashable],
        silent: bool,
    ) -> None:
        self._forced = inside
        super().__init__(outputs, inputs, phase=phase, frozen=frozen, silent=silent)

    def _missing(self, value: Value, consumer: Node | None) -> None:
        """A value of the outer graph: captured."""

    def _sort(self, wanted: Sequence[Value]) -> tuple[Node, ...]:
        inside: set[Node] = set()
        for node in (order := super()._sort(wanted)):
            if node in self._forced or any(
                value in self._given or value.node in inside for value in self.dependencies(node)
            ):
                inside.add(node)
        return tuple(node for node in order if node in inside)


def value_info(value: Value, name: str) -> onnx.ValueInfoProto:
    """The ONNX declaration of a value under a name."""
    return helper.make_tensor_value_info(name, to_onnx(value.dtype), value.dims)
