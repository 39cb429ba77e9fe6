"""How long calls take, compared fairly."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcompile_runtime.session_settings import processors

Run = Callable[[], Any]

_SHORT_S = 2e-3  # calls that are shorter are timed several at once
_LEAST_ROUNDS = 5
_BUSY = 1.5  # processes that want to run, for each processor


@dataclass(frozen=True)
class Step:
    """One thing that was tried, next to the best until then.

    Attributes:
        what: ``2 threads``.
        seconds: of a run with it.
        before: of a run without it, measured in turns.
        kept: whether it was faster by more than noise.
    """

    what: str
    seconds: float
    before: float
    kept: bool


def side_by_side(runs: Mapping[str, Run], seconds: float = 1.0) -> dict[str, float]:
    """Seconds of a call of each: the mean over the fastest quarter, since others disturb the slower ones.

    They are called in turns, so that what else the machine does meanwhile falls on all of them alike.

    Args:
        runs: what to call, by name.
        seconds: for measuring each of them, about; five rounds at least.
    """
    return {name: typical(times) for name, times in _rounds(runs, seconds).items()}


def step(what: str, before: Run, with_: Run, seconds: float, least_gain: float) -> Step:
    """One thing tried next to the best until then.

    It is kept if it is faster by more than ``least_gain`` (0.01 is 1 %) both in the mean of the fastest
    quarters and in three of four turns: what others do meanwhile seldom favours one of two in both.
    """
    taken = _rounds({"before": before, "with": with_}, seconds)
    first, second = (typical(times) for times in taken.values())
    ratios = [b / a for a, b in zip(taken["before"], taken["with"], strict=True)]
    most = sorted(ratios)[3 * len(ratios) // 4]
    return Step(what, second, first, max(second / first, most) < 1 - least_gain)


def _rounds(runs: Mapping[str, Run], seconds: float) -> dict[str, list[float]]:
    """Seconds of a call in each turn."""
    repeats = {name: _repeats(run) for name, run in runs.items()}
    taken: dict[str, list[float]] = {name: [] for name in runs}
    end = time.perf_counter() + seconds * len(runs)
    rounds = 0
    while rounds < _LEAST_ROUNDS or time.perf_counter() < end:
        for name, run in runs.items():
            taken[name].append(_timed(run, repeats[name]))
        rounds += 1
    return taken


def seconds_of(run: Run, seconds: float = 1.0) -> float:
    """Seconds of a call, as `side_by_side` takes them."""
    return side_by_side({"": run}, seconds)[""]


def fastest(run: Run, seconds: float = 0.5) -> float:
    """Seconds of the fastest call."""
    run()
    taken, end = [_timed(run, 1)], time.perf_counter() + seconds
    while time.perf_counter() < end:
        taken.append(_timed(run, 1))
    return min(taken)


def typical(times: Sequence[float]) -> float:
    """The mean of the fastest quarter; 0 of none."""
    return statistics.fmean(sorted(times)[: (len(times) + 3) // 4]) if times else 0.0


def about_load() -> str:
    """That the machine has more to do than it can, which times suffer from; empty where it has not."""
    if not hasattr(os, "getloadavg"):
        return ""
    load, count = os.getloadavg()[0], processors()
    if load <= _BUSY * count:
        return ""
    return (
        f"The machine is busy (a load of {load:.0f} on {count} processors): times are too long, and "
        "comparisons uncertain. Measure again when it is not."
    )


def _repeats(run: Run) -> int:
    """After the first call, which may prepare something: how many calls one reading of the clock is for."""
    run()
    return max(1, min(1000, int(_SHORT_S / max(_timed(run, 1), 1e-9))))


def _timed(run: Run, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats
