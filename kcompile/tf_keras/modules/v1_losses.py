"""``tf.losses`` of TensorFlow 1: one number from a batch, by default the mean over weights that are not 0."""

from __future__ import annotations

from typing import Any

from ..tensorflow.functions import function_of
from ..tensorflow.tensors import computes_at_once, convert_to_tensor


def _tf(name: str, *arguments: Any, **options: Any) -> Any:
    """Calls TensorFlow's function of a dotted name, which is here."""
    found = function_of(name)
    assert found is not None
    return found(*arguments, **options)


def _floats(x: Any) -> Any:
    return _tf("cast", convert_to_tensor(x), "float32")


def _difference(a: Any, b: Any) -> Any:
    return _tf("math.subtract", _floats(a), _floats(b))


class Reduction:
    """How losses become one number."""

    NONE, SUM, MEAN = "none", "weighted_sum", "weighted_mean"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"


@computes_at_once
def compute_weighted_loss(
    losses: Any, weights: Any = 1.0, scope: Any = None, loss_collection: Any = None,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:  # fmt: skip
    """Losses of any shape as one number.

    Args:
        weights: broadcast to the losses.
        reduction: one of ``Reduction``.

    Raises:
        ValueError: for another reduction.
    """
    losses = _floats(losses)
    weights = _floats(weights)
    weighted = _tf("math.multiply", losses, weights)
    if reduction == Reduction.NONE:
        return weighted
    total = _tf("math.reduce_sum", weighted)
    if reduction == Reduction.SUM:
        return total
    present = _tf("math.multiply", _tf("ones_like", losses), weights)
    if reduction == Reduction.SUM_BY_NONZERO_WEIGHTS:
        present = _tf("cast", _tf("math.not_equal", present, _tf("zeros_like", present)), "float32")
    elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
        present = _tf("ones_like", losses)
    elif reduction != Reduction.MEAN:
        raise ValueError(f"tf.losses: reduction {reduction!r} is not known; see tf.losses.Reduction.")
    return _tf("math.divide_no_nan", total, _tf("math.reduce_sum", present))


@computes_at_once
def absolute_difference(
    labels: Any, predictions: Any, weights: Any = 1.0, scope: Any = None, loss_collection: Any = None,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:  # fmt: skip
    """How far predictions are from labels, of one shape."""
    losses = _tf("math.abs", _difference(predictions, labels))
    return compute_weighted_loss(losses, weights, reduction=reduction)


@computes_at_once
def mean_squared_error(
    labels: Any, predictions: Any, weights: Any = 1.0, scope: Any = None, loss_collection: Any = None,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:  # fmt: skip
    """The squares of how far predictions are from labels, of one shape."""
    losses = _tf("math.square", _difference(predictions, labels))
    return compute_weighted_loss(losses, weights, reduction=reduction)


@computes_at_once
def huber_loss(
    labels: Any, predictions: Any, weights: Any = 1.0, delta: float = 1.0, scope: Any = None,
    loss_collection: Any = None, reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:  # fmt: skip
    """Half the square of a difference up to ``delta``, from there on as steep as there; of one shape."""
    error = _tf("math.abs", _difference(predictions, labels))
    near = _tf("math.minimum", error, delta)
    losses = _tf("math.add", 0.5 * near * near, delta * (error - near))
    return compute_weighted_loss(losses, weights, reduction=reduction)


@computes_at_once
def log_loss(
    labels: Any, predictions: Any, weights: Any = 1.0, epsilon: float = 1e-7, scope: Any = None,
    loss_collection: Any = None, reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:  # fmt: skip
    """Binary crossentropy of probabilities, of one shape with the labels."""
    y, p = _floats(labels), _floats(predictions)
    losses = -y * _tf("math.log", p + epsilon) - (1.0 - y) * _tf("math.log", 1.0 - p + epsilon)
    return compute_weighted_loss(losses, weights, reduction=reduction)


@computes_at_once
def hinge_loss(
    labels: Any, logits: Any, weights: Any = 1.0, scope: Any = None, loss_collection: Any = None,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:  # fmt: skip
    """Hinge loss of labels 0 and 1, of one shape with the logits."""
    losses = _tf("nn.relu", 1.0 - (2.0 * _floats(labels) - 1.0) * _floats(logits))
    return compute_weighted_loss(losses, weights, reduction=reduction)


@computes_at_once
def cosine_distance(
    labels: Any, predictions: Any, axis: int | None = None, weights: Any = 1.0, scope: Any = None,
    loss_collection: Any = None, reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS, dim: int | None = None,
) -> Any:  # fmt: skip
    """1 less the product along an axis of vectors of length 1."""
    product = _tf("math.multiply", _floats(labels), _floats(predictions))
    losses = 1.0 - _tf("math.reduce_sum", product, axis=dim if axis is None else axis, keepdims=True)
    return compute_weighted_loss(losses, weights, reduction=reduction)


@computes_at_once
def sigmoid_cross_entropy(
    multi_class_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0, scope: Any = None,
    loss_collection: Any = None, reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:  # fmt: skip
    """Binary crossentropy of logits, of one shape with the labels."""
    labels = _floats(multi_class_labels) * (1.0 - label_smoothing) + 0.5 * label_smoothing
    losses = _tf("nn.sigmoid_cross_entropy_with_logits", labels, _floats(logits))
    return compute_weighted_loss(losses, weights, reduction=reduction)


@computes_at_once
def softmax_cross_entropy(
    onehot_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0, scope: Any = None,
    loss_collection: Any = None, reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:  # fmt: skip
    """Crossentropy of logits (batch, classes) and labels of that shape."""
    labels, logits = _floats(onehot_labels), _floats(logits)
    labels = labels * (1.0 - label_smoothing) + label_smoothing / labels.shape[-1]
    losses = _tf("nn.softmax_cross_entropy_with_logits", labels, logits)
    return compute_weighted_loss(losses, weights, reduction=reduction)


@computes_at_once
def sparse_softmax_cross_entropy(
    labels: Any, logits: Any, weights: Any = 1.0, scope: Any = None, loss_collection: Any = None,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:  # fmt: skip
    """Crossentropy of logits (batch, classes) and numbers of classes (batch,)."""
    losses = _tf("nn.sparse_softmax_cross_entropy_with_logits", labels, _floats(logits))
    return compute_weighted_loss(losses, weights, reduction=reduction)


@computes_at_once
def get_regularization_losses(scope: Any = None) -> list[Any]:
    """Nothing: a model has its losses itself, ``model.losses``."""
    return []


__all__ = [
    "Reduction", "absolute_difference", "compute_weighted_loss", "cosine_distance",
    "get_regularization_losses", "hinge_loss", "huber_loss", "log_loss", "mean_squared_error",
    "sigmoid_cross_entropy", "softmax_cross_entropy", "sparse_softmax_cross_entropy",
]  # fmt: skip
