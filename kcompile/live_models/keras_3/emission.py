"""Recorded calls as operators: what a user's function of symbolic tensors gives for values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from keras import KerasTensor, Layer, Variable, tree
from keras.src import backend

from ...ir import Value, op
from ...keras import backend as K
from ...keras.operations.rows import OPERATIONS
from ..errors import LiveModelError, OpenShapeError, UnrecordableError
from ..training import Training
from .control_flow import ControlFlow, Function
from .operations import constant, emitted, emitted_call, flat
from .recording import (
    BackendCall,
    Call,
    ConstantTensor,
    Recorder,
    VariableTensor,
    line_of,
    sizes_of,
)
from .sizes import Size

#: Numbers for open axes, of the batch and of others; a function is recorded with two rows of a pair.
FILLERS = (((2, 8), (3, 12)), ((2, 64), (3, 96)), ((2, 2), (3, 3)))


class Emitter(Protocol):
    """What emission needs of the one who translates a model."""

    wide: str

    def parameter(self, variable: Any) -> Value:
        """What stands for a variable."""

    def called(self, live: Any, args: Any, kwargs: Any) -> Any:
        """What a layer of Keras's gives for values."""

    def computed(self, operation: Any, args: Any, kwargs: Any) -> Any:
        """What an operation that the table has not gives for values: by what its ``call`` is made of."""


