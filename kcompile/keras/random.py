"""``keras.random``: random numbers as tensors, by the names of Keras 3.

A seed is a whole number or a SeedGenerator; a function with a seed draws the same numbers in each run, and
goes on from call to call of a compiled step. Without one, ``keras.utils.set_random_seed`` rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Value
from . import backend as K
from . import registry
from .operations.table import _tensor
from .operations.tensorflow import FUNCTIONS
from .utils.generic_utils import did_you_mean


class SeedGenerator:
    """Gives the seeds of random numbers, one after the other.

    Args:
        seed: whole number; None for one that is drawn.
        name: kept.

    Raises:
        ValueError: for what is no whole number.
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if seed is None:
            seed = int(np.random.randint(1, 1_000_000_000))
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
            raise ValueError(f"The seed of a SeedGenerator is a whole number, found {seed!r}.")
        self.name = name
        self._initial_seed = int(seed)
        self._given = 0

    def next(self) -> int:
        """The next seed."""
        self._given += 1
        return (self._initial_seed + 7919 * (self._given - 1)) % 2**31

    def get_config(self) -> dict[str, Any]:
        """``{"seed": ...}``."""
        return {"seed": self._initial_seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """A generator from what ``get_config`` returned."""
        return cls(**config)


def _seed(seed: Any) -> int | None:
    return seed.next() if isinstance(seed, SeedGenerator) else seed


def _of_table(name: str, *args: Any, dtype: Any, seed: Any) -> Value:
    drawn: Value = FUNCTIONS[f"random.{name}"](*args, dtype=dtype or K.floatx(), seed=_seed(seed))
    return drawn


def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Value:
    """From the normal distribution."""
    return _of_table("normal", shape, mean, stddev, dtype=dtype, seed=seed)


def uniform(shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None) -> Value:
    """Evenly between two bounds."""
    return _of_table("uniform", shape, minval, maxval, dtype=dtype, seed=seed)


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Value:
    """From the normal distribution, within two standard deviations."""
    return _of_table("truncated_normal", shape, mean, stddev, dtype=dtype, seed=seed)


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> Value:
    """Whole numbers from ``minval`` to below ``maxval``."""
    return _of_table("uniform", shape, minval, maxval, dtype=dtype, seed=seed)


def binomial(shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> Value:
    """How many of ``counts`` (a whole number) trials succeed."""
    first, count = _seed(seed), int(counts)
    seeds = [None if first is None else first + i for i in range(count)]
    trials = [K.random_binomial(tuple(shape), probabilities, dtype=dtype, seed=own) for own in seeds]
    return K.cast(sum(trials[1:], trials[0]), dtype or K.floatx())


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Value:
    """Classes by unnormalised log probabilities (rows, classes); (rows, num_samples)."""
    return _of_table("categorical", _tensor(logits), num_samples, dtype=dtype, seed=seed)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Value:
    """The entries along an axis in a random order."""
    x = _tensor(x)
    axes = list(range(x.rank))
    axes[0], axes[axis] = axes[axis], axes[0]
    shuffled = FUNCTIONS["random.shuffle"](K.permute_dimensions(x, axes), seed=_seed(seed))
    return K.permute_dimensions(shuffled, axes)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Value:
    """Zeros in the place of a part of the numbers; the others are scaled up.

    The result has the shape of ``inputs``; the axes of ``noise_shape`` that are 1 share one draw.
    """
    x = _tensor(inputs)
    shape = K.shape(x) if noise_shape is None else noise_shape
    keep = uniform(shape, dtype=x.dtype.name, seed=seed) >= rate
    return x * K.cast(keep, x.dtype.name) / (1.0 - rate)


def __getattr__(name: str) -> Any:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{did_you_mean(name, _PUBLIC)}")


registry.register(globals())
_PUBLIC = registry.publish(globals())
