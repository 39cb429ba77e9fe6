"""The losses of Keras 2.3 as functions (y_true, y_pred) -> one value per sample, with the arguments of later
versions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Constant, Value
from .. import backend as K
from .. import registry
from ..backend.tensors import static_sizes
from ..utils.losses_utils import mark_valid


def tensors_of(y_true: Any, y_pred: Any) -> tuple[Value, Value]:
    """Both as tensors of the prediction's type."""
    if not K.is_tensor(y_pred):
        y_pred = K.constant(y_pred)
    if not K.is_tensor(y_true):
        y_true = Constant(np.asarray(y_true))
    return K.cast(y_true, K.dtype(y_pred)), y_pred


def mean_squared_error(y_true: Any, y_pred: Any) -> Value:
    """``mean((y_pred - y_true)^2)`` over the last axis."""
    y_true, y_pred = tensors_of(y_true, y_pred)
    return K.mean(K.square(y_pred - y_true), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Value:
    """``mean(|y_pred - y_true|)`` over the last axis."""
    y_true, y_pred = tensors_of(y_true, y_pred)
    return K.mean(K.abs(y_pred - y_true), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Value:
    """``100 mean(|y_true - y_pred| / max(|y_true|, epsilon))`` over the last axis."""
    y_true, y_pred = tensors_of(y_true, y_pred)
    return 100.0 * K.mean(K.abs((y_true - y_pred) / K.clip(K.abs(y_true), K.epsilon(), None)), axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Value:
    """``mean((log(1 + y_pred) - log(1 + y_true))^2)`` over the last axis, both at least epsilon."""
    y_true, y_pred = tensors_of(y_true, y_pred)
    first, second = (K.log(K.clip(y, K.epsilon(), None) + 1.0) for y in (y_pred, y_true))
    return K.mean(K.square(first - second), axis=-1)


def _signs(y_true: Value) -> Value:
    """Labels 0 and 1 become -1 and 1; other labels stay as they are."""
    is_binary = K.all(K.equal(y_true * (y_true - 1.0), 0.0))
    return K.switch(is_binary, 2.0 * y_true - 1.0, y_true)


def hinge(y_true: Any, y_pred: Any) -> Value:
    """``mean(max(1 - y_true y_pred, 0))`` over the last axis, for labels -1 and 1 (or 0 and 1)."""
    y_true, y_pred = tensors_of(y_true, y_pred)
    return K.mean(K.maximum(1.0 - _signs(y_true) * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Value:
    """``mean(max(1 - y_true y_pred, 0)^2)`` over the last axis, for labels -1 and 1 (or 0 and 1)."""
    y_true, y_pred = tensors_of(y_true, y_pred)
    return K.mean(K.square(K.maximum(1.0 - _signs(y_true) * y_pred, 0.0)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Value:
    """``max(0, 1 + best wrong score - right score)`` for one-hot labels."""
    y_true, y_pred = tensors_of(y_true, y_pred)
    positive = K.sum(y_true * y_pred, axis=-1)
    negative = K.max((1.0 - y_true) * y_pred, axis=-1)
    return K.maximum(0.0, negative - positive + 1.0)


def logcosh(y_true: Any, y_pred: Any) -> Value:
    """``mean(log(cosh(y_pred - y_true)))`` over the last axis, without overflow."""
    y_true, y_pred = tensors_of(y_true, y_pred)
    error = y_pred - y_true
    return K.mean(error + K.softplus(-2.0 * error) - float(np.log(2.0)), axis=-1)


def huber_loss(y_true: Any, y_pred: Any, delta: float = 1.0) -> Value:
    """Half the square of errors up to delta, linear beyond; element by element, as Keras 2.3 has it."""
    y_true, y_pred = tensors_of(y_true, y_pred)
    error = K.abs(y_pred - y_true)
    quadratic = K.minimum(error, delta)
    return 0.5 * K.square(quadratic) + delta * (error - quadratic)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0, axis: int = -1
) -> Value:
    """Cross-entropy with one-hot labels.

    Args:
        from_logits: whether y_pred is given before its softmax (the softmax of an output layer is seen
            through).
        label_smoothing: share s of the labels spread over all classes: ``y (1 - s) + s / classes``.
        axis: where the classes lie.
    """
    y_true, y_pred = tensors_of(y_true, y_pred)
    y_true = smoothed_classes(y_true, y_pred, label_smoothing, axis)
    return K.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def smoothed_classes(y_true: Value, y_pred: Value, label_smoothing: float, axis: int) -> Value:
    """One-hot labels, a share of them spread over all classes along an axis."""
    if not label_smoothing:
        return y_true
    classes = static_sizes(y_pred)[axis] or K.cast(K.shape(y_pred)[axis], K.dtype(y_pred))
    return y_true * (1.0 - label_smoothing) + label_smoothing / classes


def smoothed_answers(y_true: Value, label_smoothing: float) -> Value:
    """Yes-or-no labels, moved by a share towards 0.5."""
    return y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, axis: int = -1, ignore_class: int | None = None
) -> Value:
    """Cross-entropy with class numbers as labels.

    Args:
        from_logits: whether y_pred is given before its softmax.
        axis: where the classes lie.
        ignore_class: a label whose samples have no loss; means leave them out.
    """
    if not K.is_tensor(y_pred):
        y_pred = K.constant(y_pred)
    if not K.is_tensor(y_true):
        y_true = Constant(np.asarray(y_true))
    if ignore_class is None:
        return K.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    if K.ndim(y_true) == K.ndim(y_pred):  # with an axis of size 1, which a placeholder does not say
        y_true = K.squeeze(y_true, axis)
    loss = K.sparse_categorical_crossentropy(y_true, y_pred, from_logits, axis, ignore_class)
    return mark_valid(loss, K.not_equal(y_true, K.cast(ignore_class, K.dtype(y_true))))


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0, axis: int = -1
) -> Value:
    """Mean over an axis of the cross-entropy of independent yes-or-no labels; arguments as in
    categorical_crossentropy."""
    y_true, y_pred = tensors_of(y_true, y_pred)
    y_true = smoothed_answers(y_true, label_smoothing)
    return K.mean(K.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


def kullback_leibler_divergence(y_true: Any, y_pred: Any) -> Value:
    """``sum(y_true log(y_true / y_pred))`` over the last axis, both clipped to [epsilon, 1]."""
    y_true, y_pred = tensors_of(y_true, y_pred)
    y_true, y_pred = K.clip(y_true, K.epsilon(), 1), K.clip(y_pred, K.epsilon(), 1)
    return K.sum(y_true * K.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Value:
    """``mean(y_pred - y_true log(y_pred + epsilon))`` over the last axis."""
    y_true, y_pred = tensors_of(y_true, y_pred)
    return K.mean(y_pred - y_true * K.log(y_pred + K.epsilon()), axis=-1)


def cosine_proximity(y_true: Any, y_pred: Any, axis: int = -1) -> Value:
    """The negative cosine of the angle between labels and predictions.

    Over ``axis``: (batch, ..., n) gives (batch, ...).
    """
    y_true, y_pred = tensors_of(y_true, y_pred)
    return -K.sum(K.l2_normalize(y_true, axis=axis) * K.l2_normalize(y_pred, axis=axis), axis=axis)


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kl_divergence = kullback_leibler_divergence
cosine = cosine_similarity = cosine_proximity
log_cosh = logcosh
bce = BCE = binary_crossentropy

__all__ = [
    "BCE",
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "bce",
    "binary_crossentropy",
    "categorical_crossentropy",
    "categorical_hinge",
    "cosine",
    "cosine_proximity",
    "cosine_similarity",
    "hinge",
    "huber_loss",
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
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]

registry.register(globals())
