"""Scales: which number a step of 8 bits is, for activations by what they hold, for weights by themselves.

Activations are uint8, with 0 where the range asks for it; weights are int8 and symmetric.

A scale is found by one of two rules. "moving": from the least and the largest number, for activations their
moving averages over batches (Jacob et al. 2018), for weights those of now. "learned": it is a weight that
gradients train (LSQ, Esser et al. 2020), from where calibration put it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...ir import Constant, Parameter, Value, op
from .. import backend as K

#: The least scale: of what is 0 throughout.
SMALLEST = 1e-8
#: What activations are taken to hold before any were seen, as in tensorflow-model-optimization.
_UNSEEN = (-6.0, 6.0)

Phased = Callable[[Value, Value], Value]
"""Of a value while training and one else, that of the call."""


class Affine(NamedTuple):
    """Integers for numbers: ``x / scale + zero_point``, rounded and clipped to the type of the latter."""

    scale: Value
    zero_point: Value
    axis: int | None = None

    def rounded(self, x: Value) -> Value:
        """``x`` as the integers say it."""
        axis = {} if self.axis is None else {"axis": self.axis}
        integers = op.QuantizeLinear(x, self.scale, self.zero_point, **axis)
        return op.DequantizeLinear(integers, self.scale, self.zero_point, **axis)


class ActivationRange(ABC):
    """The range of one tensor of activations, whose weights belong to a layer.

    Args:
        layer: gets the weights.
        name: begins their names.

    Attributes:
        weights: those that the range has.
    """

    weights: list[Parameter]

    def __init__(self, layer: Any, name: str) -> None:
        self._make(layer, name)

    @abstractmethod
    def _make(self, layer: Any, name: str) -> None:
        """Makes the weights."""

    @abstractmethod
    def affine(self, x: Value, phased: Phased) -> tuple[Affine, list[tuple[Parameter, Value]]]:
        """How numbers become integers, and the updates that a call on ``x`` makes.

        Args:
            phased: chooses what holds while training, or else.
        """

    @abstractmethod
    def assign(self, low: float, high: float, batches: int) -> None:
        """Sets the weights by the least and largest numbers that activations had, in the mean of batches."""


class MovingRange(ActivationRange):
    """The mean of the least and of the largest numbers over batches: of all at first, then the moving one.

    Weights: ``NAME_range`` (2,): both means; ``NAME_batches`` (): how many were seen. They train by updates.

    Args:
        momentum: how much of the mean stays in each batch, once as many were seen as that stands for.
    """

    def __init__(self, layer: Any, name: str, momentum: float) -> None:
        self.momentum = momentum
        super().__init__(layer, name)

    def _make(self, layer: Any, name: str) -> None:
        self.limits = layer.add_weight(
            f"{name}_range", (2,), initializer=_numbers(_UNSEEN), trainable=False, dtype="float32"
        )
        self.batches = layer.add_weight(
            f"{name}_batches", (), initializer="zeros", trainable=False, dtype="float32"
        )
        self.weights = [self.limits, self.batches]

    def affine(self, x: Value, phased: Phased) -> tuple[Affine, list[tuple[Parameter, Value]]]:
        flat = op.Reshape(op.StopGradient(x), [-1])
        seen = op.Concat(op.ReduceMin(flat), op.ReduceMax(flat), axis=0)
        share = op.Max(op.Reciprocal(self.batches + 1.0), 1.0 - self.momentum)
        limits = phased(self.limits + (seen - self.limits) * share, self.limits)
        count = phased(self.batches + 1.0, self.batches)
        return _reaching(limits), [(self.limits, limits), (self.batches, count)]

    def assign(self, low: float, high: float, batches: int) -> None:
        self.limits.assign(np.array([low, high], np.float32))
        self.batches.assign(np.float32(batches))


class LearnedRange(ActivationRange):
    """A scale that gradients train; where 0 lies is decided when the range is assigned.

    Weights: ``NAME_scale`` (), trained; ``NAME_zero_point`` (), not trained.
    """

    def _make(self, layer: Any, name: str) -> None:
        low, high = _UNSEEN
        self.scale = layer.add_weight(f"{name}_scale", (), initializer="ones", dtype="float32")
        self.zero_point = layer.add_weight(
            f"{name}_zero_point", (), initializer="zeros", trainable=False, dtype="float32"
        )
        self.weights = [self.scale, self.zero_point]
        self.assign(low, high, 0)

    def affine(self, x: Value, phased: Phased) -> tuple[Affine, list[tuple[Parameter, Value]]]:
        elements = [size for size in (x.shape or ())[1:] if size is not None]
        return self.affine_of(math.prod(elements)), []

    def affine_of(self, elements: int) -> Affine:
        """How as many numbers become integers."""
        return Affine(learning_slowly(self.scale, elements * 255), K.cast(self.zero_point, "uint8"))

    def assign(self, low: float, high: float, batches: int) -> None:
        low, high = min(low, 0.0), max(high, 0.0)
        scale = max((high - low) / 255.0, SMALLEST)
        zero = np.clip(np.round(-low / scale), 0, 255)
        self.scale.assign(np.float32(scale))
        self.zero_point.assign(np.float32(zero))


def learning_slowly(scale: Value, elements: float) -> Value:
    """A scale that is trained, positive, whose gradient is that of LSQ: divided by the root of how many
    numbers it is a scale of, times how many steps there are."""
    factor = 1.0 / math.sqrt(max(elements, 1.0))
    return op.Max(op.Abs(op.StopGradient(scale * (1.0 - factor)) + scale * factor), SMALLEST)


#: The least that the ends of a range may be, and the most: 0 lies within.
_LEAST, _MOST = (np.array(ends, np.float32) for ends in ((-np.inf, 0), (0, np.inf)))


def _reaching(limits: Value) -> Affine:
    """The uint8 that reach from the least number to the largest, (2,), 0 among them and exact."""
    ends = op.Max(op.Min(limits, _MOST), _LEAST)
    low, high = (op.Gather(ends, np.int64(i)) for i in range(2))
    scale = op.Max((high - low) / 255.0, SMALLEST)
    return Affine(scale, K.cast(op.Round(op.Abs(low / scale)), "uint8"))


def scale_of_weights(weights: Value, axis: int) -> Value:
    """The scale of each channel by which its largest number becomes 127, or -127: (channels,)."""
    return _symmetric(weights, [i for i in range(weights.rank or 0) if i != axis])


def scale_of_matrix(weights: Value) -> Value:
    """The scale by which the largest of all becomes 127, or -127: ()."""
    return _symmetric(weights, list(range(weights.rank or 0)))


def _symmetric(weights: Value, axes: Sequence[int]) -> Value:
    largest = op.ReduceMax(op.Abs(weights), axes, keepdims=0)
    return op.StopGradient(op.Max(largest / 127.0, SMALLEST))


def by_channel(scale: Value, channels: int, axis: int) -> Affine:
    """Symmetric integers of 8 bits with a scale for each channel."""
    return Affine(scale, Constant(np.zeros(channels, np.int8)), axis)


def of_matrix(scale: Value) -> Affine:
    """Symmetric integers of 8 bits with one scale."""
    return Affine(scale, Constant(np.array(0, np.int8)))


def of_table(weights: Value) -> Affine:
    """The uint8 that reach over all of the weights."""
    flat = op.Reshape(op.StopGradient(weights), [-1])
    return _reaching(op.Concat(op.ReduceMin(flat), op.ReduceMax(flat), axis=0))


def _numbers(given: Sequence[float]) -> Callable[..., np.ndarray]:
    """An initializer that gives these numbers."""
    return lambda shape, dtype=None: np.array(given, np.float32)
