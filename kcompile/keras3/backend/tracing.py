"""Writing a program down: what Python's operators mean on its values is what Keras's functions do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kcompile.ir import Trace, operators_by, tracing

from . import numpy
from .tensors import is_within

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "add": numpy.add,
    "sub": numpy.subtract,
    "mul": numpy.multiply,
    "truediv": numpy.true_divide,
    "floordiv": numpy.floor_divide,
    "mod": numpy.mod,
    "pow": numpy.power,
    "matmul": numpy.matmul,
    "lt": numpy.less,
    "le": numpy.less_equal,
    "gt": numpy.greater,
    "ge": numpy.greater_equal,
}


def _of_keras(name: str, a: Any, b: Any) -> Any:
    """None within functions of the backend, which are written over values as they are."""
    function = None if is_within() else _OPERATORS.get(name)
    return None if function is None else function(a, b)


@contextmanager
def traced(trace: Trace) -> Iterator[Trace]:
    """Within, what is computed of the trace's inputs, of variables and of constants is written down by it."""
    with tracing(trace), operators_by(_of_keras):
        yield trace
