"""How long calls take, compared fairly."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

Run = Callable[[], Any]

_SHORT_S = 2e-3  # calls that are shorter are timed several at once
_LEAST_ROUNDS = 5


def side_by_side(runs: Mapping[str, Run], seconds: float = 1.0) -> dict[str, float]:
    """The median seconds of a call of each.

    They are called in turns, so that what else the machine does meanwhile falls on all of them alike.

    Args:
        runs: what to call, by name.
        seconds: for measuring each of them, about; five rounds at least.
    """
    repeats = {name: _repeats(run) for name, run in runs.items()}
    taken: dict[str, list[float]] = {name: [] for name in runs}
    end = time.perf_counter() + seconds * len(runs)
    rounds = 0
    while rounds < _LEAST_ROUNDS or time.perf_counter() < end:
        for name, run in runs.items():
            taken[name].append(_timed(run, repeats[name]))
        rounds += 1
    return {name: statistics.median(times) for name, times in taken.items()}


def median_seconds(run: Run, seconds: float = 1.0) -> float:
    """The median seconds of a call."""
    return side_by_side({"": run}, seconds)[""]


def _repeats(run: Run) -> int:
    """After the first call, which may prepare something: how many calls one reading of the clock is for."""
    run()
    return max(1, min(1000, int(_SHORT_S / max(_timed(run, 1), 1e-9))))


def _timed(run: Run, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats
