"""Symbolic tensors as data: what fit, evaluate and predict are given is computed anew for each batch."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ...ir import Depends, EagerTensor, StringTensor, Value, depends
from .. import backend as K
from .. import rules


def holds_tensors(data: Any) -> bool:
    """Whether a tensor (K.variable, K.zeros, what K computes of them) is among arrays, lists and dicts.

    Tensors that hold numbers or text, as TensorFlow's do, are arrays; so is whatever has numbers to code that
    follows the rules of tf.keras and later.
    """
    if isinstance(data, dict):
        data = tuple(data.values())
    if isinstance(data, list | tuple) and not (data and isinstance(data[0], numbers.Number)):
        return any(map(holds_tensors, data))
    if not isinstance(data, Value) or isinstance(data, EagerTensor | StringTensor):
        return False
    return rules.in_force() is rules.KERAS_2 or depends(data) is Depends.ON_INPUTS


def computed(*data: Any) -> Any:
    """The same lists and dicts with arrays in place of tensors, all computed in one run.

    Raises:
        GraphError: if a tensor depends on an input.
    """
    return next(batches(*data)) if holds_tensors(data) else data


def batches(*data: Any) -> Iterator[Any]:
    """A tuple of the data, again and again, each time with newly computed arrays in place of tensors."""
    tensors: list[Value] = []
    _replaced(data, tensors.append)
    compute = K.function([], [K.identity(tensor) for tensor in tensors])
    while True:
        arrays = iter(compute([]))
        yield _replaced(data, partial(_next, arrays))


def _next(arrays: Iterator[Any], tensor: Value) -> Any:
    return next(arrays)


def _replaced(data: Any, function: Callable[[Value], Any]) -> Any:
    """The data with ``function(tensor)`` in place of each tensor, in order."""
    if isinstance(data, Value):
        return function(data)
    if isinstance(data, dict):
        return {key: _replaced(entry, function) for key, entry in data.items()}
    if isinstance(data, list | tuple) and not (data and isinstance(data[0], numbers.Number)):
        return type(data)(_replaced(entry, function) for entry in data)
    return data
