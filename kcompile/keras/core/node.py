"""The layer DAG: one Node per call of a layer, and the frame that collects what happens during the call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from ...ir import Body, Parameter, Value
from .. import registry
from ..backend.assignments import recording

if TYPE_CHECKING:
    from .layer import Layer

Update = tuple[Parameter, Value]


class KerasHistory(NamedTuple):
    """Where a tensor comes from: output ``tensor_index`` of the ``node_index``-th call of ``layer``."""

    layer: Layer
    node_index: int
    tensor_index: int


class CallFrame:
    """What is said during one layer call: updates, losses and metrics, those of inner layers included.

    A model may be made during the call, or build itself, on Inputs of its own. What its layers say then is
    its own affair: ``is_inside`` tells such tensors from those of the call.
    """

    def __init__(self) -> None:
        self.updates: list[Update] = []
        self.losses: list[Value] = []
        self.metrics: list[tuple[Any, Value | list[Update]]] = []
        self._inside: dict[Value, bool] = {}
        self._assigned: dict[Parameter, Value] = {}
        self._has_inputs = False

    def assign(self, parameter: Parameter, new: Value) -> None:
        """A variable was assigned to: of several times in one call the last counts."""
        earlier = self._assigned.get(parameter)
        self.updates = [pair for pair in self.updates if pair[0] is not parameter or pair[1] is not earlier]
        self.updates.append((parameter, new))
        self._assigned[parameter] = new

    def add_input(self, tensor: Value) -> None:
        """An Input was made during the call."""
        self._inside[tensor] = self._has_inputs = True

    def is_inside(self, tensors: Iterable[Any]) -> bool:
        """Whether one of the tensors is computed from an Input that was made during the call."""
        return self._has_inputs and any([self._reaches_input(x) for x in tensors if isinstance(x, Value)])

    def _reaches_input(self, tensor: Value) -> bool:
        seen: set[Value] = set()
        stack = [tensor]
        while stack:
            value = stack.pop()
            known = self._inside.get(value)
            if known:
                self._inside[tensor] = True
                return True
            if known is None and value not in seen:
                seen.add(value)
                stack.extend(_read_for(value))
        self._inside.update(dict.fromkeys(seen, False))
        return False


def _read_for(value: Value) -> list[Value]:
    """The tensors that a value is computed from, also those that the body of a loop reads."""
    if value.node is None:
        return []
    bodies = [body for body in value.node.attributes.values() if isinstance(body, Body)]
    read = [tensor for body in bodies for tensor in body.sliced("train").captures]
    return read + [tensor for tensor in value.node.inputs if tensor is not None]


class _Frames(threading.local):
    def __init__(self) -> None:
        self.stack: list[CallFrame | None] = []


_frames = _Frames()


def current_frame() -> CallFrame | None:
    """The frame of the innermost layer call that is running; None outside of any, and while a layer builds
    itself."""
    return _frames.stack[-1] if _frames.stack else None


@contextmanager
def _on_stack(frame: CallFrame | None, numbers: bool = False) -> Iterator[None]:
    _frames.stack.append(frame)
    try:
        with recording(None if frame is None else frame.assign, numbers):
            yield
    finally:
        _frames.stack.pop()


@contextmanager
def call_frame(inputs: Iterable[Any] = (), kept: bool = True, numbers: bool = False) -> Iterator[CallFrame]:
    """Collects what inner code says; on leaving, the enclosing frame has it too.

    Args:
        inputs: what the call is on. If they belong to a model inside the enclosing call, that call has no
            part in it.
        kept: False for a call on placeholders that only asks for shapes or masks.
        numbers: whether plain numbers that are assigned to variables are updates, too.
    """
    frame = CallFrame()
    with _on_stack(frame, numbers):
        yield frame
    outer = current_frame()
    if outer is not None and kept and not outer.is_inside(inputs):
        outer.updates.extend(frame.updates)
        outer.losses.extend(frame.losses)
        outer.metrics.extend(frame.metrics)


def no_frame() -> Any:
    """While a layer builds itself: what it adds then, it adds for good, whoever calls it."""
    return _on_stack(None)


class Node:
    """One call of a layer: an edge bundle of the layer DAG.

    Attributes:
        outbound_layer: the layer that was called.
        inbound_layers, node_indices, tensor_indices: where each input tensor comes from.
        input_tensors, output_tensors: values; input_masks, output_masks: values or None.
        input_shapes, output_shapes: static shapes with None for unknown sizes.
        arguments: keyword arguments of the call.
        updates, losses, metrics: what was added during the call.
    """

    def __init__(
        self,
        outbound_layer: Layer,
        input_tensors: list[Value],
        output_tensors: list[Value],
        input_masks: list[Value | None],
        output_masks: list[Value | None],
        arguments: dict[str, Any] | None = None,
        frame: CallFrame | None = None,
    ) -> None:
        frame = frame or CallFrame()
        self.outbound_layer = outbound_layer
        self.input_tensors = input_tensors
        self.output_tensors = output_tensors
        self.input_masks = input_masks
        self.output_masks = output_masks
        self.arguments = arguments or {}
        self.updates, self.losses, self.metrics = frame.updates, frame.losses, frame.metrics
        histories = [tensor._keras_history for tensor in input_tensors]
        self.inbound_layers = [h.layer for h in histories]
        self.node_indices = [h.node_index for h in histories]
        self.tensor_indices = [h.tensor_index for h in histories]
        for layer in dict.fromkeys(self.inbound_layers):
            layer._outbound_nodes.append(self)
        index = len(outbound_layer._inbound_nodes)
        outbound_layer._inbound_nodes.append(self)
        annotate(output_tensors, output_masks, input_tensors)
        for i, tensor in enumerate(output_tensors):
            tensor._keras_history = KerasHistory(outbound_layer, index, i)

    @classmethod
    def own(cls, layer: Layer, inputs: list[Value], outputs: list[Value]) -> Node:
        """What an input layer or a network has before any call: its own tensors, whose history stays as it
        is."""
        node = cls.__new__(cls)
        node.outbound_layer = layer
        node.inbound_layers, node.node_indices, node.tensor_indices = [], [], []
        node.input_tensors, node.output_tensors = list(inputs), list(outputs)
        node.input_masks = [getattr(tensor, "_keras_mask", None) for tensor in inputs]
        node.output_masks = [getattr(tensor, "_keras_mask", None) for tensor in outputs]
        node.arguments = {}
        node.updates, node.losses, node.metrics = [], [], []
        return node

    @property
    def inbound_nodes(self) -> list[Node]:
        """The calls that made the input tensors, in the order of the inputs."""
        return [
            layer._inbound_nodes[i] for layer, i in zip(self.inbound_layers, self.node_indices, strict=True)
        ]

    @property
    def keyword_tensors(self) -> list[Value]:
        """The tensors of layers among the keyword arguments, a mask or a scale, in their order."""
        found: list[Value] = []
        replace_tensors(self.arguments, lambda tensor: found.append(tensor))
        return found

    @property
    def input_shapes(self) -> list[tuple[int | None, ...]]:
        """Static shapes of the inputs."""
        return [static_shape(tensor) for tensor in self.input_tensors]

    @property
    def output_shapes(self) -> list[tuple[int | None, ...]]:
        """Static shapes of the outputs."""
        return [static_shape(tensor) for tensor in self.output_tensors]

    def get_config(self) -> dict[str, Any]:
        """Names and indices in place of layers."""
        return {
            "outbound_layer": self.outbound_layer.name,
            "inbound_layers": [layer.name for layer in self.inbound_layers],
            "node_indices": self.node_indices,
            "tensor_indices": self.tensor_indices,
        }


def replace_tensors(value: Any, function: Callable[[Value], Any]) -> Any:
    """Arguments with ``function(tensor)`` for each tensor of a layer in them, lists and dicts included."""
    if isinstance(value, Value):
        return function(value) if hasattr(value, "_keras_history") else value
    if isinstance(value, dict):
        return {key: replace_tensors(entry, function) for key, entry in value.items()}
    if type(value) in (list, tuple):
        return type(value)(replace_tensors(entry, function) for entry in value)
    return value


def annotate(outputs: Sequence[Value], masks: Sequence[Value | None], inputs: Sequence[Value]) -> None:
    """Says of outputs what Keras 2 says of its tensors: mask, shape, whether training makes a difference."""
    differs = any(getattr(x, "_uses_learning_phase", False) for x in inputs) or reaches_phase(outputs, inputs)
    for tensor, mask in zip(outputs, masks, strict=True):
        tensor._keras_mask = mask
        tensor._keras_shape = static_shape(tensor)
        tensor._uses_learning_phase = differs


def reaches_phase(outputs: Sequence[Value], inputs: Sequence[Value] = ()) -> bool:
    """Whether something between inputs and outputs differs between training and test."""
    given = {id(value) for value in inputs}
    seen: set[int] = set()
    stack = list(outputs)
    while stack:
        value = stack.pop()
        node = value.node
        if node is None or id(value) in given or id(node) in seen:
            continue
        if node.op_type == "Phase":
            return True
        seen.add(id(node))
        stack.extend(operand for operand in node.inputs if operand is not None)
    return False


def static_shape(value: Value) -> tuple[int | None, ...] | None:
    """The shape as Keras shows it: symbols are None; None for an unknown rank."""
    return value.shape


registry.register(globals())
