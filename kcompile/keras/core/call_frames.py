"""What is said during one layer call: updates, losses and metrics, those of inner layers included."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ...ir import Body, Parameter, Value
from .. import rules
from ..backend.assignments import recording

Update = tuple[Parameter, Value]


class CallFrame:
    """Collects what is said during one layer call, with what inner layers say.

    ``updates`` are those of training; ``inference_updates`` are done where a model does not train, too.

    A model may be made during the call, or build itself, on Inputs of its own. What its layers say then is
    its own affair: ``is_inside`` tells such tensors from those of the call.
    """

    def __init__(self) -> None:
        self.updates: list[Update] = []
        self.inference_updates: list[Update] = []
        self.losses: list[Value] = []
        self.metrics: list[tuple[Any, Value | list[Update]]] = []
        self._inside: dict[Value, bool] = {}
        self._assigned: dict[Parameter, Value] = {}
        self._has_inputs = False

    def assign(self, parameter: Parameter, new: Value) -> None:
        """A variable was assigned to: of several times in one call the last counts."""
        earlier = self._assigned.get(parameter)
        self.updates = _with(self.updates, parameter, new, earlier)
        if rules.in_call_told_of_phase():
            self.inference_updates = _with(self.inference_updates, parameter, new, earlier)
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


def _with(updates: list[Update], parameter: Parameter, new: Value, earlier: Value | None) -> list[Update]:
    kept = [pair for pair in updates if pair[0] is not parameter or pair[1] is not earlier]
    return [*kept, (parameter, new)]


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
        keep(frame)


def keep(frame: CallFrame) -> None:
    """Hands on to the call around what was said in a call."""
    outer = current_frame()
    if outer is not None:
        outer.updates.extend(frame.updates)
        outer.inference_updates.extend(frame.inference_updates)
        outer.losses.extend(frame.losses)
        outer.metrics.extend(frame.metrics)


def no_frame() -> Any:
    """While a layer builds itself: what it adds then, it adds for good, whoever calls it."""
    return _on_stack(None)
