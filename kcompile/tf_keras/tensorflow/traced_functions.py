"""``tf.function``: a function that is traced once for arguments of a form, and run as one graph."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from ...ir import Depends, Parameter, Value, depends, interpreter
from ...keras.core.call_frames import current_frame
from ...keras.training.nests import Structure, flatten
from ...keras.training.traced_calls import TracedCall, types_of, why_eager
from .gradient_tape import is_recording
from .interpreter import eager_interpreter
from .per_replica import PerReplica, sharing
from .tensors import convert_to_tensor
from .text import is_text


def function(func: Callable[..., Any] | None = None, **options: Any) -> Any:
    """``tf.function``: the function, traced into one graph for each form of its arguments.

    Tensors and arrays are arguments of the graph; everything else is a constant, and another value makes
    another trace. What cannot be traced runs operator by operator, as it does within a tape, within
    another traced function, and with text.

    Args:
        func: the function; None makes a decorator.
        **options: accepted (``input_signature``, ``jit_compile``, ``reduce_retracing`` and the like).
    """
    return (lambda f: Function(f)) if func is None else Function(func)


class Function:
    """What ``tf.function`` returns.

    Attributes:
        python_function: the function as it was written.
    """

    def __init__(self, python_function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, python_function, updated=())
        self.python_function = python_function
        self._calls: dict[Any, TracedCall] = {}
        self._told = False

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: one Function for each object."""
        if instance is None:
            return self
        name = f"_function_{self.python_function.__name__}"
        made = vars(instance).get(name) if hasattr(instance, "__dict__") else None
        if made is None:
            made = Function(self.python_function.__get__(instance, owner))
            object.__setattr__(instance, name, made)
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns; numbers and text in it as tensors."""
        found, nest = flatten(self._found(args, kwargs))
        return nest.pack([convert_to_tensor(x) if isinstance(x, _PLAIN) else x for x in found])

    def _found(self, args: Any, kwargs: Any) -> Any:
        leaves, structure = flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if _is_tensor(leaf)]
        if interpreter() is not None or current_frame() is not None or is_recording():
            return self.python_function(*args, **kwargs)
        values = [x for x in tensors if isinstance(x, Value)]
        if any(depends(x) is Depends.ON_INPUTS or is_text(x) for x in values):
            return self.python_function(*args, **kwargs)
        computer = eager_interpreter()
        batch = [_tensor(computer, leaf) for leaf in tensors]
        types = types_of(batch)
        constants = tuple([_kind(leaf) if _is_tensor(leaf) else _key(leaf) for leaf in leaves])
        key = structure, constants, tuple([(dtype, len(shape)) for dtype, shape in types])
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = self._call(leaves, structure)
        found, nest = flatten(call(batch, types))
        return nest.pack([computer.eager(x) if hasattr(x, "detach") else x for x in found])

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> Function:
        """The function itself: it chooses a graph by its arguments."""
        return self

    def _call(self, leaves: list[Any], structure: Structure) -> TracedCall:
        constants = [None if _is_tensor(leaf) else leaf for leaf in leaves]
        given = [_is_tensor(leaf) for leaf in leaves]

        def of_tensors(tensors: Any) -> Any:
            rest = iter(tensors)
            args, kwargs = structure.pack(
                [next(rest) if is_given else leaf for leaf, is_given in zip(constants, given, strict=True)]
            )
            return self.python_function(*args, **kwargs)

        among = [isinstance(leaf, PerReplica) for leaf in leaves if _is_tensor(leaf)]
        return TracedCall(of_tensors, "train", self._tell, divided=sharing(leaves), among=among)

    def _tell(self, error: Exception) -> None:
        if not self._told:
            self._told = True
            warnings.warn(why_eager(f"The tf.function {self.__name__}", error), stacklevel=4)  # type: ignore[attr-defined]


def _kind(tensor: Any) -> Hashable:
    """What there is to know of an argument of a graph, beside its type: who shares it."""
    return (_TENSOR, tensor.devices) if isinstance(tensor, PerReplica) else _TENSOR


_TENSOR = object()
#: What a TensorFlow graph returns as tensors.
_PLAIN = (bool, int, float, str, bytes, np.ndarray, np.generic)


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, Value | np.ndarray) and not isinstance(leaf, Parameter)


def _tensor(computer: Any, leaf: Any) -> Any:
    if isinstance(leaf, Value):
        return computer.tensor(leaf)
    return computer.eager_array(leaf).tensor


def _key(leaf: Any) -> Hashable:
    """A constant by its value and type where it has one, anything else by itself."""
    if isinstance(leaf, int | float | str | bytes | bool):
        return type(leaf), leaf
    return id(leaf)
