"""Between the arrays of a pipeline and the tensors that users' functions take and give."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ...ir import Depends, StringTensor, Value, as_dtype, depends
from .composites import Composite, RaggedTensorSpec
from .structures import TensorSpec, elements_of, flatten, map_structure, spec_of


@cache
def eager_interpreter() -> Any:
    """What computes with the elements: PyTorch, on the CPU.

    Raises:
        ImportError: where torch is not installed.
    """
    from ...torch_bridge.eager import TorchInterpreter

    return TorchInterpreter()


def tensor_of(leaf: Any) -> Any:
    """A leaf as a tensor over the same memory; datasets and tensors of several stay as they are."""
    if isinstance(leaf, Composite):
        return leaf
    if isinstance(leaf, bytes) or getattr(leaf, "dtype", np.float32) == np.dtype(object):
        return StringTensor(leaf, eager_interpreter())
    return leaf if hasattr(leaf, "_stage") else eager_interpreter().eager_array(np.asarray(leaf))


def tensors_of(element: Any) -> Any:
    """An element with tensors at its leaves."""
    return map_structure(tensor_of, element)


def called(function: Callable[..., Any], element: Any) -> Any:
    """What a user's function gives for an element; the entries of a tuple are arguments of their own."""
    return called_on(function, tensors_of(element))


def called_on(function: Callable[..., Any], tensors: Any) -> Any:
    """``called`` for an element of tensors."""
    return function(*tensors) if type(tensors) is tuple else function(tensors)


def truth(function: Callable[..., Any], element: Any) -> bool:
    """What a user's predicate says of an element."""
    return bool(np.asarray(elements_of(called(function, element))))


def traced_spec(function: Callable[..., Any], spec: Any) -> Any:
    """The spec of what a function gives, by calling it on symbolic tensors.

    Raises:
        Exception: whatever the function raises where it needs numbers, or text.
    """
    result = called_on(function, map_structure(_symbolic, spec))
    result = tuple(result) if isinstance(result, list) else result
    return map_structure(_spec_of_result, result)


def _symbolic(spec: Any) -> Value:
    is_tensor = isinstance(spec, TensorSpec) or isinstance(spec, RaggedTensorSpec) and not spec.ragged_rank
    if not is_tensor or spec.shape is None or spec.dtype == "string":
        raise TypeError(f"{spec!r} has no symbolic tensor.")
    return Value(as_dtype(str(spec.dtype)), spec.shape)


def _spec_of_result(result: Any) -> Any:
    if isinstance(result, Value) and depends(result) is Depends.ON_INPUTS:
        return TensorSpec(result.shape, result.dtype)
    (leaf,) = flatten(elements_of(result))
    return spec_of(leaf)
