"""Ranges for static quantisation: of the ways to take them the one that moves outputs on samples least."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from ..progress import report
from . import quantizing
from .equalization import equalized
from .ranges import Calibration, Ranges
from .running import Runner
from .samples import Samples
from .scoring import sqnr

_NARROWER: tuple[Calibration, ...] = ("percentile", "entropy")
_COMPARED = 64  # samples on which outputs are compared
_WORTH = 0.1
"""Decibels that a range without the outermost numbers has to gain: on other samples these may be more."""


@dataclass(frozen=True)
class Calibrating:
    """How ranges are taken.

    Attributes:
        calibration: see ``Ranges``; None for the one of least noise.
        percentile: of the numbers that "percentile" keeps.
        equalize: whether channels between layers are brought to like ranges; None where that has less noise.
    """

    calibration: Calibration | None
    percentile: float
    equalize: bool | None


@dataclass(frozen=True)
class Calibrated:
    """What came of it.

    Attributes:
        base: the float32 model that the ranges are of.
        ranges: of its tensors.
        equalized: whether channels of the base were brought to like ranges.
    """

    base: onnx.ModelProto
    ranges: Ranges
    equalized: bool


def calibrated(
    source: onnx.ModelProto,
    base: onnx.ModelProto,
    samples: Samples,
    how: Calibrating,
    reduce_range: bool,
) -> Calibrated:
    """Tries what ``how`` leaves open, one after the other: first whether to equalize, then the range.

    Args:
        source: whose outputs are to be kept.
        base: the same, prepared.
        samples: ranges are taken of all of them, outputs compared on a few.
        reduce_range: whether weights have 7 bits.
    """
    first = how.calibration or "minmax"
    other = None if how.equalize is False else equalized(base, samples)
    tried = []
    if other is None or not how.equalize:
        tried.append(Calibrated(base, Ranges(base, samples, first, how.percentile), False))
    if other is not None:
        tried.append(Calibrated(other, Ranges(other, samples, first, how.percentile), True))
    if len(tried) == 1 and how.calibration:
        return tried[0]
    noise = _Noise(source, samples, reduce_range)
    best, least = tried[0], noise.of(tried[0])
    for candidate in tried[1:]:
        if (found := noise.of(candidate)) < least:
            best, least = candidate, found
    for calibration in _NARROWER if how.calibration is None else ():
        report(f"trying {calibration}")
        candidate = Calibrated(best.base, best.ranges.by(calibration), best.equalized)
        if (found := noise.of(candidate)) < least - _WORTH:
            best, least = candidate, found
    return best


class _Noise:
    """How far outputs on some of the samples are from a model's."""

    def __init__(self, source: onnx.ModelProto, samples: Samples, reduce_range: bool) -> None:
        self.few, self.reduce_range = samples.subset(_COMPARED), reduce_range
        self.expected = Runner(source).outputs(self.few)

    def of(self, tried: Calibrated) -> float:
        """The most that an output lost, in decibels below zero."""
        made = quantizing.static(tried.base, tried.ranges, reduce_range=self.reduce_range)
        pairs = zip(self.expected, Runner(made).outputs(self.few), strict=True)
        return max(-sqnr(expected, got) for expected, got in pairs)
