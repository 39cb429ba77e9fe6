"""Augmentation that mixes the images of a batch."""

from __future__ import annotations

from typing import Any

from ....ir import Value, op
from ... import backend as K
from ... import registry
from ...backend.random import random_log_gamma
from ...backend.tensors import dims_of, shape_vector
from ...declaration import configured
from .random_base import RandomLayer, bounds
from .random_filters import boxes

__all__ = ["CutMix", "MixUp"]


def log_gamma_draw(layer: RandomLayer, shape: list[Any], alpha: Any) -> Value:
    """Logarithms of numbers of the gamma distribution, which a softmax turns into one of Dirichlet.

    Args:
        alpha: the distribution's parameter, a number above 0 or a value that broadcasts.
    """
    return random_log_gamma(shape, alpha, layer._next_seed)


def beta_draw(layer: RandomLayer, shape: list[Any], alpha: Any) -> Value:
    """Numbers of the beta distribution (alpha, alpha)."""
    return op.Sigmoid(log_gamma_draw(layer, shape, alpha) - log_gamma_draw(layer, shape, alpha))


def shuffled(layer: RandomLayer, x: Value) -> Value:
    """The images of a batch in a random order."""
    batch = shape_vector(dims_of(x)[:1])
    _, order = op.TopK(layer._numbers(dims_of(x)[:1], 0.0, 1.0), batch, outputs=2)
    return op.Gather(x, order, axis=0)


class MixUp(RandomLayer):
    """Each image as a random mean of itself and another one of its batch.

    Args:
        alpha: weights are drawn from the beta distribution (alpha, alpha).
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.
        seed: of the random numbers; None draws one from numpy's global generator.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols). As in Keras where the
    layer is called on images, labels are not mixed. (Zhang et al. 2017)
    """

    @configured
    def __init__(
        self, alpha: float = 0.2, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        bounds(self, "alpha", (alpha, alpha), 1e-6)

    def augmented(self, x: Value) -> Value:
        weight = K.cast(beta_draw(self, [dims_of(x)[0], 1, 1, 1], self.alpha), K.dtype(x))
        return weight * x + (1.0 - weight) * shuffled(self, x)


class CutMix(RandomLayer):
    """A random box of each image taken from another one of its batch.

    Args:
        factor: areas are drawn from the beta distribution (alpha, alpha), with an alpha of 0 to factor, or of
            a pair (lower, upper), drawn once per step.
        seed: of the random numbers; None draws one from numpy's global generator.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols). As in Keras where the
    layer is called on images, labels are not mixed. (Yun et al. 2019)
    """

    @configured
    def __init__(
        self, factor: Any = 1.0, seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        self._bounds = bounds(self, "factor", factor, 0.0, 1.0)

    def augmented(self, x: Value) -> Value:
        alpha = self._numbers([1], *self._bounds) + 1e-6
        kept = beta_draw(self, [dims_of(x)[0], 1, 1, 1], alpha)
        side = K.cast(op.Sqrt(1.0 - kept), K.dtype(x))
        return op.Where(boxes(self, x, side, side), shuffled(self, x), x)


registry.register(globals())
