"""Random augmentation of colors: brightness, contrast, saturation, hue, and ways to lose some of them."""

from __future__ import annotations

from typing import Any

from ....ir import Value, op
from ... import backend as K
from ... import registry
from ...backend.tensors import tensor
from ...declaration import configured
from ...operations.colors import clipped, gray_of, hsv_of, in_range, rgb_of
from .common import check_rgb
from .random_base import FactorLayer, RandomLayer, bounds, range_of

_BYTES = (0.0, 255.0)


class RandomBrightness(FactorLayer):
    """A random number per image added to all its values.

    Args:
        factor: -factor to factor, or a pair (lower, upper), in parts of the value range.
        value_range: results are cut off to it, (0, 255).
        seed: of the random numbers; None draws one from numpy's global generator.

    Input and output: (batch, rows, cols, channels).
    """

    @configured
    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None: ...

    def augmented(self, x: Value) -> Value:
        low, high = map(float, self.value_range)
        return clipped(x + self._drawn(x) * (high - low), self.value_range)


class RandomContrast(FactorLayer):
    """Differences from the mean of each channel, scaled by a random factor per image.

    Args:
        factor: the scale is 1 - factor to 1 + factor, or, for a pair (lower, upper) of numbers from 0 on,
            1 - lower to 1 + upper.
        value_range: results are cut off to it, (0, 255).
        seed: of the random numbers; None draws one from numpy's global generator.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols).
    """

    limits = (0.0, float("inf"))

    @configured
    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        lower, upper = self._bounds if isinstance(factor, list | tuple) else (factor, factor)
        self._scale = (1.0 - lower, 1.0 + upper)

    def augmented(self, x: Value) -> Value:
        mean = op.ReduceMean(x, self._axes(), keepdims=1)
        return clipped((x - mean) * self._uniform(x, *self._scale) + mean, self.value_range)


class RandomColorDegeneration(FactorLayer):
    """A random part of the way from colors to gray, per image.

    Args:
        factor: 0 leaves the colors, 1 is gray; -factor to factor, or a pair (lower, upper).
        value_range: results are cut off to it, (0, 255).
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.
        seed: of the random numbers; None draws one from numpy's global generator.

    Input and output: RGB images (batch, rows, cols, 3), or (batch, 3, rows, cols).
    """

    def augmented(self, x: Value) -> Value:
        check_rgb(self, x, self._channel_axis())
        gray = gray_of(x, self._channel_axis())
        return clipped(x + self._drawn(x) * (gray - x), self.value_range)


class RandomSaturation(FactorLayer):
    """The saturation of each image, multiplied by a random number: factor / (1 - factor).

    Args:
        factor: 0.5 leaves the colors, 0 is gray, 1 is full saturation; 0 to factor, or a pair (lower, upper).
        value_range: saturations are cut off to it, (0, 255), as in Keras.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.
        seed: of the random numbers; None draws one from numpy's global generator.

    Input and output: RGB images (batch, rows, cols, 3), or (batch, 3, rows, cols).
    """

    def augmented(self, x: Value) -> Value:
        check_rgb(self, x, self._channel_axis())
        hue, saturation, value = hsv_of(x, self._channel_axis())
        factor = self._drawn(x)
        factor = op.Div(factor, 1.0 - factor + K.epsilon())
        return rgb_of(hue, clipped(saturation * factor, self.value_range), value, self._channel_axis())


class RandomHue(FactorLayer):
    """The hue of each image, turned by a random part of half a circle in a random direction.

    Args:
        factor: 0 to factor, or a pair (lower, upper), up to 1.
        value_range: of the images, (0, 255).
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.
        seed: of the random numbers; None draws one from numpy's global generator.

    Input and output: RGB images (batch, rows, cols, 3), or (batch, 3, rows, cols).
    """

    limits = (0.0, 1.0)

    def augmented(self, x: Value) -> Value:
        check_rgb(self, x, self._channel_axis())
        unit = in_range(x, self.value_range, (0.0, 1.0))
        hue, saturation, value = hsv_of(unit, self._channel_axis())
        hue = hue + self._sign(x) * self._drawn(x) * 0.5
        one, zero = tensor(1.0, x.dtype), tensor(0.0, x.dtype)
        hue = op.Where(hue > one, hue - 1.0, hue)
        hue = op.Where(hue < zero, hue + 1.0, hue)
        rgb = K.clip(rgb_of(hue, saturation, value, self._channel_axis()), 0.0, 1.0)
        return in_range(rgb, (0.0, 1.0), self.value_range)


