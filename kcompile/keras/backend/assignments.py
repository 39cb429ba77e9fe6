"""Variable: a parameter that layers and metrics assign to while they are emitted, as code for tf.keras and
Keras 3 does.

``self.total.assign_add(x)`` within ``update_state`` or ``call`` is an update like ``K.update_add(self.total,
x)``: recorded, and done with each batch. What is emitted after it in the same call reads the new value.
Outside of calls, and where operators compute at once, it is done at once.
"""

from __future__ import annotations

import threading
from collections import ChainMap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...ir import Parameter, Value, current_readings, interpreter, reading_as
from .. import rules
from .execution import numbers
from .scattering import Scatters
from .tensors import tensor

Record = Callable[[Parameter, Value], None]


class Update(tuple[Parameter, Value]):
    """A variable and what it is set to, told from any other pair by its class."""


class _Recorders(threading.local):
    def __init__(self) -> None:
        self.stack: list[tuple[Record, dict[Value, Value], bool] | None] = []


_recorders = _Recorders()


@contextmanager
def recording(record: Record | None, numbers: bool = False) -> Iterator[None]:
    """Within, assignments are handed to ``record`` instead of done.

    Args:
        record: None does them again, within another recording.
        numbers: whether also ``assign`` of plain numbers and arrays is recorded.
    """
    outer = _recorders.stack[-1] if _recorders.stack else None
    read: dict[Value, Value] = dict(outer[1]) if outer is not None else {}
    _recorders.stack.append(None if record is None else (record, read, numbers))
    try:
        around = current_readings() if interpreter() is not None else {}
        with reading_as(around if record is None else ChainMap(read, dict(around)) if around else read):
            yield
    finally:
        _recorders.stack.pop()


def is_recorded() -> bool:
    """Whether assignments are part of something: of what computes at once, or of a step or call that is
    recorded."""
    return interpreter() is not None or bool(_recorders.stack)


class Variable(Scatters, Parameter):
    """A weight or state of the front end."""

    __slots__ = ()

    def __bool__(self) -> bool:
        """By the rules of Keras 2 a vector or an array of weights is there, which is what ``if self.bias:``
        of its programs asks; else see ``ir.numbers``."""
        if self.dims and not rules.in_force().asks_variables:
            return True
        return super().__bool__()

    def assign(self, value: Any) -> Any:
        """Sets the value: at once, or with each batch where a layer or metric does it in its call.

        Args:
            value: number, array or tensor of the variable's shape.

        Returns:
            the new value where it is recorded, else the variable.

        Raises:
            ValueError: if the shape differs.
        """
        if (at_once := interpreter()) is not None:
            new = tensor(value, self.dtype)
            if at_once.takes(new):
                self._check_shape(new)
                at_once.assign([(self, new)])
                return self
        held = _recorders.stack[-1] if _recorders.stack else None
        if held is None or not (held[2] or isinstance(value, Value)):
            super().assign(numbers(value) if isinstance(value, Value) else np.asarray(value))
            return self
        record, read, _ = held
        new = tensor(value, self.dtype)
        self._check_shape(new)
        record(self, new)
        read[self] = new
        return new

    def _check_shape(self, new: Value) -> None:
        known = new.shape is not None and all(isinstance(size, int) for size in new.shape)
        if known and new.shape != self.shape:
            raise ValueError(f"Weight {self.name} has shape {self.shape}; got a value of shape {new.shape}.")

    def assign_add(self, value: Any) -> Any:
        """``assign`` of the variable plus ``value``."""
        return self.assign(self + tensor(value, self.dtype))

    def assign_sub(self, value: Any) -> Any:
        """``assign`` of the variable minus ``value``."""
        return self.assign(self - tensor(value, self.dtype))
