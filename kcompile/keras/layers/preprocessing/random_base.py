"""What random layers share: images change while training, by numbers that each layer draws for itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....ir import Value, op
from ... import backend as K
from ... import registry
from ...backend.tensors import dims_of, tensor
from ...core.layer import Layer
from ...declaration import ANY, arguments_of, configured, only
from ..arguments import data_format
from .common import ImagesLayer, as_float, without_default_training


class ImageAugmentation(ImagesLayer):
    """A layer that changes images while training, and passes them on otherwise.

    A subclass emits the changed images in ``augmented``.
    """

    last: tuple[str, ...] = ("data_format",)

    @configured(
        data_format=data_format,
        rng_type=only(ANY),  # tf_keras says how its numbers are drawn
        bounding_box_format=only(ANY),  # Keras 3 changes boxes that come with images; here are images
    )
    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None: ...

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(inputs, *args, **without_default_training(kwargs))

    def call(self, inputs: Any, training: Any = None) -> Any:
        x = as_float(self, inputs)
        return K.in_train_phase(lambda: self.augmented(x), x, training=training)

    def augmented(self, x: Value) -> Value:
        """The changed images, of the layout and float type of ``x``."""
        raise NotImplementedError

    def _axes(self) -> list[int]:
        """Those of rows and columns."""
        return [2, 3] if self.data_format == "channels_first" else [1, 2]

    def _channel_axis(self) -> int:
        return 1 if self.data_format == "channels_first" else 3

    def _channels_first(self, x: Value) -> Value:
        return x if self.data_format == "channels_first" else op.Transpose(x, perm=[0, 3, 1, 2])

    def _back(self, x: Value) -> Value:
        """From channels_first to the layout of the layer."""
        return x if self.data_format == "channels_first" else op.Transpose(x, perm=[0, 2, 3, 1])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """As Keras 3 writes it: in the order of the constructor, but for what ``last`` names."""
        config = super().get_config()
        names = [name for name in arguments_of(type(self)) if name in config and name not in self.last]
        return config | {name: config.pop(name) for name in (*names, *self.last)}


class RandomLayer(ImageAugmentation):
    """An augmentation by random numbers, different ones for each image and step."""

    @configured
    def __init__(self, seed: int | None = None, data_format: str | None = None, **kwargs: Any) -> None:
        self._draws = 0

    def call(self, inputs: Any, training: Any = None) -> Any:
        self._draws = 0
        return super().call(inputs, training=training)

    def _next_seed(self) -> int | None:
        """One for each draw, so that the draws of a layer differ."""
        self._draws += 1
        return None if self.seed is None else self.seed + self._draws - 1

    def _numbers(self, shape: Sequence[Any], low: float, high: float, dtype: Any = "float32") -> Value:
        return K.random_uniform(shape, low, high, dtype=dtype, seed=self._next_seed())

    def _uniform(self, x: Value, low: float, high: float) -> Value:
        """One number per image, (batch, 1, 1, 1)."""
        return self._numbers([dims_of(x)[0], 1, 1, 1], low, high, K.dtype(x))

    def _chosen(self, x: Value, chance: tuple[float, float]) -> Value:
        """Whether each image is changed, (batch, 1, 1, 1): with a chance between these two."""
        return op.Less(self._uniform(x, 0.0, 1.0), self._uniform(x, *chance))

    def _sign(self, x: Value) -> Value:
        """1 or -1 per image, with equal chances."""
        positive = op.Less(self._uniform(x, 0.0, 1.0), tensor(0.5, x.dtype))
        return op.Where(positive, tensor(1.0, x.dtype), tensor(-1.0, x.dtype))


def bounds(
    layer: Layer, name: str, factor: Any, lowest: float = -np.inf, highest: float = np.inf
) -> tuple[float, float]:
    """(lower, upper) of a factor that is a number (that and its negative) or a pair.

    Args:
        lowest, highest: what the factor may be; the negative of a number is cut off at lowest.

    Raises:
        ValueError: for anything else, or a number outside of the limits.
    """
    pair = factor if isinstance(factor, list | tuple) else (factor, factor)
    if len(pair) != 2 or not all(_is_number(x) for x in pair):
        raise ValueError(
            f"{type(layer).__name__}: {name} must be a number or a pair (lower, upper), found {factor!r}."
        )
    low, high = sorted(float(x) for x in pair)
    if low < lowest or high > highest:
        raise ValueError(
            f"{type(layer).__name__}: {name} must lie between {lowest:g} and {highest:g}, found {factor!r}."
        )
    return (low, high) if pair is factor else (max(-abs(high), lowest), abs(high))


def range_of(layer: Layer, name: str, value_range: Any) -> list[float]:
    """The lowest and highest value of images.

    Raises:
        ValueError: if it is not a pair of two different numbers.
    """
    pair = value_range if isinstance(value_range, list | tuple) else ()
    if len(pair) != 2 or not all(_is_number(x) for x in pair) or pair[0] == pair[1]:
        raise ValueError(
            f"{type(layer).__name__}: value_range must be a pair (lowest, highest), found {value_range!r}."
        )
    return sorted(pair)


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float | np.number) and not isinstance(x, bool)


class FactorLayer(RandomLayer):
    """A layer of a random factor per image, and of images whose values lie in a range."""

    limits = (-1.0, 1.0)  # of the factor

    @configured(value_range=range_of)
    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        self._bounds = bounds(self, "factor", factor, *self.limits)

    def _drawn(self, x: Value) -> Value:
        """The factor of each image, (batch, 1, 1, 1)."""
        return self._uniform(x, *self._bounds)


registry.register(globals())
