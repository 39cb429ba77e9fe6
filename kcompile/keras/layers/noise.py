"""Noise while training: Gaussian, and dropout that keeps the statistics of its input."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Value, op
from .. import backend as K
from .. import registry
from ..declaration import Argument, configured
from ..legacy.old_names import answer_old_names
from .same_shape import SameShape

# the fixed point of the SELU activation, -scale * alpha (Klambauer et al. 2017)
_SELU_SATURATION = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946


def _normal_like(x: Value, mean: float, stddev: float, seed: int | None) -> Value:
    seed = int(np.random.randint(10_000_000)) if seed is None else seed
    return op.RandomNormalLike(x, mean=mean, scale=stddev, seed=float(seed % 2**24))


class _Noise(SameShape):
    """A layer of one number that changes nothing outside of training."""

    @configured(seed=Argument(written="changed"))
    def __init__(self, seed: int | None = None, **kwargs: Any) -> None: ...


class GaussianNoise(_Noise):
    """Adds normally distributed noise of mean 0 while training.

    Args:
        stddev: standard deviation of the noise.
        seed: of the random numbers; None draws one from numpy's global generator.

    Input and output: any shape.
    """

    @configured(seed=Argument(written="changed", after="stddev"))
    def __init__(self, stddev: float, **kwargs: Any) -> None: ...

    def call(self, inputs: Any, training: Any = None) -> Any:
        return K.in_train_phase(
            lambda: inputs + _normal_like(inputs, 0.0, self.stddev, self.seed), inputs, training=training
        )


class GaussianDropout(_Noise):
    """Multiplies by normally distributed noise of mean 1 while training.

    Args:
        rate: as for Dropout: the standard deviation is sqrt(rate / (1 - rate)).
        seed: of the random numbers; None draws one from numpy's global generator.

    Input and output: any shape. (Srivastava et al. 2014)
    """

    @configured(seed=Argument(written="changed", after="rate"))
    def __init__(self, rate: float, **kwargs: Any) -> None: ...

    def call(self, inputs: Any, training: Any = None) -> Any:
        if not 0 < self.rate < 1:
            return inputs
        stddev = float(np.sqrt(self.rate / (1.0 - self.rate)))
        return K.in_train_phase(
            lambda: inputs * _normal_like(inputs, 1.0, stddev, self.seed), inputs, training=training
        )


class AlphaDropout(_Noise):
    """Sets a random part of the inputs to SELU's negative saturation while training; keeps mean and variance.

    Args:
        rate: part to drop, 0 <= rate < 1.
        noise_shape: shape of the mask, with 1 on axes that share it; None for the shape of the input.
        seed: of the random numbers; None draws one from numpy's global generator.

    Input and output: any shape. (Klambauer et al. 2017, "Self-Normalizing Neural Networks")
    """

    @configured(
        noise_shape=Argument(written="changed"), seed=Argument(written="changed", after="noise_shape")
    )
    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any
    ) -> None: ...

    def _get_noise_shape(self, inputs: Any) -> Any:
        """The mask's shape, None where it is the input's size; a subclass may choose another."""
        return self.noise_shape

    def _dropped(self, x: Value) -> Value:
        rate, saturation = self.rate, _SELU_SATURATION
        seed = int(np.random.randint(10_000_000)) if self.seed is None else self.seed
        shape: Any = K.shape(x)
        noise_shape = self._get_noise_shape(x)
        if noise_shape is not None:
            shape = [shape[i] if size is None else size for i, size in enumerate(noise_shape)]
        kept = K.cast(K.random_uniform(shape, dtype=K.dtype(x), seed=seed) >= rate, K.dtype(x))
        a = ((1 - rate) * (1 + rate * saturation**2)) ** -0.5
        b = -a * saturation * rate
        return (x * kept + saturation * (1 - kept)) * a + b

    def call(self, inputs: Any, training: Any = None) -> Any:
        if not 0.0 < self.rate < 1.0:
            return inputs
        return K.in_train_phase(lambda: self._dropped(inputs), inputs, training=training)


answer_old_names(__name__)
registry.register(globals(), listed=True)
