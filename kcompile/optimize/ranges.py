"""Calibration: the range that each tensor between the layers is quantised over."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import onnx
from onnx import helper

from ..progress import report
from .errors import OptimizeError
from .running import Runner, batch_size, fixed_batch
from .samples import Samples

Calibration = Literal["minmax", "percentile", "entropy"]
CALIBRATIONS: tuple[str, ...] = get_args(Calibration)

_BINS = 2048  # of magnitudes; twice as many of numbers with signs
_ELEMENTS = 1 << 16  # of a tensor that a histogram counts in one batch: evenly spaced ones
_STEP = 16  # bins between the ranges that entropy tries
_LEVELS = 128  # on either side of zero

Span = tuple[float, float]


class Ranges:
    """What the tensors of a prepared model hold on samples.

    Attributes:
        spans: (lowest, highest) by tensor.
        histograms: (counts, edges) by tensor; none where only "minmax", which needs none, was asked for.

    Args:
        prepared: the model.
        samples: what it is run on.
        calibration: "minmax" takes the least and the largest number, "percentile" leaves the outermost
            numbers out, "entropy" takes the range in which 8 bits keep most of the distribution (Migacz,
            "8-bit inference with TensorRT", 2017).
        percentile: of the numbers that "percentile" keeps.
    """

    def __init__(
        self,
        prepared: onnx.ModelProto,
        samples: Samples,
        calibration: Calibration = "minmax",
        percentile: float = 99.999,
    ) -> None:
        if calibration not in CALIBRATIONS:
            raise OptimizeError(f"calibration: expected {', '.join(CALIBRATIONS)}; found {calibration!r}.")
        if not 90 <= percentile <= 100:
            raise OptimizeError(f"percentile: expected a number from 90 to 100; found {percentile}.")
        self._model, self._samples, self._percentile = prepared, samples, percentile
        self.extremes = _extremes(prepared, samples)
        self.histograms: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._take(calibration)

    def by(self, calibration: Calibration) -> Ranges:
        """The same numbers' ranges by another calibration; nothing is counted twice."""
        other = copy.copy(self)
        other._take(calibration)
        self.histograms = other.histograms
        return other

    def _take(self, calibration: Calibration) -> None:
        self.calibration = calibration
        if calibration == "minmax":
            self.spans = self.extremes
            return
        self.histograms = self.histograms or _histograms(self._model, self._samples, self.extremes)
        if calibration == "percentile":
            self.spans = {name: _percentile(*f, self._percentile) for name, f in self.histograms.items()}
        else:
            self.spans = {name: _entropy(*found) for name, found in self.histograms.items()}

    def save(self, path: Path, fixed: Mapping[str, Span]) -> None:
        """Writes them as onnxruntime's tools read them, some replaced."""
        from onnxruntime.quantization import CalibrationMethod
        from onnxruntime.quantization.calibrate import TensorsData, save_tensors_data

        spans = {**self.spans, **fixed}
        data = {name: tuple(np.array(end, np.float32) for end in span) for name, span in spans.items()}
        save_tensors_data(TensorsData(CalibrationMethod.MinMax, data), path)


def activations(model: onnx.ModelProto) -> list[str]:
    """The names of what float32 tensors the nodes of a model read and write, weights left out."""
    graph = model.graph
    floats = {
        info.name
        for info in [*graph.value_info, *graph.input, *graph.output]
        if info.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    } - {initializer.name for initializer in graph.initializer}
    named = dict.fromkeys(name for node in graph.node for name in (*node.input, *node.output))
    return [name for name in named if name in floats]


def _extremes(prepared: onnx.ModelProto, samples: Samples) -> dict[str, Span]:
    """The least and the largest number of each activation. The model itself finds them, so that little more
    than one layer's numbers is held at a time."""
    names = activations(prepared)
    runner = Runner(_with_extremes(prepared, names), batch=batch_size(prepared))
    lowest, highest = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    total, done = len(samples), 0
    for found in runner.batches(samples):
        values = np.array([float(value) for value in found])
        lowest, highest = np.fmin(lowest, values[::2]), np.fmax(highest, values[1::2])
        done = min(total, done + runner.batch)
        report("calibrating", done / total)
    broken = [
        name
        for name, low, high in zip(names, lowest, highest, strict=True)
        if not np.isfinite([low, high]).all()
    ]
    if broken:
        raise OptimizeError(
            f"The model computes NaN or infinite numbers on the samples, first in {broken[0]!r}: no range "
            "can be taken of these."
        )
    return {name: (float(low), float(high)) for name, low, high in zip(names, lowest, highest, strict=True)}


