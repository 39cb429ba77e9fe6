"""Classes drawn as negative examples: ``tf.random.log_uniform_candidate_sampler`` and its like, at once.

"Candidate Sampling Algorithms Reference" (TensorFlow) says what they give. The numbers are not TensorFlow's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...ir import Value
from ..tensorflow.tensors import convert_to_tensor


class Candidates(NamedTuple):
    """What a sampler returns.

    Attributes:
        sampled_candidates: (num_sampled,) int64.
        true_expected_count: how often each of ``true_classes`` is to be expected among them, in their shape.
        sampled_expected_count: (num_sampled,), the same of what was drawn.
    """

    sampled_candidates: Value
    true_expected_count: Value
    sampled_expected_count: Value


def uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: Any = None,
    name: Any = None,
) -> Candidates:  # fmt: skip
    """Classes below ``range_max``, each as likely as any other; see ``log_uniform_candidate_sampler``."""
    draw = lambda rng, count: rng.integers(0, range_max, count)  # noqa: E731
    share = lambda classes: np.full(np.shape(classes), 1.0 / range_max)  # noqa: E731
    return _sampled(draw, share, true_classes, num_sampled, unique, range_max, seed)


def log_uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: Any = None,
    name: Any = None,
) -> Candidates:  # fmt: skip
    """Classes below ``range_max``, class k with probability log((k + 2) / (k + 1)) / log(range_max + 1).

    Args:
        true_classes: (batch, num_true) whole numbers.
        num_sampled: how many are drawn.
        unique: whether none is drawn twice.

    Raises:
        ValueError: for more unique classes than there are.
    """
    whole = np.log1p(range_max)

    def draw(rng: np.random.Generator, count: int) -> np.ndarray:
        found = np.exp(rng.random(count) * whole).astype(np.int64) - 1
        return np.minimum(found, range_max - 1)

    def share(classes: np.ndarray) -> np.ndarray:
        return np.log((classes + 2.0) / (classes + 1.0)) / whole

    return _sampled(draw, share, true_classes, num_sampled, unique, range_max, seed)


def fixed_unigram_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, vocab_file: Any = "",
    distortion: float = 1.0, num_reserved_ids: int = 0, num_shards: int = 1, shard: int = 0,
    unigrams: Any = (), seed: Any = None, name: Any = None,
) -> Candidates:  # fmt: skip
    """Classes below ``range_max`` by the frequencies ``unigrams``, to the power ``distortion``; see
    ``log_uniform_candidate_sampler``.

    Raises:
        NotImplementedError: for a file of frequencies, or a part of the classes.
    """
    if vocab_file or num_shards != 1:
        raise NotImplementedError("fixed_unigram_candidate_sampler takes `unigrams`, of all classes, here.")
    weights = np.concatenate([np.zeros(num_reserved_ids), np.asarray(unigrams, float) ** distortion])
    shares = weights / weights.sum()
    draw = lambda rng, count: rng.choice(len(shares), count, p=shares)  # noqa: E731
    return _sampled(draw, lambda classes: shares[classes], true_classes, num_sampled, unique, range_max, seed)


def _sampled(
    draw: Callable[[np.random.Generator, int], np.ndarray],
    share: Callable[[np.ndarray], np.ndarray],
    true_classes: Any,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: Any,
) -> Candidates:
    """Draws, and says what is to be expected."""
    if unique and num_sampled > range_max:
        raise ValueError(f"{num_sampled} unique classes of {range_max} cannot be drawn.")
    rng = np.random.default_rng(np.random.randint(2**31) if seed is None else abs(int(seed)))
    found, tries = draw(rng, num_sampled), num_sampled
    if unique:
        found, tries = _unique(draw, rng, num_sampled)

    def expected(classes: np.ndarray) -> Value:
        shares = share(classes)
        count = -np.expm1(tries * np.log1p(-shares)) if unique else shares * num_sampled
        return convert_to_tensor(count.astype(np.float32))

    classes = np.asarray(convert_to_tensor(true_classes), np.int64)
    found = found.astype(np.int64)
    return Candidates(convert_to_tensor(found), expected(classes), expected(found))


def _unique(draw: Callable[..., np.ndarray], rng: np.random.Generator, count: int) -> tuple[np.ndarray, int]:
    """So many different classes in the order in which they were drawn, and how many draws that took."""
    drawn = draw(rng, 2 * count)
    while len(set(drawn.tolist())) < count:
        drawn = np.concatenate([drawn, draw(rng, len(drawn))])
    first = np.sort(np.unique(drawn, return_index=True)[1])[:count]
    return drawn[first], int(first[-1]) + 1 if count else 0


__all__ = [
    "fixed_unigram_candidate_sampler", "log_uniform_candidate_sampler", "uniform_candidate_sampler",
]  # fmt: skip
