"""The seed of random numbers that a running graph draws, kept for a back end that is not loaded yet."""

from __future__ import annotations

_seed: int | None = None


def remember_seed(seed: int) -> None:
    """Keeps a seed for the back end that draws, until it is loaded."""
    global _seed
    _seed = seed


def take_seed() -> int | None:
    """The seed that was kept, once; None if there is none."""
    global _seed
    seed, _seed = _seed, None
    return seed