def _with_extremes(prepared: onnx.ModelProto, names: list[str]) -> onnx.ModelProto:
    model = onnx.ModelProto()
    model.CopyFrom(prepared)
    del model.graph.output[:]
    for i, name in enumerate(names):
        for operator in ("ReduceMin", "ReduceMax"):
            output = f"kcompile.{operator}.{i}"
            model.graph.node.append(helper.make_node(operator, [name], [output], output, keepdims=0))
            model.graph.output.append(helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, []))
    return model


def _histograms(
    prepared: onnx.ModelProto, samples: Samples, extremes: Mapping[str, Span]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(counts, edges) of each activation, over the whole of its range."""
    names = list(extremes)
    counts = {name: np.zeros(2 * _BINS, np.int64) for name in names}
    edges = {name: np.histogram_bin_edges([], 2 * _BINS, _open(extremes[name])) for name in names}
    runner = Runner(prepared, names, batch=1 if fixed_batch(prepared) is None else None)
    total, done = len(samples), 0
    for found in runner.batches(samples):
        for name, array in zip(names, found, strict=True):
            flat = array.reshape(-1)[:: max(1, array.size // _ELEMENTS)]
            counts[name] += np.histogram(flat, 2 * _BINS, _open(extremes[name]))[0]
        done = min(total, done + runner.batch)
        report("counting", done / total)
    return {name: (counts[name], edges[name]) for name in names}


def _open(span: Span) -> Span:
    """A range that is wide enough for float32 to tell its bins apart."""
    low, high = span
    return low, max(high, low + 1e-2 * max(1e-4, abs(low), abs(high)))


def _percentile(counts: np.ndarray, edges: np.ndarray, percentile: float) -> Span:
    """The range without as many numbers at either end as half of what the percentile leaves out."""
    total = counts.sum()
    if not total:
        return float(edges[0]), float(edges[-1])
    part, last_bin = np.cumsum(counts) / total, len(counts) - 1
    outside = (100 - percentile) / 200
    first, last = int(np.searchsorted(part, outside, "right")), int(np.searchsorted(part, 1 - outside))
    return float(edges[min(first, last_bin)]), float(edges[min(last, last_bin) + 1])


def _entropy(counts: np.ndarray, edges: np.ndarray) -> Span:
    """The range, even on both sides of zero as far as there are numbers, of the least divergence between the
    numbers cut to it and those of its levels."""
    low, high = float(edges[0]), float(edges[-1])
    magnitude, largest = _magnitudes(counts, edges)
    levels = _LEVELS * (1 if low < 0 < high else 2)
    tried = range(levels, _BINS + 1, _STEP)
    best = int(np.argmin([_divergence(magnitude, bins, levels) for bins in tried]))
    threshold = largest * tried[best] / _BINS
    return max(low, -threshold), min(high, threshold)


def _magnitudes(counts: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, float]:
    """The histogram of the numbers without their signs, and where it ends. Zeros, which any range keeps,
    count no more than their neighbours."""
    middles = np.abs((edges[:-1] + edges[1:]) / 2)
    largest = float(max(abs(edges[0]), abs(edges[-1])))
    folded, _ = np.histogram(middles, _BINS, (0, largest), weights=counts)
    folded[0] = min(folded[0], folded[1])
    return folded, largest


def _divergence(histogram: np.ndarray, bins: int, levels: int) -> float:
    """Kullback and Leibler's, of the first bins (with all others in the last) from their quantised form."""
    kept = histogram[:bins]
    cut = kept.copy()
    cut[-1] += histogram[bins:].sum()
    group = np.arange(bins) * levels // bins
    filled = kept > 0
    share = np.bincount(group, kept, levels) / np.maximum(1, np.bincount(group, filled, levels))
    quantised = np.where(filled, share[group], 0.0)
    if not cut.sum() or not quantised.sum():
        return np.inf
    p, q = cut / cut.sum(), np.maximum(quantised / quantised.sum(), 1e-9)
    there = p > 0
    return float((p[there] * np.log(p[there] / q[there])).sum())
