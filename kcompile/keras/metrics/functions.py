"""Metric functions: (y_true, y_pred) -> one value per sample. The losses are metrics too."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import backend as K
from ..losses import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    hinge,
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
from .base import as_tensor


def accuracy(y_true: Any, y_pred: Any) -> Value:
    """1 where label and prediction are equal, else 0."""
    y_pred = as_tensor(y_pred, K.floatx())
    return K.cast(K.equal(as_tensor(y_true, K.dtype(y_pred)), y_pred), K.floatx())


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Value:
    """Share of right yes-or-no answers over the last axis; a prediction above the threshold is a yes."""
    y_pred = as_tensor(y_pred, K.floatx())
    answers = K.round(y_pred) if threshold == 0.5 else K.cast(y_pred > threshold, K.dtype(y_pred))
    return K.mean(K.cast(K.equal(as_tensor(y_true, K.dtype(y_pred)), answers), K.floatx()), axis=-1)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Value:
    """1 where the largest prediction is at the one-hot label's class."""
    classes = [K.argmax(as_tensor(y, K.floatx()), axis=-1) for y in (y_true, y_pred)]
    return K.cast(K.equal(*classes), K.floatx())


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Value:
    """1 where the largest prediction is at the label's class number."""
    y_true, y_pred = as_tensor(y_true, K.floatx()), as_tensor(y_pred, K.floatx())
    if K.ndim(y_true) == K.ndim(y_pred):
        y_true = K.squeeze(y_true, -1)
    classes = K.argmax(y_pred, axis=-1)
    return K.cast(K.equal(K.cast(y_true, K.dtype(classes)), classes), K.floatx())


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Value:
    """1 where the one-hot label's class is among the k largest predictions."""
    y_true, y_pred = as_tensor(y_true, K.floatx()), as_tensor(y_pred, K.floatx())
    return K.cast(K.in_top_k(y_pred, K.argmax(y_true, axis=-1), k), K.floatx())


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Value:
    """1 where the label's class number is among the k largest predictions."""
    classes = K.cast(K.flatten(as_tensor(y_true, K.floatx())), "int32")
    return K.cast(K.in_top_k(as_tensor(y_pred, K.floatx()), classes, k), K.floatx())


def cosine_proximity(y_true: Any, y_pred: Any, axis: int = -1) -> Value:
    """The cosine of the angle between labels and predictions."""
    y_true, y_pred = as_tensor(y_true, K.floatx()), as_tensor(y_pred, K.floatx())
    return K.sum(K.l2_normalize(y_true, axis=axis) * K.l2_normalize(y_pred, axis=axis), axis=axis)


acc = ACC = accuracy
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence
cosine = cosine_similarity = cosine_proximity

__all__ = [
    "ACC",
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "acc",
    "accuracy",
    "binary_accuracy",
    "binary_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_hinge",
    "cosine",
    "cosine_proximity",
    "cosine_similarity",
    "hinge",
    "kld",
    "kullback_leibler_divergence",
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
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]
