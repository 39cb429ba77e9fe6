"""Quantizers: how one tensor is rounded, chosen by hand. Names and arguments are those of
``tensorflow_model_optimization.quantization.keras.quantizers``.

What they emit is QuantizeLinear and DequantizeLinear, so that a file says what was trained. Three things are
simpler than there: symmetric ranges have as many steps on either side of 0 whatever ``narrow_range`` says,
the range of weights is that of the weights as they are, not of those one step before, and the first batch
sets a moving average.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...ir import Constant, Depends, Parameter, Value, depends, op
from .. import backend as K
from .. import registry
from .ranges import SMALLEST, Affine

Limits = tuple[Value, Value]
"""The least and the largest number, of each channel or of all."""


class Quantizer(ABC):
    """How a tensor is rounded; made to be subclassed."""

    @abstractmethod
    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any] | None:
        """Makes the weights that rounding needs, by ``layer.add_weight``.

        Args:
            tensor_shape: of what is rounded.
            name: begins their names.
            layer: the wrapper around the layer, to which they belong.

        Returns:
            what a call gets as ``weights``.
        """

    @abstractmethod
    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        """``inputs``, rounded.

        Args:
            training: whether the call is one of training.
            weights: what ``build`` returned.
        """

    @abstractmethod
    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Quantizer:
        """A quantizer from its configuration."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_config() == other.get_config()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), repr(self.get_config())))


class _Steps:
    """How many steps there are, and where they lie."""

    num_bits: int
    per_axis = False
    symmetric = False
    narrow_range: bool

    def _check_bits(self, bits: int) -> None:
        if not 2 <= bits <= 16:
            raise ValueError(f"{type(self).__name__}: num_bits must be from 2 to 16; found {bits!r}.")

    def _rounded(self, x: Value, low: Value, high: Value, within: bool = False) -> Value:
        """``x`` as integers say it that reach from the least number to the largest.

        Args:
            within: whether nothing lies beyond these.
        """
        axis = (x.rank or 1) - 1 if low.rank else None
        if self.symmetric:
            steps = 2 ** (self.num_bits - 1) - 1
            bound = op.Max(op.Abs(low), op.Abs(high))
            levels = Constant(np.zeros([size or 0 for size in low.shape or ()], self._integers("int")))
            scale = op.Max(bound / float(steps), SMALLEST)
            return Affine(op.StopGradient(scale), levels, axis).rounded(
                x if within else self._cut(x, scale, 0.0, -steps, steps)
            )
        first, last = float(self.narrow_range), float(2**self.num_bits - 1)
        low, high = op.Min(low, 0.0), op.Max(high, 0.0)
        scale = op.StopGradient(op.Max((high - low) / (last - first), SMALLEST))
        zero = op.Clip(op.Round(low / (scale * -1.0)) + first, first, last)
        affine = Affine(scale, K.cast(op.StopGradient(zero), self._integers("uint")), axis)
        return affine.rounded(x if within else self._cut(x, scale, zero, first, last))

    def _integers(self, kind: str) -> str:
        return f"{kind}{8 if self.num_bits <= 8 else 16}"

    def _cut(self, x: Value, scale: Value, zero: Any, first: float, last: float) -> Value:
        """``x`` without what lies beyond fewer bits than the integers have."""
        if self.num_bits in (8, 16) and not (self.narrow_range or self.symmetric):
            return x
        return op.Min(op.Max(x, (first - zero) * scale), (last - zero) * scale)


