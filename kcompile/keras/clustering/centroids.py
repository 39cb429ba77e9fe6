"""Where the values begin that weights are to share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def linear(weights: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """At equal distances from the least weight to the largest."""
    return np.linspace(weights.min(), weights.max(), count)


def drawn(weights: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Anywhere between the least weight and the largest."""
    return random.uniform(weights.min(), weights.max(), count)


def by_density(weights: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """So that as many weights lie between one and the next."""
    return np.quantile(weights, np.linspace(0, 1, count))


def far_apart(weights: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Weights, each drawn by the square of its distance to those before (k-means++, Arthur and Vassilvitskii
    2007)."""
    found = [random.choice(weights)]
    distances = np.square(weights - found[0])
    while len(found) < count:
        total = distances.sum()
        chances = None if total == 0 else distances / total
        found.append(random.choice(weights, p=chances))
        distances = np.minimum(distances, np.square(weights - found[-1]))
    return np.array(found)


RULES: dict[str, Callable[[np.ndarray, int, np.random.Generator], np.ndarray]] = {
    "LINEAR": linear,
    "RANDOM": drawn,
    "DENSITY_BASED": by_density,
    "KMEANS_PLUS_PLUS": far_apart,
}


def first_centroids(weights: np.ndarray, count: int, rule: str, with_zero: bool) -> np.ndarray:
    """The values to begin with, in ascending order.

    Args:
        weights: of any shape.
        rule: a key of ``RULES``.
        with_zero: whether 0 is one of them, in the place of the one nearest to it.
    """
    random = np.random.default_rng(np.random.randint(2**31))
    found = np.sort(RULES[rule](weights.reshape(-1).astype(np.float64), count, random))
    if with_zero:
        found[np.abs(found).argmin()] = 0.0
    return np.sort(found).astype(weights.dtype)
