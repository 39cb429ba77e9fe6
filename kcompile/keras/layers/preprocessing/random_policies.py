"""Augmentation by random choices of other augmentations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....ir import Value, claim_steps, op
from ... import backend as K
from ... import registry
from ...backend.tensors import tensor
from ...declaration import configured
from ...operations.colors import clipped
from ..arguments import positive_int
from .histograms import AutoContrast, Equalization
from .random_base import ImageAugmentation, RandomLayer, bounds, range_of
from .random_colors import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
    RandomPosterization,
    Solarization,
)
from .random_filters import RandomSharpness
from .random_geometry import RandomRotation, RandomShear, RandomTranslation
from .random_mixing import beta_draw, log_gamma_draw


class _Policy(RandomLayer):
    """A layer that holds augmentations to choose from, all with the bounds of its factor."""

    @configured(value_range=range_of)
    def __init__(
        self,
        value_range: Any,
        factor: Any,
        interpolation: str,
        seed: int | None,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        self._bounds = bounds(self, "factor", factor, 0.0, 1.0)

    def _geometric(self) -> list[ImageAugmentation]:
        common: dict[str, Any] = {"interpolation": self.interpolation, "data_format": self.data_format}
        pair = self._bounds
        return [
            RandomShear(pair, pair, seed=self._seed(0), **common),
            RandomTranslation(pair, pair, seed=self._seed(1), **common),
            RandomRotation(pair, seed=self._seed(2), **common),
        ]

    def _tonal(self) -> list[ImageAugmentation]:
        common: dict[str, Any] = {"value_range": self.value_range, "data_format": self.data_format}
        pair = self._bounds
        return [
            RandomPosterization(max(1, int(8 * pair[1])), seed=self._seed(3), **common),
            Solarization(pair, pair, seed=self._seed(4), **common),
            AutoContrast(**common),
            Equalization(**common),
        ]

    def _colored(self) -> list[ImageAugmentation]:
        common: dict[str, Any] = {"value_range": self.value_range, "data_format": self.data_format}
        kinds = (RandomBrightness, RandomColorDegeneration, RandomContrast, RandomSharpness)
        return [kind(self._bounds, seed=self._seed(5 + i), **common) for i, kind in enumerate(kinds)]

    def _seed(self, index: int) -> int | None:
        return None if self.seed is None else self.seed + 100 * (index + 1)


class RandAugment(_Policy):
    """Some of eleven random augmentations, one after the other, chosen anew for each step.

    Args:
        value_range: of the images, (0, 255).
        num_ops: how many are applied.
        factor: strength of all of them, 0 to factor, or a pair (lower, upper), up to 1.
        interpolation: "bilinear" or "nearest", of those that move pixels.
        seed: of the random numbers; None draws one from numpy's global generator.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: RGB images (batch, rows, cols, 3), or (batch, 3, rows, cols), of known size. All images
    of a step are changed by the same augmentations, each by numbers of its own. (Cubuk et al. 2019)
    """

    @configured(num_ops=positive_int)
    def __init__(
        self,
        value_range: Any = (0, 255),
        num_ops: int = 2,
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._choices = self._geometric() + self._colored() + self._tonal()

    def augmented(self, x: Value) -> Value:
        for _ in range(self.num_ops):
            chosen = op.Floor(self._numbers([1], 0.0, float(len(self._choices))))
            y = x
            for i, layer in enumerate(self._choices):
                y = op.Where(op.Equal(chosen, tensor(float(i), chosen.dtype)), layer.augmented(x), y)
            x = y
        return x


class AugMix(_Policy):
    """A random mean of the image and of several chains of augmentations of it.

    Args:
        value_range: of the images, (0, 255).
        num_chains: number of chains.
        chain_depth: augmentations of a chain; some are left out at random.
        factor: strength of all of them, 0 to factor, or a pair (lower, upper), up to 1.
        alpha: weights are drawn from the Dirichlet and beta distributions of this parameter.
        all_ops: whether brightness, color, contrast and sharpness are among the choices.
        interpolation: "bilinear" or "nearest", of those that move pixels.
        seed: of the random numbers; None draws one from numpy's global generator.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: RGB images (batch, rows, cols, 3), or (batch, 3, rows, cols), of known size. Which
    augmentations a chain has is drawn when the layer is first called, as in Keras; how strong they are, and
    the weights, for each step. (Hendrycks et al. 2019)
    """

    @configured(num_chains=positive_int, chain_depth=positive_int)
    def __init__(
        self,
        value_range: Any = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Any = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        bounds(self, "alpha", (alpha, alpha), 1e-6)
        self._choices = self._geometric() + self._tonal() + (self._colored() if all_ops else [])

    def augmented(self, x: Value) -> Value:
        drawn = np.random if self.seed is None else np.random.RandomState(self.seed % 2**32)
        weights = op.Softmax(log_gamma_draw(self, [self.num_chains], self.alpha), axis=0)
        weights = K.cast(weights, K.dtype(x))
        mixed = None
        claim_steps(self.chain_depth, f"chain_depth={self.chain_depth}")
        for i in range(self.num_chains):
            y = x
            for choice in drawn.randint(len(self._choices) + 1, size=self.chain_depth):
                y = self._choices[choice].augmented(y) if choice < len(self._choices) else y
            y = y * weights[i]
            mixed = y if mixed is None else mixed + y
        kept = K.cast(beta_draw(self, [1], self.alpha), K.dtype(x))
        return clipped(kept * x + (1.0 - kept) * mixed, self.value_range)


registry.register(globals(), listed=True)