class _OfRange(_Steps, Quantizer):
    """Rounds by a range that is found while a model trains.

    Args:
        num_bits: from 2 to 16; of up to 8 bits the file has integers of 8.
        per_axis: whether each channel, along the last axis, has a range of its own.
        symmetric: whether the range reaches as far below 0 as above.
        narrow_range: whether one step less is used.
    """

    def __init__(self, num_bits: int, per_axis: bool, symmetric: bool, narrow_range: bool) -> None:
        self._check_bits(num_bits)
        self.num_bits, self.per_axis = num_bits, bool(per_axis)
        self.symmetric, self.narrow_range = bool(symmetric), bool(narrow_range)

    #: What the range is before a batch was seen: from its negative to it.
    _unseen = 6.0

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        shape = (tensor_shape[-1],) if self.per_axis else ()

        def state(which: str, shape: tuple[int, ...], value: float) -> Parameter:
            made: Parameter = layer.add_weight(
                f"{name}_{which}",
                shape,
                initializer=lambda shape, dtype=None: np.full(shape, value, np.float32),
                trainable=False,
                dtype="float32",
            )
            return made

        return {
            "min_var": state("min", shape, -self._unseen),
            "max_var": state("max", shape, self._unseen),
            "batches": state("batches", (), 0.0),
            "chosen": layer.chosen,
            "add_update": layer.add_update,
        }

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        now = self._now(inputs)
        if isinstance(inputs, Parameter) or depends(inputs) is Depends.ON_WEIGHTS:
            return self._rounded(inputs, *now, within=True)
        batches = weights["batches"]
        known = weights["min_var"], weights["max_var"]
        limits = self._next(known, now, batches)
        following = [*zip(known, limits, strict=True), (batches, batches + 1.0)]
        updates = [(old, weights["chosen"](new, old, training)) for old, new in following]
        weights["add_update"](updates)
        return self._rounded(inputs, updates[0][1], updates[1][1])

    def _now(self, x: Value) -> Limits:
        """The range of a tensor."""
        axes = list(range((x.rank or 1) - int(self.per_axis)))
        fixed = op.StopGradient(x)
        return op.ReduceMin(fixed, axes, keepdims=0), op.ReduceMax(fixed, axes, keepdims=0)

    @abstractmethod
    def _next(self, old: Limits, new: Limits, batches: Value) -> Limits:
        """The range after a batch that had another.

        Args:
            batches: how many there were before.
        """

    def get_config(self) -> dict[str, Any]:
        return {
            "num_bits": self.num_bits,
            "per_axis": self.per_axis,
            "symmetric": self.symmetric,
            "narrow_range": self.narrow_range,
        }


class LastValueQuantizer(_OfRange):
    """The range is that of the last batch; of weights that of the weights."""

    def _next(self, old: Limits, new: Limits, batches: Value) -> Limits:
        return new


class MovingAverageQuantizer(_OfRange):
    """The range is the mean over batches, and from 1,000 on a moving one, of which 0.999 stays in each."""

    def _next(self, old: Limits, new: Limits, batches: Value) -> Limits:
        share = op.Max(op.Reciprocal(batches + 1.0), 0.001)
        return old[0] + (new[0] - old[0]) * share, old[1] + (new[1] - old[1]) * share


class AllValuesQuantizer(_OfRange):
    """The range is that of all batches so far, and 0."""

    _unseen = 0.0

    def _next(self, old: Limits, new: Limits, batches: Value) -> Limits:
        return op.Min(old[0], new[0]), op.Max(old[1], new[1])


class FixedQuantizer(_Steps, Quantizer):
    """Rounds by a range that is given.

    Args:
        num_bits: from 2 to 16.
        init_min, init_max: the range.
        narrow_range: whether one step less is used.
    """

    def __init__(self, num_bits: int, init_min: float, init_max: float, narrow_range: bool) -> None:
        self._check_bits(num_bits)
        if not init_min < init_max:
            raise ValueError(f"init_min must be less than init_max; found {init_min!r} and {init_max!r}.")
        self.num_bits, self.narrow_range = num_bits, bool(narrow_range)
        self.init_min, self.init_max = float(init_min), float(init_max)

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        return {}

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        low, high = (Constant(np.float32(limit)) for limit in (self.init_min, self.init_max))
        return self._rounded(inputs, low, high)

    def get_config(self) -> dict[str, Any]:
        return {
            "num_bits": self.num_bits,
            "init_min": self.init_min,
            "init_max": self.init_max,
            "narrow_range": self.narrow_range,
        }


registry.register(globals())
__all__ = [
    "AllValuesQuantizer",
    "FixedQuantizer",
    "LastValueQuantizer",
    "MovingAverageQuantizer",
    "Quantizer",
]
