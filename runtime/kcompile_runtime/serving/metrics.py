"""What Prometheus reads at ``/metrics``."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from .repository import Repository
from .statistics import BUCKETS, Duration, Statistics

_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_LABELS = ["model", "version"]


class Metrics:
    """Collects from the models when it is asked; between, it counts refusals by status."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.refusals: Counter[str] = Counter()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(self)

    def text(self) -> bytes:
        """The page."""
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Names are not looked at before there is something to collect."""
        return []

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        refused = CounterMetricFamily(
            "kcompile_refusals", "Requests not answered with tensors", labels=["status"]
        )
        for status, count in sorted(self.refusals.items()):
            refused.add_metric([status], count)
        yield refused
        batchers = self._repository.batchers()
        yield GaugeMetricFamily("kcompile_models", "Versions of models that serve", value=len(batchers))
        counts = {
            "kcompile_requests": ("Requests answered", lambda s: s.success.count),
            "kcompile_failures": ("Requests that failed in a run", lambda s: s.fail.count),
            "kcompile_samples": ("Samples computed", lambda s: s.samples),
            "kcompile_runs": ("Runs of onnxruntime", lambda s: s.runs),
        }
        for name, (title, read) in counts.items():
            family = CounterMetricFamily(name, title, labels=_LABELS)
            for batcher in batchers:
                family.add_metric([batcher.model.name, batcher.model.version], read(batcher.statistics))
            yield family
        waiting = GaugeMetricFamily("kcompile_queue", "Requests that wait", labels=_LABELS)
        sessions = GaugeMetricFamily("kcompile_sessions", "Sequences with states", labels=_LABELS)
        queued = HistogramMetricFamily("kcompile_queue_seconds", "Time in the queue", labels=_LABELS)
        computed = HistogramMetricFamily("kcompile_compute_seconds", "Time of the run", labels=_LABELS)
        joined = HistogramMetricFamily("kcompile_batch_samples", "Samples of a run", labels=_LABELS)
        for batcher in batchers:
            labels = [batcher.model.name, batcher.model.version]
            _add_sizes(joined, labels, batcher.statistics)
            waiting.add_metric(labels, batcher.queued)
            sessions.add_metric(labels, len(batcher.sessions))
            _add(queued, labels, batcher.statistics.queue)
            _add(computed, labels, batcher.statistics.compute)
        yield from (waiting, sessions, queued, computed, joined)


def _add(family: HistogramMetricFamily, labels: list[str], duration: Duration) -> None:
    bounds = [*map(str, BUCKETS), "+Inf"]
    cumulative = itertools.accumulate(duration.buckets)
    family.add_metric(labels, list(zip(bounds, cumulative, strict=True)), duration.seconds)


def _add_sizes(family: HistogramMetricFamily, labels: list[str], statistics: Statistics) -> None:
    runs = [(size, duration.count) for size, duration in statistics.batches.items()]
    up_to = [(str(bound), sum(count for size, count in runs if size <= bound)) for bound in _SIZES]
    family.add_metric(labels, [*up_to, ("+Inf", sum(count for _, count in runs))], sum(map(math.prod, runs)))
