"""``python -m benchmarks soak --what train --minutes N``: mixed work for long, and what is held then.

What is done is in ``soak_training``, ``soak_predicting``, ``soak_loading`` and ``soak_serving``, each in a
process of its own. Memory, open files, threads and processes are looked at from outside, told once a minute,
and judged by their slope once caches are filled, which depends on the work that was done and not on the time.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .measuring import Row
from .serve_processes import Process

WORKS = ("train", "predict", "load", "serve")
#: What memory may grow by after the warm-up, by its slope; and handles, threads and processes each.
GROWTH_MIB, GROWTH = 8.0, 1.0
#: The part of the work in which caches and free lists fill, and how much work there has to be.
WARM_UP, LEAST = 1 / 4, 100
SHOWN_S, LOOK_S = 60.0, 0.5


@dataclass(frozen=True)
class Look:
    """What a process, with those that it started, holds at a time."""

    seconds: float
    resident: float
    handles: int
    threads: int
    processes: int
    work: int

    def __str__(self) -> str:
        held = f"{self.handles} handles, {self.threads} threads, {self.processes} processes"
        return f"{self.seconds:.0f} s, {self.work} pieces of work: {self.resident:.1f} MiB, {held}"


Work = tuple[Process, Callable[[], Counter[str]], Callable[[str], bool]]
"""The process, a round of its work, which tells what came of it, and which of that are faults."""


def rows(minutes: float = 1.0, what: Sequence[str] = WORKS) -> Iterator[Row]:
    """Each kind of work for so many minutes.

    Args:
        minutes: of each.
        what: of ``WORKS``.

    Raises:
        RuntimeError: if the process ends.
    """
    for kind in what:
        came: Counter[str] = Counter()
        with _serving() if kind == "serve" else working(kind) as (process, work, is_fault):
            looks = list(_looks(process, work, came, 60 * minutes))
        yield from judged(kind, looks, came, sum(n for code, n in came.items() if is_fault(code)))


def _serving() -> contextlib.AbstractContextManager[Work]:
    from .soak_serving import serving  # which needs the packages of a server

    return serving()


@contextlib.contextmanager
def working(kind: str) -> Iterator[Work]:
    """A process that works when it is asked to."""
    with Process("-m", f"benchmarks.soak_{kind}ing") as process:
        yield process, lambda: Counter(process.ask({})), lambda code: code.startswith("fault")


def _looks(
    process: Process, work: Callable[[], Counter[str]], came: Counter[str], seconds: float
) -> Iterator[Look]:
    start = shown = looked = time.monotonic()
    while (now := time.monotonic()) - start < seconds:
        came.update(work())
        if not process.alive:
            raise RuntimeError("the process has ended")
        if now - looked < LOOK_S and now - start > LOOK_S:
            continue
        looked = now
        held = process.resident_mib, process.handles, process.threads, process.descendants
        look = Look(now - start, *held, sum(came.values()))
        if now - shown > SHOWN_S:
            shown = now
            print(f"  {look}", file=sys.stderr, flush=True)
        yield look


def judged(kind: str, looks: Sequence[Look], came: Counter[str], faults: int) -> Iterator[Row]:
    """What a soak found: faults, and what is held more and more."""
    length = f"{looks[-1].seconds / 60:.1f} minutes"
    topic = f"soak: {kind}"
    listed = ", ".join(f"{code}: {count:,}" for code, count in sorted(came.items()))
    yield Row(
        topic, f"{length}, {sum(came.values()):,} pieces of work ({listed}): faults", faults, "", target=0
    )
    if looks[-1].work < LEAST:
        yield Row(topic, "too little work to judge by", looks[-1].work, "", target=LEAST, at_least=True)
        return
    settled = [look for look in looks if look.work >= WARM_UP * looks[-1].work]
    hours = (settled[-1].seconds - settled[0].seconds) / 3600
    curve = " ".join(f"{look.resident:.0f}" for look in looks[:: max(1, len(looks) // 8)])
    grown = slope(settled, "resident") * hours
    what = f"memory after the warm-up, by its slope ({curve} MiB)"
    yield Row(topic, what, grown, "MiB", target=GROWTH_MIB)
    for name in ("handles", "threads", "processes"):
        median = statistics.median(getattr(look, name) for look in settled)
        what = f"{name} after the warm-up, by their slope (half of the time up to {median:.0f})"
        yield Row(topic, what, slope(settled, name) * hours, "", target=GROWTH)


def slope(looks: Sequence[Look], name: str) -> float:
    """Growth an hour, by least squares; 0 where there are too few looks."""
    if len(looks) < 2:
        return 0.0
    hours = [look.seconds / 3600 for look in looks]
    return statistics.linear_regression(hours, [getattr(look, name) for look in looks]).slope
