"""How weights are rounded: with a scale for each channel, one for a matrix, or as a table of activations."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from ...ir import Parameter, Value
from ..backend.execution import numbers
from .products import Operand, moved_from
from .ranges import (
    Affine,
    LearnedRange,
    by_channel,
    learning_slowly,
    of_matrix,
    of_table,
    scale_of_matrix,
    scale_of_weights,
)

#: Makes a weight of the layer: of a name and a shape.
NewScale = Callable[[str, tuple[int, ...]], Parameter]


class RoundedWeights(ABC):
    """How one operand is rounded that is made of weights."""

    @abstractmethod
    def rounded(self, x: Value) -> Value:
        """``x`` as the integers say it."""

    @abstractmethod
    def start(self) -> None:
        """Sets a learned scale so that the largest number is just not clipped."""


class ByChannel(RoundedWeights):
    """int8, symmetric, a scale for each channel of the result.

    Args:
        weights: a value like those that are rounded.
        axis: of the channels.
        new_scale: makes the scale; None for scales that follow the weights.
    """

    def __init__(self, weights: Value, axis: int, name: str, new_scale: NewScale | None) -> None:
        self.axis, self.channels = axis, _sizes(weights)[axis]
        self._first = scale_of_weights(weights, axis)
        self._scale = None if new_scale is None else new_scale(f"{name}_scale", (self.channels,))

    def rounded(self, x: Value) -> Value:
        if self._scale is None:
            scale = scale_of_weights(x, self.axis)
        else:
            scale = learning_slowly(self._scale, 127 * math.prod(_sizes(x)) / self.channels)
        return by_channel(scale, self.channels, self.axis).rounded(x)

    def start(self) -> None:
        if self._scale is not None:
            self._scale.assign(numbers(self._first))


class AsMatrix(RoundedWeights):
    """int8, symmetric, one scale for the matrix, of which operators may read parts: kernels of recurrent
    layers, as onnxruntime's kernels of integers for these have them, too.

    Args:
        matrix: the weights before operators that move them.
        new_scale: makes the scale; None for one that follows the weights.
    """

    def __init__(self, matrix: Value, name: str, new_scale: NewScale | None) -> None:
        self._matrix = matrix if isinstance(matrix, Parameter) else None
        self._first = scale_of_matrix(matrix)
        self._scale = None if new_scale is None else new_scale(f"{name}_scale", ())

    def rounded(self, x: Value) -> Value:
        matrix = moved_from(x) if self._matrix is None else self._matrix
        if self._scale is None:
            return of_matrix(scale_of_matrix(matrix)).rounded(x)
        return of_matrix(learning_slowly(self._scale, 127 * math.prod(_sizes(matrix)))).rounded(x)

    def start(self) -> None:
        if self._scale is not None:
            self._scale.assign(numbers(self._first))


class AsTable(RoundedWeights):
    """uint8, one scale for the table: rows that are taken of it are rounded as activations are.

    Args:
        table: a value like those that are rounded.
        range_: that of a scale that is learned; None for one that follows the weights.
    """

    def __init__(self, table: Value, range_: LearnedRange | None) -> None:
        self._first, self._range = table, range_

    def rounded(self, x: Value) -> Value:
        return self._affine(x).rounded(x)

    def _affine(self, x: Value) -> Affine:
        return of_table(x) if self._range is None else self._range.affine_of(math.prod(_sizes(x)))

    def start(self) -> None:
        if self._range is not None:
            table = numbers(self._first)
            self._range.assign(float(table.min()), float(table.max()), 0)


class Roundings:
    """Makes what rounds the weights of a layer; operands of one matrix share its scale.

    Args:
        new_scale: makes learned scales; None where scales follow the weights.
        new_range: makes the range of a table whose scale is learned.
    """

    def __init__(self, new_scale: NewScale | None, new_range: Callable[[str], Any]) -> None:
        self._new_scale, self._new_range = new_scale, new_range
        self._matrices: list[tuple[Value, AsMatrix]] = []
        self._tables = 0

    def of(self, operand: Operand, value: Value, product: str) -> RoundedWeights:
        """What rounds an operand.

        Args:
            product: begins the name of scales by channel.
        """
        if operand.kind == "channels":
            return ByChannel(value, operand.axis, product, self._new_scale)
        return self._of_table(value) if operand.kind == "table" else self._of_matrix(moved_from(value))

    def _of_table(self, value: Value) -> RoundedWeights:
        self._tables += 1
        learned = self._new_scale is not None
        return AsTable(value, self._new_range(f"table_{self._tables - 1}") if learned else None)

    def _of_matrix(self, matrix: Value) -> RoundedWeights:
        known = next((found for other, found in self._matrices if other is matrix), None)
        if known is None:
            known = AsMatrix(matrix, f"matrix_{len(self._matrices)}", self._new_scale)
            self._matrices.append((matrix, known))
        return known


def _sizes(weights: Value) -> list[int]:
    """The sizes of weights, which are known."""
    return [size for size in weights.shape or () if size is not None]
