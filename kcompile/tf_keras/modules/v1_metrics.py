"""``tf.metrics`` of TensorFlow 1: (value, update) of what is counted over batches and never begins anew.

Where a session computes, the value is that of the batches so far, and the update, which counts another one,
is the value after it. In a metric that ``compile`` is given both are the value after the batch.
"""

from __future__ import annotations

from typing import Any

from ...ir import Value, current_readings, interpreter, reading_as
from ...keras import backend as K
from ...keras import metrics
from ...keras.backend.sessions import fetched_with
from ...keras.core.call_frames import current_frame
from ..tensorflow.tensors import computes_at_once, convert_to_tensor


def _counted(metric: Any, *given: Any, weights: Any = None) -> tuple[Any, Any]:
    """The value of a metric, and the value after it has taken a batch into account."""
    pairs = metric.update_state(*map(convert_to_tensor, given), sample_weight=weights)
    latest: dict[Value, Value] = dict(pairs or [])
    with reading_as({**current_readings(), **latest}):
        updated = metric.result()
    if interpreter() is not None or current_frame() is not None:
        return updated, updated
    return metric.result(), fetched_with(K.identity(updated), pairs)


def _as_truth(x: Any) -> Any:
    """1 of what is not 0, as TensorFlow 1 reads labels and predictions of counts."""
    x = convert_to_tensor(x)
    return K.cast(K.not_equal(x, K.zeros_like(x)), "float32")


@computes_at_once
def accuracy(labels: Any, predictions: Any, weights: Any = None, *unused: Any, **options: Any) -> Any:
    """How often predictions are the labels; of one shape."""
    return _counted(metrics.Accuracy(), labels, predictions, weights=weights)


@computes_at_once
def auc(
    labels: Any, predictions: Any, weights: Any = None, num_thresholds: int = 200,
    metrics_collections: Any = None, updates_collections: Any = None, curve: str = "ROC", name: Any = None,
    summation_method: str = "trapezoidal", thresholds: Any = None,
) -> Any:  # fmt: skip
    """The area under a curve, ROC or PR, of probabilities; of one shape with the labels.

    Args:
        summation_method: "trapezoidal", "careful_interpolation" of PR, "minoring" or "majoring".
    """
    summed = {"trapezoidal": "interpolation", "careful_interpolation": "interpolation"}
    of_keras = curve == "PR" and summation_method == "careful_interpolation"
    metric = (metrics.AUC if of_keras else _AUC)(
        num_thresholds, curve, summed.get(summation_method, summation_method), thresholds=thresholds
    )
    return _counted(metric, _as_truth(labels), predictions, weights=weights)


class _AUC(metrics.AUC):
    """The areas of TensorFlow 1, whose ratios have something small added above and below."""

    def result(self) -> Value:
        true, false = self.true_positives + 1e-6, self.false_positives
        recall = true / (true + self.false_negatives)
        if str(self.curve).endswith("ROC"):
            x, y = false / (false + self.true_negatives + 1e-6), recall
        else:
            x, y = recall, true / (true + false)
        pairs = y[:-1], y[1:]
        method = str(self.summation_method).rpartition(".")[2].lower()
        heights = {"minoring": K.minimum, "majoring": K.maximum}.get(method, lambda a, b: (a + b) / 2.0)(
            *pairs
        )
        return K.sum((x[:-1] - x[1:]) * heights)


@computes_at_once
def mean(values: Any, weights: Any = None, *unused: Any, **options: Any) -> Any:
    """The mean of values of any shape."""
    return _counted(metrics.Mean(), values, weights=weights)


@computes_at_once
def mean_iou(
    labels: Any, predictions: Any, num_classes: int, weights: Any = None, *unused: Any, **options: Any
) -> Any:
    """Intersection over union, the mean over the classes that occur; of numbers of classes, of one shape."""
    return _counted(metrics.MeanIoU(num_classes), labels, predictions, weights=weights)


@computes_at_once
def mean_absolute_error(
    labels: Any, predictions: Any, weights: Any = None, *unused: Any, **options: Any
) -> Any:
    """The mean of how far predictions are from labels, of one shape."""
    return _counted(metrics.Mean(), K.abs(_difference(predictions, labels)), weights=weights)


@computes_at_once
def mean_squared_error(
    labels: Any, predictions: Any, weights: Any = None, *unused: Any, **options: Any
) -> Any:
    """The mean of the squares of how far predictions are from labels, of one shape."""
    return _counted(metrics.Mean(), K.square(_difference(predictions, labels)), weights=weights)


@computes_at_once
def root_mean_squared_error(
    labels: Any, predictions: Any, weights: Any = None, *unused: Any, **options: Any
) -> Any:
    """The root of ``mean_squared_error``."""
    return _counted(metrics.RootMeanSquaredError(), labels, predictions, weights=weights)


@computes_at_once
def precision(labels: Any, predictions: Any, weights: Any = None, *unused: Any, **options: Any) -> Any:
    """How many of the predictions that are not 0 are of labels that are not 0; of one shape."""
    return _counted(metrics.Precision(), _as_truth(labels), _as_truth(predictions), weights=weights)


@computes_at_once
def recall(labels: Any, predictions: Any, weights: Any = None, *unused: Any, **options: Any) -> Any:
    """How many of the labels that are not 0 have a prediction that is not 0; of one shape."""
    return _counted(metrics.Recall(), _as_truth(labels), _as_truth(predictions), weights=weights)


@computes_at_once
def true_positives(labels: Any, predictions: Any, weights: Any = None, *unused: Any, **options: Any) -> Any:
    """How many predictions and labels are both not 0; of one shape."""
    return _counted(metrics.TruePositives(), _as_truth(labels), _as_truth(predictions), weights=weights)


@computes_at_once
def true_negatives(labels: Any, predictions: Any, weights: Any = None, *unused: Any, **options: Any) -> Any:
    """How many predictions and labels are both 0; of one shape."""
    return _counted(metrics.TrueNegatives(), _as_truth(labels), _as_truth(predictions), weights=weights)


@computes_at_once
def false_positives(labels: Any, predictions: Any, weights: Any = None, *unused: Any, **options: Any) -> Any:
    """How many predictions are not 0 where labels are 0; of one shape."""
    return _counted(metrics.FalsePositives(), _as_truth(labels), _as_truth(predictions), weights=weights)


@computes_at_once
def false_negatives(labels: Any, predictions: Any, weights: Any = None, *unused: Any, **options: Any) -> Any:
    """How many predictions are 0 where labels are not 0; of one shape."""
    return _counted(metrics.FalseNegatives(), _as_truth(labels), _as_truth(predictions), weights=weights)


def _difference(a: Any, b: Any) -> Any:
    return K.cast(convert_to_tensor(a), "float32") - K.cast(convert_to_tensor(b), "float32")


__all__ = [
    "accuracy", "auc", "false_negatives", "false_positives", "mean", "mean_absolute_error", "mean_iou",
    "mean_squared_error", "precision", "recall", "root_mean_squared_error", "true_negatives",
    "true_positives",
]  # fmt: skip
