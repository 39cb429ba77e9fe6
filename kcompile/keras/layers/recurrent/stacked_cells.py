"""Cells of recurrent layers: what each says of itself, and several stacked into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ....ir import Names, TensorShape, Value
from ... import backend as K
from ... import registry
from ...backend.tensors import dims_of, filled
from ...core.layer import Layer
from ...core.layer_configs import deserialize, serialize
from ...declaration import Argument, configured
from ...utils.generic_utils import has_arg
from ...utils.nested import leaves, mapped
from .states import States, is_size, leaf_sizes, nested_states, state_axes

__all__ = ["StackedRNNCells"]


def output_size_of(cell: Any) -> Any:
    """``output_size`` of a cell, or the size of its first state."""
    size = getattr(cell, "output_size", None)
    return leaf_sizes(cell.state_size)[0] if size is None else size


def zero_states(cell: Any, inputs: Value | None, batch_size: Any, dtype: Any) -> Any:
    """Zeros for each state of a cell, nested as its ``state_size``.

    Args:
        inputs: says batch size and element type, in the place of the others.
    """
    if inputs is not None:
        batch_size, dtype = dims_of(inputs)[0], inputs.dtype
    dtype = np.dtype(getattr(dtype, "name", dtype) or K.floatx())
    zeros = [filled(0, [batch_size, *state_axes(size)], dtype) for size in leaf_sizes(cell.state_size)]
    states = nested_states(cell.state_size, zeros)
    several = isinstance(cell.state_size, list | tuple) and not isinstance(cell.state_size, TensorShape)
    return states if several else states[0]


def leaf_cells(cell: Any) -> list[Any]:
    """The cell itself, or the cells of a stack, at any depth."""
    if isinstance(cell, StackedRNNCells):
        return [leaf for inner in cell.cells for leaf in leaf_cells(inner)]
    return [cell]


def check_cell(cell: Any) -> None:
    for attribute in ("call", "state_size"):
        if not hasattr(cell, attribute):
            raise ValueError(
                "A cell of an RNN needs a `call` method and an attribute `state_size` (an integer, or a "
                f"tuple with one integer per state); {cell!r} has no `{attribute}`."
            )


def _list_of_cells(layer: Layer, name: str, cells: Sequence[Any]) -> list[Any]:
    for cell in cells:
        check_cell(cell)
    return list(cells)


class StackedRNNCells(Layer):
    """Cells one after the other as a single cell: the output of each is the input of the next.

    Args:
        cells: list of cells.
        reverse_state_order: states of the last cell first, as Keras before 2.2 had them (default False).

    Weights: those of the cells, in order.

    Input: (batch, features) of one step; output: that of the last cell; states: those of all cells.
    """

    @configured(cells=_list_of_cells, reverse_state_order=Argument(written="changed"))
    def __init__(self, cells: Sequence[Any], reverse_state_order: bool = False, **kwargs: Any) -> None: ...

    def _in_state_order(self, per_cell: Sequence[Any]) -> list[Any]:
        return list(reversed(per_cell)) if self.reverse_state_order else list(per_cell)

    @property
    def state_size(self) -> tuple[Any, ...]:
        """The state sizes of all cells, flat: (h1, c1, h2, c2) for two LSTM cells."""
        return tuple(
            size for cell in self._in_state_order(self.cells) for size in leaf_sizes(cell.state_size)
        )

    @property
    def output_size(self) -> Any:
        """That of the last cell."""
        return output_size_of(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        constants_shape: list[Any] = []
        if isinstance(input_shape, list):
            input_shape, constants_shape = input_shape[0], input_shape[1:]
        names = Names()
        for cell in self.cells:
            if isinstance(cell, Layer):
                wants_constants = constants_shape and has_arg(cell.call, "constants")
                cell.build([input_shape, *constants_shape] if wants_constants else input_shape)
                for weight in cell.weights:  # kernel, kernel_1, ...
                    weight._name = names.unique(weight.name)
            input_shape = shapes_of(output_size_of(cell), input_shape)
        self.built = True

    def call(
        self, inputs: Any, states: States, constants: Any = None, training: Any = None, **kwargs: Any
    ) -> Any:
        per_cell: list[States] = []
        rest = list(states)
        for cell in self._in_state_order(self.cells):
            count = len(leaf_sizes(cell.state_size))
            per_cell.append(rest[:count])
            rest = rest[count:]
        new_states: list[States] = []
        for cell, own in zip(self.cells, self._in_state_order(per_cell), strict=True):
            arguments = dict(kwargs)
            if has_arg(cell.call, "constants"):
                arguments["constants"] = constants
            if has_arg(cell.call, "training"):
                arguments["training"] = training
            inputs, new = cell.call(inputs, nested_states(cell.state_size, own), **arguments)
            new_states.append(leaves(new))
        return inputs, [state for new in self._in_state_order(new_states) for state in new]

    def get_initial_state(
        self, inputs: Value | None = None, batch_size: Any = None, dtype: Any = None
    ) -> tuple[Any, ...]:
        """What the states of each cell begin with."""
        starts = [_start_of(cell, inputs, batch_size, dtype) for cell in self.cells]
        return tuple(self._in_state_order(starts))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cells": [serialize(cell) for cell in self.cells]}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> StackedRNNCells:
        config = dict(config)
        cells = [deserialize(cell, custom_objects=custom_objects) for cell in config.pop("cells")]
        return cls(cells, **config)


def _start_of(cell: Any, inputs: Any, batch_size: Any, dtype: Any) -> Any:
    if hasattr(cell, "get_initial_state"):
        return cell.get_initial_state(inputs=inputs, batch_size=batch_size, dtype=dtype)
    return zero_states(cell, inputs, batch_size, dtype)


def is_one_shape(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(n is None or isinstance(n, int) for n in shape)


def shapes_of(sizes: Any, input_shape: Any, behind: int = 1) -> Any:
    """Shapes nested as sizes, with the first axes of an input, (batch) or (batch, time)."""
    first = leaves(input_shape, is_one_shape)[0][:behind]
    return mapped(sizes, lambda size: (*first, *state_axes(size)), is_size)


registry.register(globals())