class RandomColorJitter(RandomLayer):
    """Brightness, contrast, saturation and hue of each image changed at random, in this order.

    Args:
        value_range: of the images, (0, 255).
        brightness_factor: of ``RandomBrightness``, or None; so are contrast_factor, saturation_factor and
            hue_factor.
        seed: of the random numbers; None draws one from numpy's global generator.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: RGB images (batch, rows, cols, 3), or (batch, 3, rows, cols).
    """

    @configured(value_range=range_of)
    def __init__(
        self,
        value_range: Any = (0, 255),
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        given = {
            RandomBrightness: brightness_factor,
            RandomContrast: contrast_factor,
            RandomSaturation: saturation_factor,
            RandomHue: hue_factor,
        }
        common = {"value_range": self.value_range, "data_format": self.data_format}
        self._steps = [
            cls(factor, seed=None if seed is None else seed + 10 * i, **common)
            for i, (cls, factor) in enumerate(given.items())
            if factor is not None
        ]

    def augmented(self, x: Value) -> Value:
        for step in self._steps:
            x = step.augmented(x)
        return x


class RandomPosterization(FactorLayer):
    """Only the highest bits of each value of an image, a random number of them.

    Args:
        factor: number of bits, 1 to 8: 1 to factor, or a pair (lower, upper) without the upper.
        value_range: of the images, (0, 255).
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.
        seed: of the random numbers; None draws one from numpy's global generator.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols).
    """

    limits = (1.0, 8.0)

    def augmented(self, x: Value) -> Value:
        low, high = self._bounds
        bits = tensor(low, x.dtype) if low == high else op.Floor(self._uniform(x, low, high))
        step = op.Pow(tensor(2.0, x.dtype), 8.0 - bits)
        whole = op.Floor(in_range(x, self.value_range, _BYTES))
        return in_range(op.Floor(op.Div(whole, step)) * step, _BYTES, self.value_range)


class RandomGrayscale(RandomLayer):
    """Each image made gray, or not.

    Args:
        factor: chance of being made gray, 0 to 1.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.
        seed: of the random numbers; None draws one from numpy's global generator.

    Input and output: RGB images (batch, rows, cols, 3), or (batch, 3, rows, cols).
    """

    @configured
    def __init__(
        self, factor: float = 0.5, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        self._chance = bounds(self, "factor", (factor, factor), 0.0, 1.0)

    def augmented(self, x: Value) -> Value:
        check_rgb(self, x, self._channel_axis())
        return op.Where(self._chosen(x, self._chance), gray_of(x, self._channel_axis()), x)


class RandomInvert(FactorLayer):
    """Each image as its negative, or not.

    Args:
        factor: chance of being inverted, drawn from 0 to factor, or from a pair (lower, upper).
        value_range: of the images, (0, 255).
        seed: of the random numbers; None draws one from numpy's global generator.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols).
    """

    limits = (0.0, 1.0)

    @configured
    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None: ...

    def augmented(self, x: Value) -> Value:
        return op.Where(self._chosen(x, self._bounds), float(self.value_range[1]) - x, x)


class Solarization(RandomLayer):
    """Values raised by a random number, and those above a random threshold inverted, while training.

    Args:
        addition_factor: 0 to factor of 255 is added, or a pair (lower, upper); the lower bound counts in
            single values, as in Keras.
        threshold_factor: the same for the threshold.
        value_range: of the images, (0, 255).
        seed: of the random numbers; None draws one from numpy's global generator.

    Input and output: (batch, rows, cols, channels).
    """

    @configured(value_range=range_of)
    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        self._added = bounds(self, "addition_factor", addition_factor, 0.0, 1.0)
        self._threshold = bounds(self, "threshold_factor", threshold_factor, 0.0, 1.0)

    def augmented(self, x: Value) -> Value:
        bytes_ = in_range(x, self.value_range, _BYTES)
        added = self._uniform(x, self._added[0], self._added[1] * 255.0)
        threshold = self._uniform(x, self._threshold[0], self._threshold[1] * 255.0)
        raised = clipped(bytes_ + added, _BYTES)
        inverted = op.Where(op.Less(raised, threshold), raised, 255.0 - raised)
        return in_range(inverted, _BYTES, self.value_range)


registry.register(globals(), listed=True)
