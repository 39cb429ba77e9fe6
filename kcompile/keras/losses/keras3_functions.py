"""Losses of tf.keras 2 and Keras 3 that Keras 2.3 lacks, as functions (y_true, y_pred)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Constant, Value, op
from .. import backend as K
from .. import registry
from ..backend.ctc import ctc_cost_of_logits
from ..backend.tensors import static_sizes
from ..utils.losses_utils import mark_valid
from .functions import huber_loss, smoothed_answers, smoothed_classes, tensors_of

#: A logarithm of zero that no sum turns into NaN.
_IMPOSSIBLE = -1e30


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Value:
    """Half the square of errors up to delta, linear beyond; mean over the last axis, as later versions have
    it."""
    return K.mean(huber_loss(y_true, y_pred, delta), axis=-1)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Value:
    """Mean over an axis of ``K.binary_focal_crossentropy``.

    Args:
        apply_class_balancing, alpha, gamma: as there.
        from_logits, label_smoothing, axis: as in binary_crossentropy.
    """
    y_true, y_pred = tensors_of(y_true, y_pred)
    y_true = smoothed_answers(y_true, label_smoothing)
    loss = K.binary_focal_crossentropy(y_true, y_pred, apply_class_balancing, alpha, gamma, from_logits)
    return K.mean(loss, axis=axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Value:
    """``K.categorical_focal_crossentropy`` with smoothed labels.

    Args:
        alpha, gamma: as there.
        from_logits, label_smoothing, axis: as in categorical_crossentropy.
    """
    y_true, y_pred = tensors_of(y_true, y_pred)
    y_true = smoothed_classes(y_true, y_pred, label_smoothing, axis)
    return K.categorical_focal_crossentropy(y_true, y_pred, alpha, gamma, from_logits, axis)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Value:
    """``(1 - p^q) / q``, p being the probability of the label's class: between cross-entropy (q near 0) and
    mean absolute error (q = 1), for labels that may be wrong (Zhang and Sabuncu, 2018).

    Args:
        y_true: class numbers, (batch, ...) or with a last axis of size 1.
        y_pred: probabilities, (batch, ..., classes).
    """
    y_pred = y_pred if K.is_tensor(y_pred) else K.constant(y_pred)
    labels = _class_numbers(y_true)
    if K.ndim(labels) == K.ndim(y_pred):  # with an axis of size 1, which a placeholder does not say
        labels = K.squeeze(labels, -1)
    chosen = K.cast(K.one_hot(labels, static_sizes(y_pred)[-1]), K.dtype(y_pred))
    return (1.0 - K.pow(K.sum(y_pred * chosen, axis=-1), q)) / q


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Value:
    """1 - the Dice coefficient, twice the overlap of two sets over their sizes.

    Args:
        axis: axes over which a set extends; None for all, the samples included.
    """
    y_true, y_pred = tensors_of(y_true, y_pred)
    overlap = K.sum(y_true * y_pred, axis=axis)
    return 1.0 - 2.0 * overlap / (K.sum(y_true, axis=axis) + K.sum(y_pred, axis=axis) + K.epsilon())


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> Value:
    """1 - the Tversky index (Salehi et al., 2017): ``overlap / (overlap + alpha missed + beta wrong)``.

    Args:
        alpha: weight of what the labels have and the prediction lacks.
        beta: weight of what the prediction has and the labels lack.
        axis: axes over which a set extends; None for all, the samples included.
    """
    y_true, y_pred = tensors_of(y_true, y_pred)
    overlap = K.sum(y_true * y_pred, axis=axis)
    missed = K.sum((1.0 - y_pred) * y_true, axis=axis)
    wrong = K.sum(y_pred * (1.0 - y_true), axis=axis)
    return 1.0 - overlap / (overlap + missed * alpha + wrong * beta + K.epsilon())


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Value:
    """Circle loss of embeddings (Sun et al., 2020): pairs of one class are to be near, others far.

    Args:
        y_true: class numbers, (batch,) or (batch, 1).
        y_pred: embeddings of length 1, (batch, features).
        ref_labels, ref_embeddings: with what each sample is compared; the batch itself by default.
        remove_diagonal: whether a sample is not compared with its like in the same place.
        gamma: factor of the distances.
        margin: how far apart the classes are to be.

    Returns:
        (batch,); means count the samples whose loss is positive.
    """
    y_pred = y_pred if K.is_tensor(y_pred) else K.constant(y_pred)
    others = y_pred if ref_embeddings is None else K.cast(ref_embeddings, K.dtype(y_pred))
    labels = K.flatten(_class_numbers(y_true))
    other_labels = labels if ref_labels is None else K.flatten(_class_numbers(ref_labels))
    same = K.equal(K.expand_dims(labels, 1), K.expand_dims(other_labels, 0))
    different = op.Not(same)
    if remove_diagonal:
        rows, columns = (K.arange(K.shape(x)[0]) for x in (labels, other_labels))
        same = op.And(same, K.not_equal(K.expand_dims(rows, 1), K.expand_dims(columns, 0)))
    distances = K.maximum(1.0 - K.dot(y_pred, K.transpose(others)), 0.0)
    near = -gamma * K.maximum(margin + distances, 0.0) * (margin - distances)
    far = gamma * K.maximum(1.0 + margin - distances, 0.0) * (1.0 - margin - distances)
    loss = K.softplus(_log_sum(near, same) + _log_sum(far, different))
    return mark_valid(loss, K.greater(loss, 0.0))


def _log_sum(x: Value, chosen: Value) -> Value:
    """log(sum(exp(x))) over the chosen entries of each row."""
    return K.logsumexp(K.switch(chosen, x, K.zeros_like(x) + _IMPOSSIBLE), axis=1)


def ctc(y_true: Any, y_pred: Any) -> Value:
    """Connectionist temporal classification: -log of the probability of the labels over all alignments.

    Args:
        y_true: (batch, labels) class numbers; 0 fills up, and is the blank.
        y_pred: (batch, time, classes) logits.

    Returns:
        (batch,).
    """
    y_pred = y_pred if K.is_tensor(y_pred) else K.constant(y_pred)
    labels = _class_numbers(y_true)
    lengths = K.sum(K.cast(K.not_equal(labels, 0), "int32"), axis=-1, keepdims=True)
    # K has the blank last
    shifted = K.concatenate([y_pred[..., 1:], y_pred[..., :1]], axis=-1)
    times = K.zeros_like(lengths) + K.shape(y_pred)[1]
    return K.squeeze(ctc_cost_of_logits(labels - 1, shifted, times, lengths), 1)


def _class_numbers(labels: Any) -> Value:
    """Class numbers as integers, from a tensor or array of any type."""
    return K.cast(labels if K.is_tensor(labels) else Constant(np.asarray(labels)), "int32")


registry.register(globals())
registry.publish(globals())
