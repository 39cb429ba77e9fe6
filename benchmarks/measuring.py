"""Timing two things in turn, and the rows of the table."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Work = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        topic: the group of rows.
        what: what was measured.
        ours: our figure, in ``unit``.
        other: the figure of what it is compared with, or None.
        unit: "ms", "s", "MiB", "KiB" or "/s".
        ratio: ours to the other's, or None.
        target: the largest ratio (or figure, where there is no other) that is wanted, or None.
        at_least: whether the target is the smallest instead, as for rates.
        noise: of the ratio, see ``noise_of``: in 19 of 20 measurements it lies no farther away, so the ratio
            stands for the interval from ``ratio - noise`` to ``ratio + noise``.
    """

    topic: str
    what: str
    ours: float
    unit: str
    other: float | None = None
    ratio: float | None = None
    target: float | None = None
    at_least: bool = False
    noise: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached, or lies in the ratio's interval; None without one."""
        return True if self.within_noise else self.reached_by_ratio

    @property
    def reached_by_ratio(self) -> bool | None:
        """Whether the ratio itself (or the figure, where there is none) reaches the target."""
        if self.target is None:
            return None
        found = self.ours if self.ratio is None else self.ratio
        return found >= self.target if self.at_least else found <= self.target

    @property
    def within_noise(self) -> bool:
        """Whether the ratio misses the target by no more than its noise: another measurement may not."""
        if self.reached_by_ratio is not False or self.ratio is None or self.noise is None:
            return False
        assert self.target is not None
        return abs(self.ratio - self.target) <= self.noise


@dataclass(frozen=True)
class Pair:
    """Seconds per call of two pieces of work, and the median over the rounds of the ratio within a round.

    ``noise`` is how far from it the median of other such rounds would lie, in 19 of 20 measurements.
    """

    ours: float
    other: float
    ratio: float
    noise: float | None = None


def pair_row(topic: str, what: str, pair: Pair, target: float | None = None) -> Row:
    """A line of the table for two pieces of work, in milliseconds."""
    return Row(topic, what, 1e3 * pair.ours, "ms", 1e3 * pair.other, pair.ratio, target, noise=pair.noise)


_REST = 0.03


def compare(
    ours: Work, other: Work, rounds: int = 40, round_seconds: float = 0.02, most_seconds: float = 8.0
) -> Pair:
    """Times two pieces of work in turn.

    Args:
        ours, other: called again and again; warmed up first.
        rounds: how often the turn changes; who begins alternates.
        round_seconds: about how long each works in a round.
        most_seconds: on a busy machine the rounds end after this time, but not before five.
    """
    return compare_each(ours, [other], rounds, round_seconds, most_seconds)[0]


def compare_each(
    ours: Work, others: Sequence[Work], rounds: int, round_seconds: float, most_seconds: float
) -> list[Pair]:
    """One piece of work next to each of several, which all have a turn in each round; as ``compare``."""
    works = [ours, *others]
    calls = [_calls(work, round_seconds) for work in works]
    turns = list(range(len(works)))
    times: list[list[float]] = []
    end = time.perf_counter() + most_seconds
    gc.collect()
    gc.disable()
    try:
        for i in range(rounds):
            if i >= 5 and time.perf_counter() > end:
                break
            found = {k: _turn(works[k], calls[k]) for k in (reversed(turns) if i % 2 else turns)}
            times.append([found[k] for k in turns])
    finally:
        gc.enable()
    pairs = []
    for k in turns[1:]:
        ratios = [found[0] / found[k] for found in times]
        ours_s, other_s = (statistics.median(found[i] for found in times) for i in (0, k))
        pairs.append(Pair(ours_s, other_s, statistics.median(ratios), noise_of(ratios)))
    return pairs


def noise_of(ratios: Sequence[float]) -> float:
    """How far from the median of these the median of as many others lies, in 19 of 20 measurements.

    The deviation is taken of the distances from the median, which single rounds out of line do not move; that
    of a median is a quarter more than that of a mean.
    """
    middle = statistics.median(ratios)
    deviation = 1.4826 * statistics.median(abs(ratio - middle) for ratio in ratios)
    return 1.96 * 1.2533 * deviation / len(ratios) ** 0.5


def median_time(work: Work, repeats: int) -> float:
    """Seconds per call, the median of single calls after one to warm up."""
    work()
    return statistics.median(_time(work, 1) for _ in range(repeats))


def _calls(work: Work, seconds: float) -> int:
    """How many calls take about that long, after warming up."""
    for _ in range(3):
        work()
    return max(1, round(seconds / max(1e-7, min(_time(work, 1) for _ in range(3)))))


def _turn(work: Work, calls: int) -> float:
    """Seconds per call, once the threads of whoever worked before are asleep: a pool that still spins while
    it waits for work would take a core away."""
    time.sleep(_REST)
    work()
    return _time(work, calls)


def _time(work: Work, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - start) / calls
