"""Rescaling, and normalization by statistics of data."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....ir import Constant, Value, name_scope, op
from ... import backend as K
from ... import registry
from ...backend.tensors import tensor
from ...core.layer import Layer
from ...declaration import Argument, configured, converted
from ..same_shape import SameShape
from .common import adapted_to, as_float, batches_of, plain


class Rescaling(SameShape):
    """``x * scale + offset``, such as 1 / 255 for images.

    Args:
        scale: number, or a list of one per channel.
        offset: number, or a list of one per channel.

    Input: any shape, of any numeric type; output: the same shape, float.
    """

    @configured(scale=converted(plain), offset=converted(plain))
    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None: ...

    def call(self, inputs: Any) -> Any:
        x = as_float(self, inputs)
        return op.Add(op.Mul(x, tensor(self.scale, x.dtype)), tensor(self.offset, x.dtype))


def _axes(layer: Layer, name: str, axis: Any) -> tuple[int, ...]:
    return () if axis is None else tuple(axis) if isinstance(axis, list | tuple) else (axis,)


class Normalization(SameShape):
    """``(x - mean) / sqrt(variance)``, with statistics that are given or taken from data by ``adapt``.

    Args:
        axis: axis or axes that have statistics of their own (default -1); None for one mean of everything.
        mean, variance: statistics; None to take them from data, as weights.
        invert: whether to turn normalized values back.

    Input and output: any shape whose sizes along ``axis`` are known. The root of the variance counts at least
    1e-7.
    Weights, unless mean and variance are given: mean, variance (sizes along axis), count (); not trainable.

    Raises:
        ValueError: if only one of mean and variance is given, or an axis does not fit.
    """

    @configured(
        axis=_axes,
        mean=Argument(converted(plain), attribute="input_mean"),
        variance=Argument(converted(plain), attribute="input_variance"),
        invert=Argument(after="axis"),
    )
    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        if (mean is None) != (variance is None):
            raise ValueError(
                f"Normalization: give both mean and variance, or neither; found mean={mean!r} and "
                f"variance={variance!r}."
            )

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                f"Layer {self.name}: axis={self.axis} does not fit an input of shape {tuple(input_shape)}."
            )
        kept = sorted(axis % rank for axis in self.axis)
        if any(input_shape[axis] is None for axis in kept):
            raise ValueError(
                f"Layer {self.name}: the sizes along axis={self.axis} must be known; the input has the shape "
                f"{tuple(input_shape)}."
            )
        self._kept = kept
        self._broadcast = [input_shape[i] if i in kept else 1 for i in range(rank)]
        if self.input_mean is None:
            shape = [input_shape[axis] for axis in kept]
            self.mean = self.add_weight("mean", shape, initializer="zeros", trainable=False)
            self.variance = self.add_weight("variance", shape, initializer="ones", trainable=False)
            self.count = self.add_weight("count", (), initializer="zeros", dtype="int32", trainable=False)
        self.built = True

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Takes mean and variance from data, of all of it anew.

        Args:
            data: array, or iterable of batches (the first entry of pairs counts).
            batch_size: accepted; arrays are taken whole.
            steps: number of batches to look at, None for all.

        Raises:
            ValueError: if the statistics were given to the constructor, or there is no data.
        """
        if self.input_mean is not None:
            raise ValueError(
                f"Layer {self.name}: mean and variance were given to the constructor; there is nothing to "
                "adapt."
            )
        total, squares, count = 0.0, 0.0, 0
        for batch in batches_of(data, steps):
            adapted_to(self, batch)
            if not self.built:
                with name_scope(self.name):
                    self.build((None, *batch.shape[1:]))
            axes = tuple(i for i in range(batch.ndim) if i not in self._kept)
            total = total + batch.sum(axes)
            squares = squares + np.square(batch).sum(axes)
            count += int(np.prod([batch.shape[i] for i in axes], dtype=np.int64))
        if not count:
            raise ValueError(f"Layer {self.name}: there is no data to adapt to.")
        mean = total / count
        self.mean.assign(np.asarray(mean, self.mean.dtype))
        self.variance.assign(np.asarray(np.maximum(squares / count - mean**2, 0.0), self.mean.dtype))

    def call(self, inputs: Any) -> Any:
        x = as_float(self, inputs)
        if self.input_mean is None:
            mean, variance = (op.Reshape(v, self._broadcast) for v in (self.mean, self.variance))
        else:
            mean, variance = (self._given(v, x.dtype) for v in (self.input_mean, self.input_variance))
        deviation = op.Max(op.Sqrt(variance), tensor(K.epsilon(), x.dtype))
        if self.invert:
            return op.Add(mean, op.Mul(x, deviation))
        return op.Div(op.Sub(x, mean), deviation)

    def _given(self, value: Any, dtype: Any) -> Value:
        array = np.asarray(value, dtype)
        return Constant(np.broadcast_to(array, self._broadcast) if array.ndim < 2 else array)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis if len(self.axis) != 1 else self.axis[0]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        axis = config.get("axis", -1)
        return cls(**{**config, "axis": None if axis == () or axis == [] else axis})


registry.register(globals(), listed=True)
