"""``tf.random``: generators and numbers that are drawn at once.

A seed gives the same numbers in every run, but not those of TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import Value
from ...keras.utils.rng_utils import set_random_seed
from ..tensorflow.dtypes import as_dtype
from ..tensorflow.functions import function_of
from ..tensorflow.tensors import convert_to_tensor


def set_seed(seed: int) -> None:
    """Seeds what draws random numbers: weights, dropout, ``tf.random``, and NumPy's generator."""
    set_random_seed(int(seed) % 2**32)


def _drawn(function: str, shape: Any, seed: int, dtype: Any, **options: Any) -> Value:
    draw = function_of(f"random.{function}")
    assert draw is not None
    return draw(shape, dtype=dtype, seed=seed, **options)


def seed_of(seed: Any) -> int:
    """One number from the two of a stateless function."""
    numbers = [int(n) for n in np.asarray(seed).reshape(-1)]
    return int(np.random.SeedSequence([n % 2**63 for n in numbers]).generate_state(1)[0]) % 2**24


def stateless_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", name: Any = None,
    alg: Any = None,
) -> Value:  # fmt: skip
    """Values distributed evenly, the same for the same two numbers of ``seed``."""
    return _drawn("uniform", shape, seed_of(seed), dtype, minval=minval, maxval=maxval)


def stateless_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", name: Any = None,
    alg: Any = None,
) -> Value:  # fmt: skip
    """Normally distributed values, the same for the same two numbers of ``seed``."""
    return _drawn("normal", shape, seed_of(seed), dtype, mean=mean, stddev=stddev)


def stateless_truncated_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", name: Any = None,
    alg: Any = None,
) -> Value:  # fmt: skip
    """Normally distributed values within two deviations, the same for the same two numbers of ``seed``."""
    return _drawn("truncated_normal", shape, seed_of(seed), dtype, mean=mean, stddev=stddev)


def stateless_categorical(
    logits: Any, num_samples: Any, seed: Any, dtype: Any = "int64", name: Any = None
) -> Value:
    """Draws classes, the same for the same two numbers of ``seed``: (batch, num_samples)."""
    draw = function_of("random.categorical")
    assert draw is not None
    return draw(logits, num_samples, dtype=dtype, seed=seed_of(seed))


def stateless_shuffle(value: Any, seed: Any, alg: Any = None, name: Any = None) -> Value:
    """The entries along the first axis in another order, the same for the same two numbers of ``seed``."""
    draw = function_of("random.shuffle")
    assert draw is not None
    return draw(value, seed=seed_of(seed))


def _seeds(seed: Any, tag: int, count: int) -> Value:
    numbers = [int(n) % 2**63 for n in np.asarray(seed).reshape(-1)]
    state = np.random.SeedSequence([*numbers, tag]).generate_state(2 * count, np.uint32)
    return convert_to_tensor((state >> 1).astype(np.int32).reshape(count, 2))


def split(seed: Any, num: int = 2, alg: Any = None) -> Value:
    """Seeds that are made of one: (num, 2)."""
    return _seeds(seed, 0, int(num))


def fold_in(seed: Any, data: Any, alg: Any = None) -> Value:
    """A seed that is made of one and a number: (2,)."""
    return _seeds(seed, int(data) + 1, 1)[0]


def _by_numpy(draw: Callable[..., Any], shape: Any, dtype: Any, *parameters: Any) -> Value:
    sizes = tuple(int(n) for n in np.asarray(shape).reshape(-1))
    given = [np.asarray(convert_to_tensor(p, dtype)) for p in parameters]
    whole = (*sizes, *np.broadcast_shapes(*(p.shape for p in given)))
    return convert_to_tensor(draw(*given, size=whole).astype(as_dtype(dtype).as_numpy_dtype))


def _generator(seed: Any) -> np.random.Generator:
    return np.random.default_rng(np.random.randint(2**31) if seed is None else int(seed))


def gamma(
    shape: Any, alpha: Any, beta: Any = None, dtype: Any = "float32", seed: Any = None, name: Any = None
) -> Value:
    """Gamma-distributed values of a shape for each alpha, drawn at once; no gradient goes to alpha."""
    scale = 1.0 if beta is None else 1.0 / np.asarray(convert_to_tensor(beta))
    return _by_numpy(lambda a, b, size: _generator(seed).gamma(a, b, size), shape, dtype, alpha, scale)


def poisson(shape: Any, lam: Any, dtype: Any = "float32", seed: Any = None, name: Any = None) -> Value:
    """Poisson-distributed values of a shape for each mean, drawn at once."""
    return _by_numpy(lambda a, size: _generator(seed).poisson(a, size), shape, dtype, lam)


class Generator:
    """Draws random numbers, from a state of its own.

    Args:
        state: numbers that it starts from.
    """

    def __init__(self, copy_from: Any = None, state: Any = None, alg: Any = None) -> None:
        start = [0] if state is None else [int(n) for n in np.asarray(state).reshape(-1)]
        self._random = copy_from._random if copy_from is not None else np.random.default_rng(start)

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> Generator:
        """A generator that gives the same numbers in every run."""
        return cls(state=[abs(int(n)) for n in np.asarray(seed).reshape(-1)])

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """A generator that gives other numbers in every run."""
        return cls(state=[np.random.SeedSequence().entropy % 2**63])  # type: ignore[operator]

    @classmethod
    def from_state(cls, state: Any, alg: Any = None) -> Generator:
        """A generator from numbers."""
        return cls(state=state)

    def reset_from_seed(self, seed: int) -> None:
        """Starts again from a seed."""
        self._random = np.random.default_rng([abs(int(seed))])

    def _seed(self) -> int:
        return int(self._random.integers(2**24))

    def uniform(
        self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", name: Any = None
    ) -> Value:
        """Values distributed evenly over [minval, maxval)."""
        return _drawn("uniform", shape, self._seed(), dtype, minval=minval, maxval=maxval)

    def normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", name: Any = None
    ) -> Value:
        """Normally distributed values."""
        return _drawn("normal", shape, self._seed(), dtype, mean=mean, stddev=stddev)

    def truncated_normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", name: Any = None
    ) -> Value:
        """Normally distributed values within two deviations."""
        return _drawn("truncated_normal", shape, self._seed(), dtype, mean=mean, stddev=stddev)

    def make_seeds(self, count: int = 1) -> Value:
        """Seeds for stateless functions: (2, count)."""
        return convert_to_tensor(self._random.integers(2**31, size=(2, count)))

    def split(self, count: int = 1) -> list[Generator]:
        """New generators."""
        return [Generator(state=[int(n)]) for n in self._random.integers(2**62, size=count)]


class _Global:
    generator: Generator | None = None


def get_global_generator() -> Generator:
    """A generator for the whole program."""
    if _Global.generator is None:
        _Global.generator = Generator.from_non_deterministic_state()
    return _Global.generator


def set_global_generator(generator: Generator) -> None:
    """Puts another one in its place."""
    _Global.generator = generator


class experimental:
    """``tf.random.experimental``."""

    Generator = Generator
    get_global_generator = staticmethod(get_global_generator)
    set_global_generator = staticmethod(set_global_generator)
    stateless_split = staticmethod(split)
    stateless_fold_in = staticmethod(fold_in)
    stateless_shuffle = staticmethod(stateless_shuffle)


__all__ = [
    "Generator", "experimental", "fold_in", "gamma", "get_global_generator", "poisson",
    "set_global_generator", "set_seed", "split", "stateless_categorical", "stateless_normal",
    "stateless_shuffle", "stateless_truncated_normal", "stateless_uniform",
]  # fmt: skip