class Recording:
    """What a function did with symbolic tensors for values.

    Args:
        function: of tensors in any form.
        args, kwargs: with values in the places of tensors.
        layers: whose variables are symbolic meanwhile.
        fillers: sizes of open axes: of the batch, and of others.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: Any,
        kwargs: Any,
        layers: list[Any],
        fillers: tuple[int, int],
    ) -> None:
        self.recorder = Recorder()
        self.values: dict[int, Value] = {}
        self._kept: list[Any] = []
        self._fillers = fillers
        given, named = (tree.map_structure(self._symbolic, x) for x in (tuple(args), dict(kwargs)))
        with self.recorder.recording(layers):
            self.outputs = function(*given, **named)

    def _symbolic(self, x: Any) -> Any:
        if not isinstance(x, Value):
            return x
        if x.dims is None:
            raise OpenShapeError(f"a tensor ({x.name}) has an open number of axes")
        shape = tuple(
            n if isinstance(n, int) else self._fillers[min(axis, 1)] for axis, n in enumerate(x.dims)
        )
        tensor = KerasTensor(shape, K.dtype(x))
        tensor._shape = sizes_of(tensor)
        self.values[id(tensor)] = x
        self._kept.append(tensor)
        return tensor


def recorded(
    function: Callable[..., Any], args: Any, kwargs: Any, layers: list[Any], where: str
) -> tuple[Recording, Recording | None]:
    """A function recorded, and where sizes are open once more with others.

    Raises:
        UnrecordableError: if it does not run on symbolic tensors.
    """
    tensors = [x for x in tree.flatten((args, kwargs)) if isinstance(x, Value)]
    is_open = any(not isinstance(n, int) for x in tensors for n in x.dims or (None,))
    first: Exception | None = None
    for one, two in FILLERS:
        try:
            recording = Recording(function, args, kwargs, layers, one)
            return recording, Recording(function, args, kwargs, layers, two) if is_open else None
        except Exception as error:
            first = first or error
            if not is_open:
                break
    assert first is not None
    if isinstance(first, LiveModelError):
        raise first
    line = line_of(first)
    raise UnrecordableError(
        f"The layer {where} does what cannot be recorded on Keras's symbolic tensors"
        f"{f' ({line})' if line else ''}: {type(first).__name__}: {first}\nWrite it with keras.ops, "
        "and with layers and variables of Keras.",
        is_located=True,
    ) from first


class Emission:
    """Emits what was recorded.

    Args:
        emitter: who knows layers and variables.
        recording: what was recorded.
        other: the same with other sizes, by which those that code depends on are found.
        where: the layer, for errors.
    """

    def __init__(self, emitter: Emitter, recording: Recording, other: Recording | None, where: str) -> None:
        self._emitter, self._where = emitter, where
        self._recording = recording
        self._values = recording.values
        self._sizes: dict[tuple[int, int], Any] = {}
        self._others = None if other is None else other.recorder.calls
        if other is not None:
            _check_alike(recording.recorder.calls, other.recorder.calls, where)

    def run(self) -> Any:
        """The outputs as values, in the form in which the function returned them."""
        recorder = self._recording.recorder
        needed = self._needed()
        for i, call in enumerate(recorder.calls):
            if i in needed:
                self._emit(i, call)
        for variable, value in recorder.updates:
            self._emitter.parameter(variable).assign(self._value(value))  # type: ignore[attr-defined]
        return tree.map_structure(self._value, self._recording.outputs)

    def _needed(self) -> set[int]:
        calls = self._recording.recorder.calls
        maker = {id(x): i for i, call in enumerate(calls) for x in call.outputs}
        updates = [value for _, value in self._recording.recorder.updates]
        needed: set[int] = set()
        stack = [self._recording.outputs, updates]
        while stack:
            for tensor in _tensors_in(stack.pop()):
                i = maker.get(id(tensor))
                if i is not None and i not in needed:
                    needed.add(i)
                    stack.append((calls[i].args, calls[i].kwargs, vars(calls[i].operation)))
        return needed

    def _emit(self, i: int, call: Call) -> None:
        try:
            outputs = self._outputs(call)
        except LiveModelError as error:
            if error.is_located:
                raise
            raise type(error)(self._told(call, str(error)), is_located=True) from error
        except Exception as error:
            name = getattr(call.operation, "function", None) or type(call.operation).__name__
            raise LiveModelError(
                self._told(call, f"{name} in a way that is not read here: {type(error).__name__}: {error}"),
                is_located=True,
            ) from error
        for tensor, value in zip(call.outputs, flat(outputs), strict=False):
            self._values[id(tensor)] = self._refined(i, call, tensor, value)

    def _outputs(self, call: Call) -> Any:
        operation = call.operation
        if isinstance(operation, Layer):
            args, kwargs = (tree.map_structure(self._argument, x) for x in (call.args, call.kwargs))
            return self._emitter.called(operation, args, kwargs)
        if isinstance(operation, ControlFlow):
            args = [tree.map_structure(self._value, x) for x in call.args]
            return operation.emit(self._function, args)
        if isinstance(operation, BackendCall):
            return emitted_call(operation.function, call.args, call.kwargs, self._value)
        if type(operation).__name__ in OPERATIONS:
            return emitted(operation, call.args, call.kwargs, self._value, self._emitter.wide)
        args, kwargs = (tree.map_structure(self._argument, x) for x in (call.args, call.kwargs))
        return self._emitter.computed(operation, args, kwargs)

    def _function(self, function: Function) -> Callable[..., Any]:
        """A recorded function of a branch or loop as one of values."""

        def called(*values: Any) -> Any:
            sizes, self._sizes = self._sizes, dict(self._sizes)
            self._values.update(zip(map(id, function.inputs), values, strict=True))
            for call in function.calls:
                for tensor, value in zip(call.outputs, flat(self._outputs(call)), strict=False):
                    self._values[id(tensor)] = value
            self._sizes = sizes
            return tree.map_structure(self._value, function.outputs)

        return called

    def _told(self, call: Call, what: str) -> str:
        line = f" ({call.line})" if call.line else ""
        return f"The layer {self._where} calls {what.rstrip('.')}{line}."

    def _refined(self, i: int, call: Call, tensor: Any, value: Any) -> Any:
        """A value with the sizes that were equal in both recordings."""
        if isinstance(value, Value) and self._others is not None and value.dims is not None:
            other = self._others[i].outputs[[x is tensor for x in call.outputs].index(True)]
            shapes = zip(tensor.shape, other.shape, strict=False)
            known = [int(a) if a == b else None for a, b in shapes]
            if len(known) == len(value.dims) and None in value.dims:
                value.refine(known)
        return value

    def _argument(self, x: Any) -> Any:
        """An argument of a layer: tensors as values, all else as it is."""
        if isinstance(x, Training):
            return None
        is_tensor = isinstance(x, KerasTensor | Variable | np.ndarray) or backend.is_tensor(x)
        return self._value(x) if is_tensor or isinstance(x, Size) else x

    def _value(self, x: Any) -> Any:
        if isinstance(x, VariableTensor):
            return self._emitter.parameter(x.variable)
        if isinstance(x, ConstantTensor):
            return constant(x.constant)
        if isinstance(x, KerasTensor):
            return self._values[id(x)]
        if isinstance(x, Variable):
            return self._emitter.parameter(x)
        if isinstance(x, Size):
            return x.evaluated(self._size)
        if isinstance(x, np.ndarray) or backend.is_tensor(x):
            return constant(x)
        return x

    def _size(self, tensor: Any, axis: int) -> Any:
        """The size of an axis of a symbolic tensor: a number, or a value where it is open."""
        if isinstance(tensor, VariableTensor):
            return int(tensor.shape[axis])
        key = id(tensor), axis
        if key not in self._sizes:
            value = self._values[id(tensor)]
            known = value.dims[axis] if value.dims is not None else None
            self._sizes[key] = (
                known
                if isinstance(known, int)
                else op.Squeeze(op.Shape(value, start=axis, end=axis + 1), [0])
            )
        return self._sizes[key]


def _tensors_in(value: Any) -> list[Any]:
    """Symbolic tensors in arguments, those included whose sizes stand there."""
    found = []
    for x in tree.flatten(value):
        if isinstance(x, KerasTensor):
            found.append(x)
        elif isinstance(x, Size):
            found += _tensors_of(x)
        elif isinstance(x, slice):
            found += _tensors_in([x.start, x.stop, x.step])
    return found


def _tensors_of(size: Size) -> list[Any]:
    if size.function is None:
        return [size.tensor]
    return [tensor for x in size.operands if isinstance(x, Size) for tensor in _tensors_of(x)]


def _check_alike(calls: list[Call], others: list[Call], where: str) -> None:
    """Refuses code that does another thing for other sizes of open axes."""
    for call, other in zip(calls, others, strict=False):
        own, its = (tree.flatten((c.args, c.kwargs, _settings(c.operation))) for c in (call, other))
        if type(call.operation) is not type(other.operation) or not _are_alike(own, its):
            raise OpenShapeError(_open_shape(call, where), is_located=True)
    if len(calls) != len(others):
        longer = max(calls, others, key=len)
        raise OpenShapeError(_open_shape(longer[min(len(calls), len(others))], where), is_located=True)


def _settings(operation: Any) -> dict[str, Any]:
    if isinstance(operation, Layer):
        return {}
    return {
        k: v for k, v in vars(operation).items() if not k.startswith("_") and k not in ("name", "compute")
    }


def _are_alike(own: list[Any], its: list[Any]) -> bool:
    if len(own) != len(its):
        return False
    for a, b in zip(own, its, strict=True):
        if isinstance(a, slice) and isinstance(b, slice):
            if not _are_alike([a.start, a.stop, a.step], [b.start, b.stop, b.step]):
                return False
        elif isinstance(a, Size | KerasTensor) or isinstance(b, Size | KerasTensor):
            if type(a) is not type(b):
                return False
        elif isinstance(a, bool | int | float | str) or a is None:
            if a != b:
                return False
        elif tuple(getattr(a, "shape", ())) != tuple(getattr(b, "shape", ())):
            return False
    return True


def _open_shape(call: Call, where: str) -> str:
    name = getattr(call.operation, "function", type(call.operation).__name__)
    line = f" ({call.line})" if call.line else ""
    return (
        f"The layer {where} needs the size of an axis that is open: what it gives to {name}{line} depends on "
        "it. Build the model with that size, or compute with keras.ops.shape(x)[axis] in place of int(...), "
        "range(...) or NumPy's functions of it."
    )
