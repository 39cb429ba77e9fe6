"""What a report of a quantised model shows besides: time side by side, histograms, the report itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import onnx

from .ranges import Ranges
from .report import Bars, Column, Fact, Facts, Histogram, Notes, Part, Report, Table
from .running import Runner
from .samples import Samples
from .timing import side_by_side

if TYPE_CHECKING:
    from .quantized import Quantized

_BATCHES = (1, 8, 32)
_SECONDS = 0.4  # for each model and batch
_HISTOGRAMS, _BINS = 24, 64


@dataclass(frozen=True)
class Speed:
    """Seconds of one run.

    Attributes:
        batch: samples in it.
        before, after: of the float32 model and of the other one, measured in turns.
    """

    batch: int
    before: float
    after: float


@dataclass(frozen=True)
class Spread:
    """What a tensor held on the samples.

    Attributes:
        tensor: its name.
        counts, edges: of a histogram.
        low, high: the range that it is quantised over.
    """

    tensor: str
    counts: list[int]
    edges: list[float]
    low: float
    high: float


def speeds(before: onnx.ModelProto, after: onnx.ModelProto, samples: Samples) -> list[Speed]:
    """Of runs of 1, 8 and 32 samples, or of as many as the model fixes."""
    runners = {"before": Runner(before), "after": Runner(after)}
    fixed = runners["before"].fixed
    found = []
    for batch in _BATCHES if fixed is None else (fixed,):
        feed = samples.first(batch)
        runs = {name: partial(runner.run, feed) for name, runner in runners.items()}
        taken = side_by_side(runs, _SECONDS)
        found.append(Speed(batch, taken["before"], taken["after"]))
    return found


def spreads(
    ranges: Ranges, prepared: onnx.ModelProto, tensors: Iterable[str], samples: Samples
) -> list[Spread]:
    """Of these tensors, where ranges of them were taken."""
    wanted = [name for name in dict.fromkeys(tensors) if name in ranges.spans][:_HISTOGRAMS]
    counted = ranges.histograms or Ranges(prepared, samples, "percentile").histograms
    found = []
    for name in wanted:
        counts, edges = counted[name]
        step = len(counts) // _BINS
        low, high = ranges.spans[name]
        coarse = counts.reshape(_BINS, step).sum(1)
        found.append(Spread(name, coarse.tolist(), edges[::step].tolist(), low, high))
    return found


def report_of(result: Quantized, title: str) -> Report:
    """The report of one quantised model."""
    kept = len(result.float_layers)
    size = [Fact("before", result.bytes_before, "B"), Fact("after", result.bytes_after, "B")]
    share = Fact("share", result.bytes_after / result.bytes_before, "%")
    done = Fact("layers in fewer bits", f"{len(result.layers) - kept} of {len(result.layers)}")
    parts: list[Part] = [Facts(f"File: {result.method}", [*size, share, done])]
    parts += _quality(result)
    parts += _times(result)
    if kept:
        rows = [(layer.name, ", ".join(layer.operators), layer.reason) for layer in result.float_layers]
        parts.append(Table("Layers in float32", [Column("layer"), Column("operators"), Column("why")], rows))
    parts += _layers(result)
    parts += [_histogram(spread) for spread in result.spreads]
    return Report(title, parts)


def _quality(result: Quantized) -> list[Part]:
    columns = [Column("output"), Column("signal over noise", "dB"), Column("largest difference", "%")]
    rows = [(one.name, one.sqnr, one.largest) for one in result.differences]
    parts: list[Part] = [Table("Outputs", columns, rows)] if rows else []
    if result.unproved:
        parts.append(Notes("Outputs were not compared", [result.unproved]))
    if (found := result.measured) is not None:
        facts = [Fact("before", found.before), Fact("after", found.after), Fact("drop", found.drop)]
        if found.max_drop is not None:
            facts += [Fact("allowed", found.max_drop), Fact("held", found.held)]
        parts.append(Facts(f"{found.metric} on {found.samples} samples", facts))
        if len(found.tried) > 1:
            tried = [Column("layers in float32"), Column(found.metric)]
            parts.append(Table("Tried", tried, found.tried))
    return parts


def _times(result: Quantized) -> list[Part]:
    if not result.speeds:
        return []
    columns = [
        Column("batch"),
        Column("float32", "s"),
        Column(result.method, "s"),
        Column("as fast", "x"),
        Column("throughput", "samples/s"),
    ]
    rows = [(s.batch, s.before, s.after, s.before / s.after, s.batch / s.after) for s in result.speeds]
    return [Table("Time of one run, measured in turns", columns, rows)]


def _layers(result: Quantized) -> list[Part]:
    if not result.sensitivities:
        return []
    names = [one.layer for one in result.sensitivities]
    moved = {"change": [one.change for one in result.sensitivities]}
    noise = {"signal over noise": [min(one.sqnr, 200.0) for one in result.sensitivities]}
    return [
        Bars("How far the model's outputs move if a layer alone is quantised", names, moved, "%"),
        Bars("Its own output then", names, noise, "dB"),
    ]


def _histogram(spread: Spread) -> Histogram:
    counts = np.log10(1 + np.array(spread.counts, np.float64))
    marks = {"low": spread.low, "high": spread.high}
    return Histogram(f"{spread.tensor} (logarithm of counts)", spread.edges, counts.tolist(), marks)
