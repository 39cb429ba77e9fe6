"""A call of a user's layer as a graph of TensorFlow's, in which calls of layers within stay calls.

TensorFlow traces the code itself, AutoGraph included: branches and loops over tensors are operators with
graphs of their own, and sizes that are open stay open.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf
from tf_keras.src.engine import base_layer

from ...ir import Value
from ...keras import backend as K
from ..errors import LiveModelError, UnrecordableError


@dataclass
class LayerCall:
    """A call of a layer within.

    Attributes:
        layer: of tf_keras.
        args, kwargs: with tensors of the graph in their places.
        outputs: the names of its tensors, in their order.
    """

    layer: Any
    args: Any
    kwargs: Any
    outputs: list[str]


@dataclass
class Recording:
    """What a function of tensors does.

    Attributes:
        graph: of TensorFlow.
        values: what stands for tensors of the graph, by name.
        calls: of layers within, by the names of their tensors.
        outputs: in the form in which the function returned them.
        masks: of the outputs, a tensor of the graph or None for each.
        losses: what the function added to the loss.
        inside: the operators that layers within consist of, by name.
        depth: how many calls of layers are running, the function itself counted.
    """

    graph: Any
    values: dict[str, Value] = field(default_factory=dict)
    calls: dict[str, LayerCall] = field(default_factory=dict)
    outputs: Any = None
    masks: list[Any] = field(default_factory=list)
    losses: list[Any] = field(default_factory=list)
    inside: set[str] = field(default_factory=set)
    depth: int = 0

    def symbolic(self, x: Any) -> Any:
        """A tensor of the graph for a value, with the mask that it has; all else as it is."""
        if not isinstance(x, Value):
            return x
        tensor = self._placeholder(x)
        mask = getattr(x, "_keras_mask", None)
        if isinstance(mask, Value):
            tensor._keras_mask = self._placeholder(mask)
        return tensor

    def _placeholder(self, x: Value) -> Any:
        shape = None if x.dims is None else [n if isinstance(n, int) else None for n in x.dims]
        tensor = tf.compat.v1.placeholder(tf.as_dtype(K.dtype(x)), shape)
        self.values[tensor.name] = x
        return tensor

    def note(self, layer: Any, args: Any, kwargs: Any, outputs: Any) -> Any:
        """Notes a call of a layer; its outputs as tensors that stand for it."""
        call = LayerCall(layer, args, kwargs, [])

        def stand_in(x: Any) -> Any:
            if not tf.is_tensor(x):
                return x
            tensor = tf.identity(x)
            if getattr(x, "_keras_mask", None) is not None:
                tensor._keras_mask = x._keras_mask
            call.outputs.append(tensor.name)
            self.calls[tensor.name] = call
            return tensor

        return tf.nest.map_structure(stand_in, outputs)


_in_force = threading.local()
_patching = threading.RLock()


def recorded(function: Callable[..., Any], args: Any, kwargs: Any, where: str) -> Recording:
    """What a function of tensors does with values.

    Args:
        function: a layer of tf_keras, or a function of the user's.
        args, kwargs: nested, with values in the places of tensors.
        where: the layer, for errors.

    Raises:
        UnrecordableError: if it does not run on tensors of a graph.
    """
    recording = Recording(tf.__internal__.FuncGraph("recording"))
    outer = getattr(_in_force, "recording", None)
    try:
        with recording.graph.as_default(), _noting_calls(recording):
            given, named = (tf.nest.map_structure(recording.symbolic, x) for x in (tuple(args), dict(kwargs)))
            if isinstance(function, tf.Module):
                outputs = _of_layer(recording, function, given, named)
            else:
                recording.depth = 1
                outputs = _converted(function)(*given, **named)
            recording.outputs = tf.nest.map_structure(_as_tensor, outputs)
            flat = tf.nest.flatten(outputs)
            recording.masks = [getattr(x, "_keras_mask", None) for x in flat]
    except LiveModelError:
        raise
    except Exception as error:
        raise UnrecordableError(
            f"The layer {where} does what TensorFlow cannot trace: {type(error).__name__}: {error}",
            is_located=True,
        ) from error
    finally:
        _in_force.recording = outer
    return recording


def _of_layer(recording: Recording, layer: Any, args: Any, kwargs: Any) -> Any:
    kept = [(each, _losses_of(each), list(each._metrics)) for each in layer._flatten_layers()]
    try:
        outputs = layer(*args, **kwargs)
        recording.losses = [x for each in layer._flatten_layers() for x in _added(recording, each)]
    finally:
        for each, losses, metrics in kept:
            each._thread_local._eager_losses = losses
            each._metrics[:] = metrics
    return outputs


def _added(recording: Recording, layer: Any) -> list[Any]:
    """What a layer added to the loss while it was called in the graph, but for layers within."""
    added = (x for x in _losses_of(layer) if getattr(x, "graph", None) is recording.graph)
    return [x for x in added if x.op.name not in recording.inside]


def _losses_of(layer: Any) -> list[Any]:
    found: list[Any] = getattr(layer._thread_local, "_eager_losses", [])
    return found


def _converted(function: Callable[..., Any]) -> Any:
    return tf.__internal__.autograph.tf_convert(
        function, tf.__internal__.autograph.control_status_ctx(), convert_by_default=True
    )


def _as_tensor(x: Any) -> Any:
    return x if x is None or tf.is_tensor(x) else tf.convert_to_tensor(x)


@contextmanager
def _noting_calls(recording: Recording) -> Iterator[None]:
    """Within, calls of layers are noted, but for the outermost and those that layers within make."""
    with _patching:
        _in_force.recording = recording
        original = base_layer.Layer.__call__
        if getattr(original, "_is_noting", False):
            yield
            return
        base_layer.Layer.__call__ = _noting(original)
        try:
            yield
        finally:
            base_layer.Layer.__call__ = original


def _noting(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        recording = getattr(_in_force, "recording", None)
        if recording is None or tf.compat.v1.get_default_graph() is not recording.graph:
            return original(self, *args, **kwargs)
        before = len(recording.graph.get_operations())
        recording.depth += 1
        try:
            outputs = original(self, *args, **kwargs)
        finally:
            recording.depth -= 1
        if recording.depth != 1:
            return outputs
        recording.inside.update(op.name for op in recording.graph.get_operations()[before:])
        return recording.note(self, args, kwargs, outputs)

    call._is_noting = True  # type: ignore[attr-defined]
    return call


def follow_phase(training: Recording, inference: Recording) -> bool:
    """Whether two recordings of a call differ by no more than the ``training`` that they hand on."""
    return _signature(training) == _signature(inference)


def _signature(recording: Recording) -> list[Any]:
    """The operators of a recording, with the numbers of constants, and the layers within."""
    found: list[Any] = []
    for op in operations_of(recording):
        call = recording.calls.get(op.outputs[0].name) if op.outputs else None
        found.append(op.type if call is None else call.layer)
        if op.type == "Const":
            found.append(op.get_attr("value").SerializeToString())
    return found


#: Operators that change a variable.
UPDATES = ("AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp")


def operations_of(recording: Recording) -> list[Any]:
    """The operators that outputs, masks, losses and updates of variables need, in their order; what layers
    within consist of is left out."""
    graph = recording.graph
    operations = graph.get_operations()
    stack = [*tf.nest.flatten(recording.outputs), *recording.masks, *recording.losses]
    needed = {op.name for op in operations if op.type in UPDATES and op.name not in recording.inside}
    stack += [x for op in operations if op.name in needed for x in op.inputs]
    while stack:
        tensor = stack.pop()
        if getattr(tensor, "graph", None) is not graph or tensor.op.name in needed:
            continue
        needed.add(tensor.op.name)
        call = recording.calls.get(tensor.name)
        stack += tensor.op.inputs if call is None else tf.nest.flatten((call.args, call.kwargs))
    return [op for op in operations if op.name in needed]
