"""Metric functions: (y_true, y_pred) -> one value per sample. The losses are metrics too."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import backend as K
from .. import registry
from ..backend.tensors import static_sizes
from ..losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kullback_leibler_divergence,
    logcosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from ..utils.losses_utils import squeeze_or_expand_dimensions
from .base import as_tensor


def accuracy(y_true: Any, y_pred: Any) -> Value:
    """1 where label and prediction are equal, else 0. Element by element."""
    y_pred = as_tensor(y_pred, K.floatx())
    return K.cast(K.equal(as_tensor(y_true, K.dtype(y_pred)), y_pred), K.floatx())


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Value:
    """Share of right yes-or-no answers over the last axis; a prediction above the threshold is a yes."""
    y_pred = as_tensor(y_pred, K.floatx())
    answers = K.round(y_pred) if threshold == 0.5 else K.cast(y_pred > threshold, K.dtype(y_pred))
    return K.mean(K.cast(K.equal(as_tensor(y_true, K.dtype(y_pred)), answers), K.floatx()), axis=-1)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Value:
    """1 where the largest prediction is at the one-hot label's class.

    Labels and predictions (batch, ..., classes) give (batch, ...).
    """
    classes = [K.argmax(as_tensor(y, K.floatx()), axis=-1) for y in (y_true, y_pred)]
    return K.cast(K.equal(*classes), K.floatx())


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Value:
    """1 where the largest prediction is at the label's class number.

    Labels (batch, ...) or (batch, ..., 1) and predictions (batch, ..., classes) give (batch, ...).
    """
    y_true, y_pred = as_tensor(y_true, K.floatx()), as_tensor(y_pred, K.floatx())
    if K.ndim(y_true) == K.ndim(y_pred):
        y_true = K.squeeze(y_true, -1)
    classes = K.argmax(y_pred, axis=-1)
    return K.cast(K.equal(K.cast(y_true, K.dtype(classes)), classes), K.floatx())


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Value:
    """1 where the one-hot label's class is among the k largest predictions, in the shape of the samples."""
    classes = K.argmax(as_tensor(y_true, K.floatx()), axis=-1)
    return _in_top_k(classes, as_tensor(y_pred, K.floatx()), k)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Value:
    """1 where the label's class number is among the k largest predictions, in the shape of the samples.

    Args:
        from_sorted_ids: whether y_pred has class numbers, the likeliest first, instead of probabilities.
    """
    y_true, y_pred = as_tensor(y_true, K.floatx()), as_tensor(y_pred, K.floatx())
    if K.ndim(y_true) == K.ndim(y_pred):
        y_true = K.squeeze(y_true, -1)
    if from_sorted_ids:
        found = K.cast(K.equal(K.expand_dims(y_true, -1), y_pred[..., :k]), K.floatx())
        return K.max(found, axis=-1)
    return _in_top_k(K.cast(y_true, "int32"), y_pred, k)


def _in_top_k(classes: Value, y_pred: Value, k: int) -> Value:
    """Whether class numbers (batch, ...) are among the k largest of (batch, ..., classes)."""
    if K.ndim(y_pred) == 2:
        return K.cast(K.in_top_k(y_pred, K.flatten(classes), k), K.floatx())
    rows = K.reshape(y_pred, (-1, static_sizes(y_pred)[-1]))
    found = K.cast(K.in_top_k(rows, K.flatten(classes), k), K.floatx())
    return K.reshape(found, K.shape(classes))


def cosine_proximity(y_true: Any, y_pred: Any, axis: int = -1) -> Value:
    """The cosine of the angle between labels and predictions.

    Over ``axis``: (batch, ..., n) gives (batch, ...).
    """
    y_true, y_pred = as_tensor(y_true, K.floatx()), as_tensor(y_pred, K.floatx())
    return K.sum(K.l2_normalize(y_true, axis=axis) * K.l2_normalize(y_pred, axis=axis), axis=axis)


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Value:
    """Pearson's correlation of labels and predictions along an axis: the mean product of their standard
    scores."""
    y_true, y_pred = as_tensor(y_true, K.floatx()), as_tensor(y_pred, K.floatx())
    y_pred, y_true = squeeze_or_expand_dimensions(y_pred, y_true)
    centred = [y - K.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred)]
    first, second = (y / K.std(y, axis=axis, keepdims=True) for y in centred)
    return K.mean(first * second, axis=axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Value:
    """Lin's concordance of labels and predictions along an axis: twice their covariance over their variances
    and the square between their means."""
    y_true, y_pred = as_tensor(y_true, K.floatx()), as_tensor(y_pred, K.floatx())
    y_pred, y_true = squeeze_or_expand_dimensions(y_pred, y_true)
    mean_true, mean_pred = (K.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred))
    spread = sum(K.var(y, axis=axis, keepdims=True) for y in (y_true, y_pred))
    spread = spread + K.square(mean_true - mean_pred) + K.epsilon()
    return K.mean(2.0 * (y_true - mean_true) * (y_pred - mean_pred) / spread, axis=axis)


acc = ACC = accuracy
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kl_divergence = kullback_leibler_divergence
log_cosh = logcosh
bce = BCE = binary_crossentropy
cosine = cosine_similarity = cosine_proximity

__all__ = [
    "ACC",
    "BCE",
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "acc",
    "accuracy",
    "bce",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "cosine",
    "cosine_proximity",
    "cosine_similarity",
    "hinge",
    "huber",
    "kl_divergence",
    "kld",
    "kullback_leibler_divergence",
    "log_cosh",
    "logcosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "pearson_correlation",
    "poisson",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]

registry.register(globals())
