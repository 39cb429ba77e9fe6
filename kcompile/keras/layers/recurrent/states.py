"""The states of stateful recurrent layers: what is carried from batch to batch, which is no weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....ir import Parameter, TensorShape, Value, current_scope
from ... import backend as K
from ...backend.assignments import Variable
from ...core.layer import InputSpec, Layer
from ...utils.generic_utils import to_list
from ...utils.nested import leaves, packed

States = list[Value]


def leaf_sizes(sizes: Any) -> list[Any]:
    """A ``state_size`` or ``output_size``, a nest of numbers and ``tf.TensorShape``s, as a flat list."""
    return leaves(sizes, is_size)


def nested_states(state_size: Any, states: Sequence[Any]) -> list[Any]:
    """States, flat, as a cell takes them: a list with an entry, a state or a nest of them, for each entry of
    its ``state_size``."""
    sizes = [state_size] if is_size(state_size) else to_list(state_size, allow_tuple=True)
    return packed(list(sizes), iter(states), is_size)  # type: ignore[no-any-return]


def state_axes(size: Any) -> tuple[Any, ...]:
    """The axes of a state behind the batch axis, by its size."""
    return tuple(size) if isinstance(size, TensorShape) else (size,)


def is_size(size: Any) -> bool:
    """Whether it is the size of one state, of one or more axes."""
    return not isinstance(size, list | tuple | dict) or isinstance(size, TensorShape)


def require_stateful(layer: Layer) -> None:
    """AttributeError if a layer has no states."""
    if not layer.stateful:
        raise AttributeError(f"Layer {layer.name} must be stateful to have states: give it stateful=True.")


def batch_of_states(layer: Layer, spec: InputSpec) -> int:
    """The batch size of a stateful layer, by what it knows of its input.

    Raises:
        ValueError: if it is not known.
    """
    batch = spec.shape[0] if spec.shape else None
    if not batch:
        raise ValueError(
            f"Layer {layer.name} is stateful and needs to know its batch size. In a Sequential model give "
            "the first layer a batch_input_shape, in a functional model give Input a batch_shape."
        )
    return batch


def reset(
    layer: Layer, states: Sequence[Parameter] | None, shapes: Sequence[tuple[int, ...]], values: Any
) -> list[Parameter]:
    """The states of a layer, made where there are none yet, set to values: arrays of the shapes, or zeros.

    Raises:
        ValueError: if the number or a shape of the values does not fit.
    """
    if states is None:
        scope, dtype = current_scope() or layer.name, layer.dtype or K.floatx()
        states = [
            Variable(np.zeros(shape, dtype), f"{scope}/state_{i}", trainable=False)
            for i, shape in enumerate(shapes)
        ]
    values = [np.zeros(shape) for shape in shapes] if values is None else to_list(values, allow_tuple=True)
    if len(values) != len(shapes):
        raise ValueError(
            f"Layer {layer.name} expects {len(shapes)} states, but it received {len(values)} state values."
        )
    for i, (value, shape) in enumerate(zip(values, shapes, strict=True)):
        if np.shape(value) != shape:
            raise ValueError(
                f"State {i} is incompatible with layer {layer.name}: expected shape={shape}, "
                f"found shape={np.shape(value)}."
            )
    for state, value in zip(states, values, strict=True):
        state.assign(np.asarray(value))
    return list(states)
