"""Layers and models that are called on numbers: arrays, lists of numbers, tensors of other libraries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Constant, Depends, StringTensor, Value, as_dtype, depends
from .. import backend as K
from .. import registry, rules
from ..utils.generic_utils import to_list
from ..utils.nested import NESTS, leaves, mapped
from .node import CalledLayer


def as_values(inputs: Any, layer: CalledLayer) -> Any:
    """What a layer is called on with constants in place of arrays, of tensors of PyTorch or TensorFlow, and
    of nested lists of numbers; a list of tensors becomes a fresh list.

    float64 becomes ``K.floatx()``, as numbers of Python do; whole numbers stay whole.

    Raises:
        ValueError: for nested lists of unequal lengths.
    """
    if isinstance(inputs, list | tuple):
        if inputs and _holds_numbers_alone(inputs) and _takes(layer) in (None, 1):
            return _constant(_stacked(inputs, layer))
        found = (
            _stacked(x, layer) if isinstance(x, list | tuple) and _holds_numbers_alone(x) else x
            for x in inputs
        )
        return [as_values(x, layer) for x in found]
    if isinstance(inputs, Value):
        return inputs
    if hasattr(inputs, "detach"):  # a tensor of PyTorch, perhaps on a GPU or with a gradient
        inputs = inputs.detach().cpu()
    if hasattr(inputs, "__array__") or isinstance(inputs, int | float) and _is_network(layer):
        return _constant(np.asarray(inputs))
    return inputs


def taken_apart(inputs: Any, tuples_nest: bool = False) -> tuple[Any, Any]:
    """What a layer is called on as a flat list, and how it is nested: in a dict, a named tuple, or lists
    within lists. Anything else is as it was, with None.

    Args:
        tuples_nest: whether a plain tuple is one argument of ``call``, too.
    """
    is_nest = (
        isinstance(inputs, dict)
        and not all(isinstance(x, int | float) for x in inputs.values())
        or isinstance(inputs, tuple)
        and (tuples_nest or hasattr(inputs, "_fields"))
        or isinstance(inputs, list | tuple)
        and any(isinstance(x, NESTS) and not _holds_numbers_alone(x) for x in inputs)
    )
    if not is_nest:
        return inputs, None
    return leaves(inputs, _holds_numbers_alone), mapped(inputs, lambda _: None, _holds_numbers_alone)


def _is_network(layer: CalledLayer) -> bool:
    return bool(getattr(layer, "_is_graph_network", False))


def _takes(layer: CalledLayer) -> int | None:
    """How many tensors a layer takes; None where it does not say."""
    return len(to_list(layer.input_spec)) if layer.input_spec else None


def _holds_numbers_alone(x: Any) -> bool:
    if isinstance(x, list | tuple):
        return all(_holds_numbers_alone(entry) for entry in x)
    return isinstance(x, int | float | np.generic)


def _stacked(x: Any, layer: CalledLayer) -> np.ndarray:
    try:
        return np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"Layer {layer.name} was called on nested lists of unequal lengths, no tensor ({error}). "
            "Pad them, as keras.preprocessing.sequence.pad_sequences does."
        ) from error


def _constant(array: np.ndarray) -> Constant:
    if array.dtype.kind in "US" or array.dtype.kind == "O" and isinstance(array.flat[0], str | bytes):
        return StringTensor(array)
    return Constant(array.astype(K.floatx()) if array.dtype == np.float64 else array)


def in_type_of(layer: CalledLayer, inputs: Any) -> Any:
    """Whole numbers as floats where a layer of this package computes with float weights; other inputs, and
    those of layers that users write, stay as they are."""
    if not registry.is_built_in(type(layer)):
        return inputs
    weights = layer.weights
    if not weights or weights[0].dtype.kind != "f":
        return inputs
    return cast_numbers(inputs, [weights[0].dtype.name] * len(to_list(inputs)))


def in_precision_of(layer: Any, inputs: Any) -> Any:
    """Numbers of any precision in the one of a layer, by the rules of tf.keras; of any nesting."""
    if not (layer._casts_inputs and layer.dtype in _PRECISIONS and rules.of_layer(layer).casts_inputs):
        return inputs
    if isinstance(inputs, list | tuple):
        found = [in_precision_of(layer, x) for x in inputs]
        return type(inputs)(*found) if hasattr(inputs, "_fields") else type(inputs)(found)
    if isinstance(inputs, dict):
        return {key: in_precision_of(layer, x) for key, x in inputs.items()}
    other = isinstance(inputs, Value) and inputs.dtype.kind == "f" and inputs.dtype != as_dtype(layer.dtype)
    return K.cast(inputs, layer.dtype) if other else inputs


_PRECISIONS = frozenset({"float16", "bfloat16", "float32", "float64"})


def cast_numbers(inputs: Any, dtypes: Sequence[Any]) -> Any:
    """The constants among the inputs in other element types."""
    cast = [
        K.cast(x, dtype) if isinstance(x, Constant) and x.dtype.kind in "iufb" else x
        for x, dtype in zip(to_list(inputs), dtypes, strict=True)
    ]
    return cast if isinstance(inputs, list) else cast[0]


def are_numbers(tensors: Sequence[Any]) -> bool:
    """Whether none of the tensors depends on an input of a graph."""
    return all(depends(x) is not Depends.ON_INPUTS for x in tensors)


def fits_input(x: Value, own: Value) -> bool:
    """Whether a value has the type of an input, and its sizes where they are fixed."""
    if x.dtype != own.dtype or x.shape is None or own.shape is None or len(x.shape) != len(own.shape):
        return False
    return all(not isinstance(d, int) or d == n for d, n in zip(own.shape, x.shape, strict=True))
