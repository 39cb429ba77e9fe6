"""A step written down as one graph: the third way to run a program over ``op``.

Within ``tracing(trace)`` operators on the trace's values become nodes, as they do without it, and assignments
become updates. A variable that was assigned reads as its new value from there on, within the step; gradients
with respect to it are those of all its readings that the target depends on, as a tape has them.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .biases import with_biases
from .eager import Interpreter, eagerly, emitting, note_variable
from .emission import KCOMPILE_DOMAIN, current_readings, op, reading_as, schema_of
from .foreign import ForeignNode
from .graph import Graph, Phase
from .inference import infer
from .numbers import Depends, depends, read_by
from .repeats import with_resizes
from .scope import current_device, current_precision, current_scope
from .text_nodes import TextNode
from .update_rule import UpdateRule
from .values import Constant, Node, Parameter, Value


class _Record:
    """What one step says, however many layer calls say it.

    Attributes:
        inputs: what the step is given.
        given: the inputs, and what stands for tensors of loops.
        readings: by variable the value that it has at first, and those assigned to it, in order.
        now: by variable that was assigned the value that it reads as.
        counted: the counters that kernels of optimizers count up themselves.
        paused: how many blocks there are around in which no gradient is recorded.
    """

    def __init__(self, inputs: Sequence[Value]) -> None:
        self.inputs = tuple(inputs)
        self.given = set(inputs)
        self.nodes: set[Node] = set()
        self.readings: dict[Parameter, list[Value]] = {}
        self.now: dict[Value, Value] = {}
        self.counted: set[Parameter] = set()
        self.paused = 0


class Trace:
    """Writes operators down instead of computing them; an ``Interpreter`` to whoever asks.

    Args:
        inputs: what the step is given: fresh values without a producer.
        training: which branch ``Phase`` takes.
        frozen: whether what is called is part of something that is not trained.
        computes: what computes at once where the step runs; None where nobody says.
    """

    def __init__(
        self,
        inputs: Sequence[Value],
        training: bool = False,
        frozen: bool = False,
        computes: Interpreter | None = None,
    ) -> None:
        self._record = _Record(inputs)
        self.computes = computes
        self.training = training
        self.frozen = frozen

    def behaving(self, training: bool, frozen: bool) -> Trace:
        """See ``ir.eager.Interpreter``."""
        other = Trace((), training, frozen, self.computes)
        other._record = self._record
        return other

    @property
    def updates(self) -> list[tuple[Parameter, Value]]:
        """The variables that were assigned, with their last values."""
        record = self._record
        return [(p, readings[-1]) for p, readings in record.readings.items() if p not in record.counted]

    def graph(self, outputs: Sequence[Value], phase: Phase) -> Graph:
        """What was traced, as far as these outputs and the updates need it."""
        graph = Graph([self._current(x) for x in outputs], self._record.inputs, self.updates, phase)
        return with_biases(with_resizes(graph))

    def branch(
        self, function: Callable[[], Any], reading: Mapping[Parameter, Value] | None = None
    ) -> tuple[Any, dict[Parameter, Value]]:
        """What a function gives, and what it assigned last to each variable, which is taken back: whether
        it is what happens, or how often, is known only when the step runs.

        Args:
            reading: what variables read as in the function, until it assigns to them.
        """
        record = self._record
        readings = {parameter: list(values) for parameter, values in record.readings.items()}
        now, counted = dict(record.now), set(record.counted)
        self._read_as(list((reading or {}).items()))
        found = function()
        changed = {
            parameter: record.now[parameter]
            for parameter in record.readings
            if record.now.get(parameter) is not now.get(parameter)
        }
        for held, before in ((record.now, now), (record.readings, readings)):
            held.clear()
            held.update(before)  # type: ignore[arg-type]
        record.counted = counted
        return found, changed

    def stand_for(self, values: Iterable[Value]) -> None:
        """Says that fresh values belong to the step: they stand for tensors of any turn of a loop."""
        self._record.given.update(values)

    # --- as an interpreter --------------------------------------------------------------------------------

    def takes(self, value: Value) -> bool:
        """See ``ir.eager.Interpreter``: the value belongs to the step, or depends on no input at all."""
        if value.node is None:
            return isinstance(value, Constant | Parameter) or value in self._record.given
        if value.node in self._record.nodes or depends(value) is not Depends.ON_INPUTS:
            return True
        # these make themselves, and ask no interpreter
        is_of_step = isinstance(value.node, ForeignNode | TextNode) and all(
            x is None or self.takes(x) for x in value.node.inputs
        )
        if is_of_step:
            self._record.nodes.add(value.node)
        return is_of_step

    def assign(self, pairs: Sequence[tuple[Parameter, Value]]) -> None:
        """See ``ir.eager.Interpreter``. No gradient flows through an assignment."""
        self._read_as([(parameter, op.StopGradient(self._current(new))) for parameter, new in pairs])
        self._record.counted.difference_update(parameter for parameter, _ in pairs)

    def _read_as(self, pairs: Sequence[tuple[Parameter, Value]]) -> None:
        for parameter, new in pairs:
            self._record.readings.setdefault(parameter, [parameter]).append(new)
            self._record.now[parameter] = new

    def compute(
        self,
        op_type: str,
        domain: str,
        inputs: Sequence[Value | None],
        attributes: Mapping[str, Any],
        outputs: int,
    ) -> tuple[Value, ...]:
        """See ``ir.eager.Interpreter``: the outputs of a new node."""
        if domain == KCOMPILE_DOMAIN and op_type == "Gradient":
            target, *sources = (x for x in inputs if x is not None)
            found = self.gradients([target], sources)
            return tuple(
                op.ConstantOfShape(op.Shape(x), value=np.zeros(1, x.dtype)) if g is None else g
                for x, g in zip(sources, found, strict=True)
            )
        for x in inputs:
            if isinstance(x, Parameter) and x.trainable:
                note_variable(x)
        given = [None if x is None else self._current(x) for x in inputs]
        made = self._emit(op_type, domain, given, attributes, outputs)
        return tuple(map(self._unrecorded, made)) if self._record.paused and not domain else made

    @contextmanager
    def unrecorded(self) -> Iterator[None]:
        """See ``ir.eager.Interpreter``."""
        self._record.paused += 1
        try:
            yield
        finally:
            self._record.paused -= 1

    def _unrecorded(self, value: Value) -> Value:
        return self._emit("StopGradient", KCOMPILE_DOMAIN, [value], {}, 1)[0]

    def gradients(
        self,
        targets: Sequence[Value],
        sources: Sequence[Value],
        given: Sequence[Value | None] | None = None,
        again: bool = False,
    ) -> list[Value | None]:
        """See ``ir.eager.Interpreter``."""
        targets = [self._current(y) for y in targets]
        weighted = [
            y if w is None else op.Mul(y, w)
            for y, w in zip(targets, given or [None] * len(targets), strict=True)
        ]
        parts = [y if y.rank == 0 else op.ReduceSum(y, keepdims=0) for y in weighted]
        total = parts[0]
        for part in parts[1:]:
            total = op.Add(total, part)
        reached = _reached([total])
        asked = [[x for x in self._readings(source) if x in reached] for source in sources]
        flat = list(dict.fromkeys(x for readings in asked for x in readings))
        if not flat:
            return [None] * len(sources)
        types = [(x.dtype, x.dims) for x in flat]
        node = self._node("Gradient", KCOMPILE_DOMAIN, [total, *flat], {}, types)
        of = dict(zip(flat, node.outputs, strict=True))
        return [_sum([of[x] for x in readings]) for readings in asked]

    def update(self, rule: UpdateRule, params: Sequence[Parameter], grads: Sequence[Value]) -> bool:
        """See ``ir.eager.Interpreter``: an Update node, unless the step has changed what the rule reads."""
        said = [x for x in rule.settings.values() if isinstance(x, Parameter)]
        has_kernel = getattr(self.computes, "has_kernel", None)
        if has_kernel is None or not has_kernel(rule) or any(x in self._record.now for x in said):
            return False
        changed = [rule.iterations, *params, *(x for each in rule.slots.values() for x in each)]
        now = [self._current(x) for x in changed]
        n = len(params) + 1
        given = [*now[:n], *(self._current(x) for x in grads), *now[n:]]
        types = [(x.dtype, x.dims) for x in changed]
        node = self._node("Update", KCOMPILE_DOMAIN, given, {"rule": rule, "params": tuple(params)}, types)
        self._read_as(list(zip(changed, node.outputs, strict=True)))
        self._record.counted.add(rule.iterations)
        return True

    def array(self, tensor: Any) -> Any:
        raise TypeError("A step that is traced has no numbers.")

    def device_name(self, tensor: Any) -> str:
        raise TypeError("A step that is traced has no numbers, and thus they lie nowhere.")

    # --- nodes --------------------------------------------------------------------------------------------

    def _emit(
        self,
        op_type: str,
        domain: str,
        inputs: Sequence[Value | None],
        attributes: Mapping[str, Any],
        outputs: int,
    ) -> tuple[Value, ...]:
        if domain == KCOMPILE_DOMAIN:
            types: Any = [(x.dtype, x.dims) for x in inputs[-outputs:] if x is not None]
        else:
            types = infer(schema_of(op_type), inputs, attributes, outputs, current_scope())
        return self._node(op_type, domain, inputs, attributes, types).outputs

    def _node(
        self,
        op_type: str,
        domain: str,
        inputs: Sequence[Value | None],
        attributes: Mapping[str, Any],
        types: Sequence[Any],
    ) -> Node:
        where = current_scope(), current_device(), current_precision()
        node = Node(op_type, inputs, attributes, types, domain, *where)
        self._record.nodes.add(node)
        return node

    def _readings(self, source: Value) -> list[Value]:
        """What a source is in the graph: a variable may have been read before and after assignments."""
        if isinstance(source, Parameter):
            return self._record.readings.get(source, [source])
        return [source]

    def _current(self, value: Value) -> Value:
        """A value as it is now. What was emitted before the step, such as a regularizer's term, is emitted
        again where it reads a variable that has been assigned since."""
        now = self._record.now
        if not now or value in now:
            return now.get(value, value)
        if value.node is None or value.node in self._record.nodes or not self._is_stale(value):
            return value
        node = value.node
        inputs = [None if x is None else self._current(x) for x in node.inputs]
        if node.op_type == "Phase" and node.domain == KCOMPILE_DOMAIN:
            chosen = inputs[0 if self.training else 1]
            assert chosen is not None
            return chosen
        return self.compute(node.op_type, node.domain, inputs, node.attributes, len(node.outputs))[
            value.index
        ]

    def _is_stale(self, value: Value) -> bool:
        return any(x in self._record.now for x in _leaves(value))


@contextmanager
def tracing(trace: Trace) -> Iterator[Trace]:
    """Within, what is computed of the trace's inputs, of weights and of constants is written down by it.

    Numbers of weights decide nothing: what they are when the step is traced, they are not when it runs.
    """
    readings = ChainMap(trace._record.now, dict(current_readings()))  # type: ignore[arg-type]
    with eagerly(trace), reading_as(readings), emitting(symbolic=True):
        yield trace


def _sum(values: Sequence[Value]) -> Value | None:
    total = None
    for value in values:
        total = value if total is None else op.Add(total, value)
    return total


def _reached(targets: Iterable[Value]) -> set[Value]:
    """The values on which targets depend by way of something that passes gradients on."""
    seen: set[Value] = set()
    stack = list(targets)
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        node = value.node
        if node is not None and not (node.domain == KCOMPILE_DOMAIN and node.op_type in _STOPS):
            stack.extend(read_by(node))
    return seen


#: What no gradient flows through.
_STOPS = ("StopGradient", "Update")


def _leaves(value: Value) -> Iterator[Value]:
    seen: set[Value] = set()
    stack = [value]
    while stack:
        found = stack.pop()
        if found in seen:
            continue
        seen.add(found)
        if found.node is None:
            yield found
        else:
            stack.extend(read_by(found.node))
