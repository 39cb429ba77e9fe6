"""How good a model is on samples, and how far another one's outputs are from its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx

from .errors import OptimizeError
from .running import Runner
from .samples import Samples, SamplesError

Score = Callable[[np.ndarray, np.ndarray], float]


def accuracy(labels: np.ndarray, outputs: np.ndarray) -> float:
    """The part of the labels that is the largest output; of outputs of one number, that is on its side of the
    middle (0.5 of probabilities, 0 of others)."""
    classes = _classes(labels, outputs)
    if outputs.shape[-1] == 1:
        middle = 0.5 if outputs.min(initial=0) >= 0 and outputs.max(initial=0) <= 1 else 0.0
        return float(np.mean((outputs[..., 0] > middle) == (classes > 0.5)))
    return float(np.mean(outputs.argmax(-1) == classes))


def top_5(labels: np.ndarray, outputs: np.ndarray) -> float:
    """The part of the labels that is among the five largest outputs."""
    best = np.argsort(outputs, -1)[..., -5:]
    return float(np.mean((best == _classes(labels, outputs)[..., None]).any(-1)))


def mean_absolute_error(labels: np.ndarray, outputs: np.ndarray) -> float:
    """The mean distance of outputs from labels of their shape."""
    return float(np.abs(_like(labels, outputs) - outputs).mean())


def mean_squared_error(labels: np.ndarray, outputs: np.ndarray) -> float:
    """The mean squared distance of outputs from labels of their shape."""
    return float(np.square(_like(labels, outputs) - outputs, dtype=np.float64).mean())


#: name -> (function, whether more is better)
METRICS: dict[str, tuple[Score, bool]] = {
    "accuracy": (accuracy, True),
    "top_5": (top_5, True),
    "mae": (mean_absolute_error, False),
    "mse": (mean_squared_error, False),
}


def _classes(labels: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Labels as numbers of classes (samples, ...), from such or from one-hot vectors."""
    if labels.shape == outputs.shape and outputs.shape[-1] > 1:
        return labels.argmax(-1)
    if labels.shape in (outputs.shape[:-1], (*outputs.shape[:-1], 1)):
        return labels.reshape(outputs.shape[:-1])
    raise SamplesError(
        f"labels: expected classes {outputs.shape[:-1]} or vectors {outputs.shape} for the model's outputs, "
        f"found {labels.shape}."
    )


def _like(labels: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    if labels.size != outputs.size:
        raise SamplesError(f"labels: expected {outputs.shape}, as the model's outputs, found {labels.shape}.")
    return labels.reshape(outputs.shape)


class Judge:
    """Scores models on samples; the first output counts.

    Args:
        model: the one that others are compared with.
        samples: what it is judged on.
        labels: (samples, ...), what a metric compares outputs with. For "accuracy" without them, what the
            model itself says counts as right.
        metric: a name of ``METRICS``, or a function (labels, outputs) -> number of which more is better.

    Attributes:
        base: the model's own score.
    """

    def __init__(
        self, model: onnx.ModelProto, samples: Samples, labels: np.ndarray | None, metric: str | Score
    ) -> None:
        self.samples = samples
        self.name = metric if isinstance(metric, str) else getattr(metric, "__name__", "metric")
        if isinstance(metric, str):
            if metric not in METRICS:
                raise OptimizeError(f"metric: expected {', '.join(METRICS)} or a function; found {metric!r}.")
            self.metric, self.more_is_better = METRICS[metric]
        else:
            self.metric, self.more_is_better = metric, True
        outputs = Runner(model).outputs(samples)[0]
        if labels is None and metric == "accuracy" and outputs.shape[-1] > 1:
            labels = outputs.argmax(-1)
        if labels is None:
            raise SamplesError(f"labels: the metric {self.name} needs them; there are none.")
        self.labels = _checked_labels(labels, len(samples))
        self.base = self.metric(self.labels, outputs)

    def score(self, model: onnx.ModelProto) -> float:
        """Of another model, by the same metric."""
        return self.metric(self.labels, Runner(model).outputs(self.samples)[0])

    def drop(self, score: float) -> float:
        """How much worse a score is than the model's own; negative where it is better."""
        worse = self.base - score if self.more_is_better else score - self.base
        return float(np.inf) if np.isnan(worse) else worse


def _checked_labels(labels: np.ndarray, count: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.dtype.kind not in "fiub":
        raise SamplesError(f"labels: expected numbers, found {labels.dtype}.")
    if labels.ndim == 0 or len(labels) != count:
        raise SamplesError(f"labels: expected {count}, one for each sample; found {labels.shape}.")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise SamplesError("labels: some are NaN or infinite.")
    return labels


@dataclass(frozen=True)
class Difference:
    """How far an output is from what it was.

    Attributes:
        name: of the output.
        sqnr: decibels of its own numbers over those of the difference; infinite where there is none.
        largest: largest difference, relative to the largest number.
    """

    name: str
    sqnr: float
    largest: float


def difference(name: str, expected: np.ndarray, found: np.ndarray) -> Difference:
    """Of two arrays of one shape."""
    expected, found = expected.astype(np.float64), found.astype(np.float64)
    scale = float(np.abs(expected).max(initial=0.0)) or 1.0
    return Difference(name, sqnr(expected, found), float(np.abs(expected - found).max(initial=0.0)) / scale)


def sqnr(expected: np.ndarray, found: np.ndarray) -> float:
    """The ratio of signal to quantisation noise, in decibels."""
    signal = float(np.square(expected, dtype=np.float64).sum())
    noise = float(np.square(expected.astype(np.float64) - found).sum())
    if noise == 0:
        return float("inf")
    return 10 * float(np.log10(max(signal, np.finfo(np.float64).tiny) / noise))
