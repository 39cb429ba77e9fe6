"""Counts of one model, as the protocol's statistics extension tells them."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

_MOST_SIZES = 512
"""Of runs that are counted apart: clients choose them."""


class Statistics:
    """What was asked and how long it took. Used on the event loop alone."""

    def __init__(self) -> None:
        self.last_ms = 0
        self.samples = 0
        self.runs = 0
        self.success, self.fail, self.queue, self.compute = Duration(), Duration(), Duration(), Duration()
        self.batches: dict[int, Duration] = {}

    def ran(self, samples: int, seconds: float) -> None:
        """One run of the model ended."""
        self.last_ms = int(time.time() * 1000)
        self.runs += 1
        if samples in self.batches or len(self.batches) < _MOST_SIZES:
            self.batches.setdefault(samples, Duration()).add(seconds)

    def answered(self, samples: int, queued: Sequence[float], computed: float) -> None:
        """Requests of one run were answered: the seconds that each had waited, and those of the run."""
        self.samples += samples
        self.success.add(*[seconds + computed for seconds in queued])
        self.queue.add(*queued)
        self.compute.add(*[computed] * len(queued))

    def failed(self, queued: Sequence[float], computed: float) -> None:
        """Requests of one run failed."""
        self.fail.add(*[seconds + computed for seconds in queued])

    def described(self, name: str, version: str) -> dict[str, Any]:
        """The entry of ``model_stats``."""
        none = Duration().described()
        return {
            "name": name,
            "version": version,
            "last_inference": self.last_ms,
            "inference_count": self.samples,
            "execution_count": self.runs,
            "inference_stats": {
                "success": self.success.described(),
                "fail": self.fail.described(),
                "queue": self.queue.described(),
                "compute_input": none,
                "compute_infer": self.compute.described(),
                "compute_output": none,
            },
            "batch_stats": [
                {
                    "batch_size": size,
                    "compute_input": none,
                    "compute_infer": duration.described(),
                    "compute_output": none,
                }
                for size, duration in sorted(self.batches.items())
            ],
        }


BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds up to which durations are counted together."""


class Duration:
    """How often, how long in all, and how often up to each of ``BUCKETS`` (and beyond)."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)

    def add(self, *durations: float) -> None:
        """Once more for each."""
        self.count += len(durations)
        self.seconds += sum(durations)
        buckets = self.buckets
        for seconds in durations:
            buckets[bisect_left(BUCKETS, seconds)] += 1

    def described(self) -> dict[str, int]:
        """As the protocol has it."""
        return {"count": self.count, "ns": int(self.seconds * 1e9)}
