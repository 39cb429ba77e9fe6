"""Computing: K.function, K.eval and K.gradients."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence, ValuesView
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...ir import LEARNING_PHASE, Constant, Graph, Parameter, Value, op
from .execution import CompiledGraph, as_numbers, compile_graph, numbers
from .tensors import tensor
from .variables import get_value

__all__ = ["Function", "control_dependencies", "eval", "function", "gradients", "print_tensor"]


class Function:
    """Inputs to outputs, made by K.function.

    ``f(arrays)`` takes one array per input, in a list, and returns the outputs as they were asked for: one
    array for one value, lists for lists, also within lists. Updates are applied after the outputs are
    computed.

    Raises:
        TypeError: when called with what is no list or tuple.
        ValueError: when called with another number of arrays.
    """

    def __init__(
        self, inputs: Any, outputs: Any, updates: Iterable[Any] | None = None, name: str | None = None
    ) -> None:
        self._single_input = isinstance(inputs, Value)
        self.inputs = [inputs] if self._single_input else _values(inputs, "inputs")
        outputs = list(outputs) if isinstance(outputs, ValuesView) else outputs
        self._nest = outputs
        self.outputs = [tensor(x) for x in _leaves(outputs)]
        self.updates = list(_update_pairs(updates or []))
        self.name = name
        self._graph_inputs = [v for v in self.inputs if v is not LEARNING_PHASE]
        self._compiled: dict[str, CompiledGraph] = {}

    def __call__(self, inputs: Any = ()) -> Any:
        given = [inputs] if self._single_input and not isinstance(inputs, list | tuple) else inputs
        if not isinstance(given, list | tuple):
            raise TypeError("`inputs` should be a list or tuple.")
        given = self._spliced(given)
        if len(given) < len(self.inputs) and self.inputs[len(given) :] == [LEARNING_PHASE]:
            given = [*given, 0]  # as it is by itself in TensorFlow
        if len(given) != len(self.inputs):
            names = ", ".join(v.name for v in self.inputs) or "none"
            raise ValueError(f"K.function: {len(self.inputs)} inputs expected ({names}); {len(given)} given.")
        phase = "inference"
        arrays = []
        for value, array in zip(self.inputs, given, strict=True):
            if value is LEARNING_PHASE:
                phase = "train" if np.any(array) else "inference"
            else:
                arrays.append(array)
        results = [as_numbers(array) for array in self._for_phase(phase)(arrays)]
        return _packed(self._nest, iter(results))

    def _spliced(self, given: Sequence[Any]) -> Sequence[Any]:
        """Lists of arrays within the list, such as (inputs, targets, weights), as one, where they fit."""
        if not any(isinstance(entry, list | tuple) for entry in given):
            return given
        arrays = [x for entry in given for x in (entry if isinstance(entry, list | tuple) else [entry])]
        fit = len(arrays) == len(self.inputs) and all(
            np.ndim(array) == value.rank or value is LEARNING_PHASE
            for array, value in zip(arrays, self.inputs, strict=True)
        )
        return arrays if fit else given

    def _for_phase(self, phase: Any) -> CompiledGraph:
        if phase not in self._compiled:
            graph = Graph(self.outputs, self._graph_inputs, self.updates, phase)
            self._compiled[phase] = compile_graph(graph)
        return self._compiled[phase]


def _leaves(outputs: Any) -> list[Any]:
    """The values in lists of any depth; None is left out."""
    if isinstance(outputs, list | tuple):
        return [x for entry in outputs for x in _leaves(entry)]
    return [] if outputs is None else [outputs]


def _packed(like: Any, arrays: Iterator[Any]) -> Any:
    """Arrays in lists as the values were; None is left out."""
    if isinstance(like, list | tuple):
        return [_packed(entry, arrays) for entry in like if entry is not None]
    return next(arrays)


def _values(given: Any, what: str) -> list[Value]:
    if not isinstance(given, list | tuple):
        raise TypeError(
            f"K.function: `{what}` should be a list or tuple of tensors; found {type(given).__name__}."
        )
    for value in given:
        if not isinstance(value, Value):
            raise TypeError(f"K.function: `{what}` holds {value!r}, which is no tensor of the graph.")
    return list(given)


def _update_pairs(updates: Iterable[Any]) -> Iterator[tuple[Parameter, Value]]:
    for update in updates:
        if not (isinstance(update, tuple | list) and len(update) == 2 and isinstance(update[0], Parameter)):
            raise TypeError(
                "K.function: an update is a pair (variable, new value), as K.update returns it; "
                f"found {update!r}."
            )
        yield update[0], tensor(update[1], update[0].dtype)


def function(
    inputs: Any, outputs: Any, updates: Iterable[Any] | None = None, name: str | None = None, **kwargs: Any
) -> Function:
    """A function of arrays.

    Args:
        inputs: list of placeholders, inputs or any intermediate values; K.learning_phase() among them is
            given as 0 or 1 (0 where it is not among them).
        outputs: list of values, or one.
        updates: pairs (variable, new value), as K.update and its like return them.
        name: of the function.
        **kwargs: what only TensorFlow sessions understand is ignored with a warning.

    Arrays that the function takes and gives have the shapes of these values.
    """
    if kwargs:
        warnings.warn(f"K.function ignores {', '.join(sorted(kwargs))}: there are no sessions.", stacklevel=2)
    return Function(inputs, outputs, updates, name)


def eval(x: Any) -> Any:
    """The value of anything without free inputs; what K.update and its like return is done, too.

    Returns:
        an array, or one of numpy's scalars.

    Raises:
        GraphError: if it depends on an input.
    """
    if isinstance(x, tuple) and len(x) == 2 and isinstance(x[0], Parameter) and isinstance(x[1], Value):
        parameter, new = x
        parameter.assign(eval(new))
        return get_value(parameter)
    if isinstance(x, Value) and not isinstance(x, Parameter | Constant):
        return as_numbers(numbers(x))
    return get_value(x)


def gradients(loss: Any, variables: Any) -> list[Value]:
    """The gradients of ``sum(loss)`` with respect to each variable or value; zeros for the independent.

    Raises:
        TypeError: if ``loss`` is no value of the graph.
    """
    xs = list(variables) if isinstance(variables, list | tuple | ValuesView) else [variables]
    if not isinstance(loss, Value):
        raise TypeError(f"K.gradients differentiates values of the graph; found {loss!r}.")
    return list(op.Gradient(loss, *xs))


def print_tensor(x: Any, message: str = "", summarize: int | None = 3) -> Value:
    """``x`` itself, which is printed behind ``message`` each time that it is computed: in training, in
    ``predict``, in a K.function. Exported files do not print.

    Only what the result depends on is computed: go on with the value that is returned here. A graph that
    prints runs in PyTorch.

    Args:
        summarize: how many elements at each end of an axis are shown; -1 or None for all.
    """
    return op.Print(tensor(x), message, -1 if summarize is None else summarize)


@contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[Sequence[Any]]:
    """Accepted for compatibility: the order of effects follows from the graph, updates run after outputs."""
    yield control_inputs
