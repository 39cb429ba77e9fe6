"""Operators that compute at once: ``op.Add(a, b)`` on numbers returns numbers where one of them is an
``EagerTensor``, or in an ``eagerly`` block.

Whatever is written over ``op`` is thereby one text for two uses: on symbolic values it emits a graph, on
eager ones it computes. Who computes is handed in (``torch_bridge.eager``), since nothing here knows torch.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import numpy as np

from .dtypes import DTypeLike
from .update_rule import UpdateRule
from .values import Constant, Parameter, Value


class Interpreter(Protocol):
    """Computes single operators.

    Attributes:
        training: which branch ``Phase`` takes.
        frozen: whether what computes is part of something that is not trained.
    """

    training: bool
    frozen: bool

    def behaving(self, training: bool, frozen: bool) -> Interpreter:
        """The same, of other attributes."""
        ...

    def takes(self, value: Value) -> bool:
        """Whether a value has numbers to compute with: it depends on no input of a graph."""
        ...

    def assign(self, pairs: Sequence[tuple[Parameter, Value]]) -> None:
        """Overwrites weights with what was computed."""
        ...

    def compute(
        self,
        op_type: str,
        domain: str,
        inputs: Sequence[Value | None],
        attributes: Mapping[str, Any],
        outputs: int,
    ) -> tuple[Value, ...]:
        """The outputs of an operator on eager tensors, constants and parameters.

        Raises:
            OperatorError: naming the operator, where it does not take them.
        """
        ...

    def gradients(
        self,
        targets: Sequence[Value],
        sources: Sequence[Value],
        given: Sequence[Value | None] | None = None,
        again: bool = False,
    ) -> Sequence[Value | None]:
        """The gradients of the sum of all targets' elements with respect to each source; None for what no
        target depends on.

        Args:
            given: gradients of the targets themselves, by which they are weighted in place of 1.
            again: whether the gradients will be differentiated in turn.
        """
        ...

    def update(self, rule: UpdateRule, params: Sequence[Parameter], grads: Sequence[Value]) -> bool:
        """One update of weights by the kernel of a built-in optimizer; whether there is one."""
        ...

    def unrecorded(self) -> AbstractContextManager[Any]:
        """A block in which what is computed passes no gradient on."""
        ...

    def array(self, tensor: Any) -> np.ndarray:
        """The numbers of a tensor that it computed; an array over the same memory where that can be."""
        ...

    def device_name(self, tensor: Any) -> str:
        """Where a tensor that it computed lies: "cpu:0", "gpu:1"."""
        ...


class _Noting(threading.local):
    """The lists of those who want to know, in this thread, which trainable variables are read."""

    lists: tuple[dict[Parameter, None], ...] = ()


_noting = _Noting()


@contextmanager
def noting_variables(found: dict[Parameter, None] | None) -> Iterator[None]:
    """Within, trainable variables that operators read are keys of ``found``, in the order of reading; of
    None nobody is told."""
    before = _noting.lists
    _noting.lists = () if found is None else (*before, found)
    try:
        yield
    finally:
        _noting.lists = before


def note_variable(parameter: Parameter) -> None:
    """Tells those who want to know that a trainable variable is read."""
    for found in _noting.lists:
        found[parameter] = None


class EagerTensor(Constant):
    """Numbers that an operator computed at once.

    In a graph it is a constant; while others compute at once, a gradient flows through it.

    Attributes:
        tensor: what the interpreter computed, in its own type (``torch.Tensor``).
        array: its numbers; treat as read-only.
    """

    __slots__ = ("interpreter", "tensor")

    def __init__(
        self, tensor: Any, dtype: DTypeLike, shape: Sequence[int], interpreter: Interpreter, name: str = ""
    ) -> None:
        Value.__init__(self, dtype, shape, name or None)
        self.tensor = tensor
        self.interpreter = interpreter

    @property
    def array(self) -> np.ndarray:  # type: ignore[override]
        return self.interpreter.array(self.tensor)

    @property
    def device(self) -> str:
        """Where the numbers lie, as TensorFlow writes it: ``"/job:localhost/.../device:CPU:0"``."""
        name = self.interpreter.device_name(self.tensor).upper()
        return f"/job:localhost/replica:0/task:0/device:{name}"

    def numpy(self) -> Any:
        """The numbers: an array of the caller's own, or a number of numpy for a single one."""
        return np.array(self.array)[()]

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Functions and operators of PyTorch take the tensor itself."""
        return func(*_tensors_in(args), **{key: _tensors_in(x) for key, x in (kwargs or {}).items()})

    @property
    def _type(self) -> str:
        return "string" if self.dtype.kind == "O" else self.dtype.name

    def __repr__(self) -> str:
        numbers = np.array2string(self.array, separator=", ")
        return f"<tf.Tensor: shape={tuple(self.shape or ())}, dtype={self._type}, numpy={numbers}>"

    def __str__(self) -> str:
        return f"tf.Tensor({self.array!s}, shape={tuple(self.shape or ())}, dtype={self._type})"

    def __format__(self, spec: str) -> str:
        return format(self.numpy(), spec)


def _tensors_in(nest: Any) -> Any:
    """Lists and tuples with what interpreters computed in place of eager tensors."""
    if isinstance(nest, EagerTensor):
        return nest.tensor
    return type(nest)(map(_tensors_in, nest)) if type(nest) in (list, tuple) else nest


_interpreter: ContextVar[Interpreter | None] = ContextVar("kcompile_interpreter", default=None)


def interpreter() -> Interpreter | None:
    """What computes operators at once here; None where they are emitted."""
    return _interpreter.get()


_recorder: ContextVar[Interpreter | None] = ContextVar("kcompile_recorder", default=None)


def recorder() -> Interpreter | None:
    """What computes calls of layers on arrays at once, where a tape keeps track of them; else None."""
    return _recorder.get()


def record_with(interpreter: Interpreter | None) -> None:
    """From now on calls of layers on arrays are computed by ``interpreter`` in this context; None ends it."""
    _recorder.set(interpreter)


class eagerly:
    """Within, operators whose inputs all have numbers are computed at once by ``interpreter``; None emits
    them again."""

    __slots__ = ("_interpreter", "_token")

    def __init__(self, interpreter: Interpreter | None) -> None:
        self._interpreter = interpreter

    def __enter__(self) -> None:
        self._token = _interpreter.set(self._interpreter)

    def __exit__(self, *failure: object) -> None:
        _interpreter.reset(self._token)


class _Emitting(threading.local):
    on = False


_emitting = _Emitting()


@contextmanager
def emitting(symbolic: bool) -> Iterator[None]:
    """Within, if ``symbolic``, a graph is emitted that outlives the weights as they are: they decide
    nothing, and what is a function of them stays one."""
    before = _emitting.on
    _emitting.on = before or symbolic
    try:
        yield
    finally:
        _emitting.on = before


@contextmanager
def settled() -> Iterator[None]:
    """Within, weights are numbers again, whatever is emitted around: a layer builds itself."""
    before = _emitting.on
    _emitting.on = False
    try:
        yield
    finally:
        _emitting.on = before


def is_emitting() -> bool:
    """Whether a graph is emitted here that outlives the weights as they are."""
    return _emitting.on


def interpreter_for(inputs: Sequence[Value | None]) -> Interpreter | None:
    """What computes an operator on these inputs at once; None if it is to be emitted."""
    found = _interpreter.get()
    if found is None:
        given = (
            getattr(x, "interpreter", None) for x in inputs
        )  # eager tensors', and variables' that ask so
        found = next((x for x in given if x is not None), None)
        if (
            found is not None
            and _emitting.on
            and not all(x is None or isinstance(x, Constant) for x in inputs)
        ):
            return None
    if found is None:
        return None
    known = all(x is None or isinstance(x, Constant | Parameter) or found.takes(x) for x in inputs)
    return found if known else None
