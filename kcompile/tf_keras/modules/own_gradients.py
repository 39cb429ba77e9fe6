"""Functions with gradients of their own: ``tf.custom_gradient`` and its like."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from ...ir import Parameter, Trace, Value, interpreter, noting_nodes, noting_variables
from ...keras import backend as K
from ...keras.backend.loops import is_symbolic, with_gradient
from ..tensorflow.interpreter import eager_interpreter
from ..tensorflow.tensors import convert_to_tensor


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with a gradient of its own: ``f(*tensors)`` returns one result or several, and a function
    of their gradients that gives those of the tensors. A graph has it while it trains.

    Where ``f`` reads variables that are trainable, the function of gradients takes ``variables``, too: the
    list of them; it returns the gradients of the tensors, and a list of those of the variables.

    Raises:
        TypeError: (when called) where ``f`` reads variables, and its function does not take them.
    """

    @functools.wraps(f)
    def called(*args: Any, **kwargs: Any) -> Any:
        given = [x if isinstance(x, Value) else convert_to_tensor(x) for x in args]
        emits = isinstance(interpreter(), Trace) or any(map(is_symbolic, given))
        read: dict[Parameter, None] = {}
        computer: Any = None if emits else eager_interpreter()
        unrecorded = nullcontext() if emits else computer.unrecorded()
        numbers = given if emits else [computer.eager(computer.tensor(x).detach()) for x in given]
        with unrecorded, noting_variables(read), noting_nodes() as nodes:
            found, gradient = f(*numbers, **kwargs)
        for node in nodes:
            read.update({x: None for x in node.inputs if isinstance(x, Parameter) and x.trainable})
        variables = [x for x in read if not any(x is y for y in given)]

        def whole(*inputs: Value) -> Any:
            return found, _of_variables_too(gradient, variables) if variables else gradient

        sources = [*given, *variables]
        if emits:
            return with_gradient(whole, sources, convert_to_tensor)
        return computer.with_gradient(whole, sources)

    return called


def _of_variables_too(gradient: Callable[..., Any], variables: Sequence[Parameter]) -> Callable[..., Any]:
    """The gradients of tensors, and of variables behind them, in one list."""
    said = inspect.signature(gradient).parameters.values()
    if not any(p.name == "variables" or p.kind is p.VAR_KEYWORD for p in said):
        raise TypeError(
            "A function under tf.custom_gradient that reads variables returns a function of gradients that "
            f"takes variables=...; it read {', '.join(x.name for x in variables)}."
        )

    def whole(*gradients: Value) -> list[Any]:
        of_tensors, of_variables = gradient(*gradients, variables=list(variables))
        listed = list(of_tensors) if isinstance(of_tensors, list | tuple) else [of_tensors]
        return [*listed, *of_variables]

    return whole


def grad_pass_through(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of one tensor through which gradients pass as they are."""
    return lambda x: x + K.stop_gradient(f(x) - x)


def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function; what it computes is kept."""
    return f


__all__ = ["custom_gradient", "grad_pass_through", "recompute_grad"]
