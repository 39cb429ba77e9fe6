"""Random augmentation by windows: sharpened, blurred and partly erased images."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....ir import Value, op
from ... import backend as K
from ... import registry
from ...backend.tensors import dims_of, tensor
from ...declaration import configured
from ...operations.colors import clipped
from ...operations.filters import filtered, gaussian
from .random_base import FactorLayer, RandomLayer, bounds, range_of

__all__ = ["RandomErasing", "RandomGaussianBlur", "RandomSharpness"]


class RandomSharpness(FactorLayer):
    """Each image moved away from, or towards, its smoothed self by a random factor.

    Args:
        factor: 0 is smooth, 0.5 leaves the image, 1 is sharp: 0 to factor, or a pair (lower, upper).
        value_range: results are cut off to it, (0, 255).
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.
        seed: of the random numbers; None draws one from numpy's global generator.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols).
    """

    limits = (0.0, 1.0)

    def augmented(self, x: Value) -> Value:
        window = np.full((1, 1, 3, 3), 1 / 13, x.dtype)
        window[..., 1, 1] = 5 / 13
        smooth = self._back(filtered(self._channels_first(x), tensor(window)))
        factor = self._drawn(x) * 2.0
        return clipped(x + (1.0 - factor) * (smooth - x), self.value_range)


def _odd_sizes(layer: Any, name: str, value: Any) -> tuple[int, ...]:
    sizes = value if isinstance(value, list | tuple) else (value, value)
    if len(sizes) != 2 or any(not isinstance(n, int) or n < 1 or n % 2 == 0 for n in sizes):
        raise ValueError(
            f"RandomGaussianBlur: kernel_size must be odd, or a pair of odd numbers; found {value!r}."
        )
    return tuple(sizes)


class RandomGaussianBlur(RandomLayer):
    """Each image blurred, or not, by a Gaussian window of random width.

    Args:
        factor: chance of being blurred, drawn from 0 to factor, or from a pair (lower, upper).
        kernel_size: odd size of the window, one number or a pair (columns, rows).
        sigma: standard deviation of the window in pixels, 0 to sigma, or a pair (lower, upper), up to 1.
        value_range: of the images, (0, 255).
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.
        seed: of the random numbers; None draws one from numpy's global generator.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols). One step blurs all of
    its images alike.
    """

    @configured(kernel_size=_odd_sizes, value_range=range_of)
    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        self._chance = bounds(self, "factor", factor, 0.0, 1.0)
        self._sigma = bounds(self, "sigma", sigma, 0.0, 1.0)

    def augmented(self, x: Value) -> Value:
        columns, rows = (
            gaussian(size, self._numbers([1], *self._sigma, dtype=x.dtype) + 1e-6)
            for size in self.kernel_size
        )
        window = op.Mul(op.Reshape(rows, [-1, 1]), op.Reshape(columns, [1, -1]))
        window = op.Reshape(window, [1, 1, *self.kernel_size])  # Keras numbers rows and columns the other way
        blurred = self._back(filtered(self._channels_first(x), window))
        return op.Where(self._chosen(x, self._chance), blurred, x)


def boxes(layer: RandomLayer, x: Value, height: Value, width: Value) -> Value:
    """Whether a pixel lies in a randomly placed box of its image: (batch, rows, cols, 1), in the layer's
    layout.

    Args:
        height, width: parts of those of the image, (batch, 1, 1, 1).
    """
    sizes = [dims_of(x)[axis] for axis in layer._axes()]
    along = []
    for axis, size, part in zip(layer._axes(), sizes, (height, width), strict=True):
        length = K.cast(size, x.dtype) if isinstance(size, Value) else tensor(float(size), x.dtype)
        box = part * length
        start = layer._uniform(x, 0.0, 1.0) * (length - box)
        places = op.Range(tensor(0.0, x.dtype), length, tensor(1.0, x.dtype))
        shape = [1, 1, 1, 1]
        shape[axis] = -1
        places = op.Reshape(places, shape)
        along.append(op.And(op.GreaterOrEqual(places, start), op.Less(places, start + box)))
    return op.And(*along)


class RandomErasing(RandomLayer):
    """A random box of each image filled with noise or a number, or not.

    Args:
        factor: chance of being changed, drawn from 0 to factor, or from a pair (lower, upper).
        scale: part of the area that a box has, at least and at most.
        fill_value: number, or one for each of three channels; None for noise.
        value_range: of the images, (0, 255); what fills is cut off to it.
        seed: of the random numbers; None draws one from numpy's global generator.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols).
    (Zhong et al. 2017, "Random Erasing Data Augmentation")

    Raises:
        ValueError: for a list of other than three fill values.
    """

    @configured(value_range=range_of)
    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(fill_value, list | tuple) and len(fill_value) != 3:
            raise ValueError(
                f"RandomErasing: fill_value must be a number, or three of them; found {fill_value!r}."
            )
        self._chance = bounds(self, "factor", factor, 0.0, 1.0)
        self._scale = bounds(self, "scale", scale, 0.0, 1.0)

    def _filling(self, x: Value) -> Value:
        if self.fill_value is None:
            noise = K.random_normal(dims_of(x), dtype=K.dtype(x), seed=self._next_seed())
            return clipped(noise * float(self.value_range[1]), self.value_range)
        values = np.clip(np.array(self.fill_value, x.dtype), self.value_range[0], self.value_range[1])
        shape = [1, 1, 1, 1]
        shape[self._channel_axis()] = values.size
        return tensor(values.reshape(shape))

    def augmented(self, x: Value) -> Value:
        height, width = (op.Sqrt(self._uniform(x, *self._scale)) for _ in range(2))
        erased = op.And(boxes(self, x, height, width), self._chosen(x, self._chance))
        return op.Where(erased, self._filling(x), x)


registry.register(globals())
