"""Counts of right and wrong answers at thresholds, from which precision, recall and areas are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

from ...ir import Constant, Parameter, Value, op
from .. import backend as K
from .. import registry
from ..backend.tensors import static_sizes
from .losses_utils import broadcast_weights, squeeze_or_expand_dimensions

NEG_INF = -1e10


class Reduction(Enum):
    """How a Reduce metric reduces."""

    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"
    WEIGHTED_MEAN = "weighted_mean"


class ConfusionMatrix(Enum):
    """The four counts of yes-or-no answers."""

    TRUE_POSITIVES = "tp"
    FALSE_POSITIVES = "fp"
    TRUE_NEGATIVES = "tn"
    FALSE_NEGATIVES = "fn"


class AUCCurve(Enum):
    """The curve under which AUC measures the area: receiver operating characteristic, precision over recall,
    or gains of both (Flach and Kull, 2015)."""

    ROC = "ROC"
    PR = "PR"
    PRGAIN = "PRGAIN"

    @staticmethod
    def from_str(key: str) -> AUCCurve:
        """By name in upper or lower case; ValueError for any other."""
        name = key.upper().replace("_", "") if isinstance(key, str) else None
        if name in ("ROC", "PR", "PRGAIN"):
            return AUCCurve(name)
        raise ValueError(f"Invalid AUC curve value {key!r}; expected ROC, PR or PRGAIN.")


class AUCSummationMethod(Enum):
    """How AUC adds up the area between thresholds."""

    INTERPOLATION = "interpolation"
    MAJORING = "majoring"
    MINORING = "minoring"

    @staticmethod
    def from_str(key: str) -> AUCSummationMethod:
        """By name; ValueError for any other."""
        if isinstance(key, str) and key.lower() in ("interpolation", "majoring", "minoring"):
            return AUCSummationMethod(key.lower())
        raise ValueError(
            f"Invalid AUC summation method value {key!r}; expected interpolation, majoring or minoring."
        )


def to_list(x: Any) -> list[Any]:
    """A list as it is, anything else as the only element of one."""
    return list(x) if isinstance(x, list | tuple) else [x]


def assert_thresholds_range(thresholds: Sequence[float] | None) -> None:
    """Raises ValueError unless all thresholds are in [0, 1]."""
    invalid = [t for t in thresholds or () if t is None or not 0 <= t <= 1]
    if invalid:
        raise ValueError(f"Threshold values must be in [0, 1]. Invalid values: {invalid}")


def parse_init_thresholds(thresholds: Any, default_threshold: float = 0.5) -> list[float]:
    """Thresholds as a list; the default where there are none."""
    if thresholds is not None:
        assert_thresholds_range(to_list(thresholds))
    return to_list(default_threshold if thresholds is None else thresholds)


def filter_top_k(x: Value, k: int) -> Value:
    """x with all but the k largest values along the last axis replaced by a large negative number."""
    _, indices = op.TopK(x, [k], axis=-1)
    chosen = K.sum(K.one_hot(indices, static_sizes(x)[-1]), axis=-2)
    return x * chosen + NEG_INF * (1.0 - chosen)


def update_confusion_matrix_variables(
    variables_to_update: Mapping[ConfusionMatrix, Parameter],
    y_true: Any,
    y_pred: Any,
    thresholds: Any = 0.5,
    top_k: int | None = None,
    class_id: int | None = None,
    sample_weight: Any = None,
    multi_label: bool = False,
    label_weights: Any = None,
) -> list[tuple[Parameter, Value]]:
    """Updates of the counts for a batch, one count per threshold.

    Args:
        variables_to_update: variable of shape (thresholds,) per count wanted.
        y_true: labels; anything but 0 is a yes.
        y_pred: predictions in [0, 1]; above the threshold is a yes.
        thresholds: number or list of numbers.
        top_k: only the k largest predictions of each sample can be a yes.
        class_id: look at this class only.
        sample_weight: weight of each sample or element.
        multi_label: count each label, along the last axis, by itself: variables are (thresholds, labels).
        label_weights: weight of each label.

    Raises:
        ValueError: for a key that is not a ConfusionMatrix.
    """
    invalid = [key for key in variables_to_update if not isinstance(key, ConfusionMatrix)]
    if invalid or not variables_to_update:
        raise ValueError(f"Invalid keys: {invalid}. Valid variable key options are: {list(ConfusionMatrix)}")
    y_true, y_pred = (
        K.cast(y if K.is_tensor(y) else Constant(np.asarray(y)), K.floatx()) for y in (y_true, y_pred)
    )
    y_pred, y_true = squeeze_or_expand_dimensions(y_pred, y_true)
    if sample_weight is not None:
        sample_weight = K.cast(
            sample_weight if K.is_tensor(sample_weight) else Constant(np.asarray(sample_weight)), K.floatx()
        )
        _, _, sample_weight = squeeze_or_expand_dimensions(y_pred, None, sample_weight)
    if top_k is not None:
        y_pred = filter_top_k(y_pred, top_k)
    if class_id is not None:
        y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
        if sample_weight is not None and len(static_sizes(sample_weight)) > len(static_sizes(y_pred)):
            sample_weight = sample_weight[..., 0 if static_sizes(sample_weight)[-1] == 1 else class_id]
    weights = K.ones_like(y_pred)
    if sample_weight is not None:
        weights = weights * broadcast_weights(y_pred, sample_weight)
    if label_weights is not None:
        weights = weights * K.constant(label_weights, K.floatx())
    return _count(variables_to_update, y_true, y_pred, weights, to_list(thresholds), multi_label)


def _count(
    variables: Mapping[ConfusionMatrix, Parameter],
    y_true: Value,
    y_pred: Value,
    weights: Value,
    thresholds: list[float],
    multi_label: bool,
) -> list[tuple[Parameter, Value]]:
    """All four counts from the products of (threshold, element) answers with weighted labels."""
    labels = K.cast(K.not_equal(y_true, 0.0), K.floatx())
    positive, negative = labels * weights, (1.0 - labels) * weights
    limits = Constant(np.asarray(thresholds, K.floatx()))
    if multi_label:
        answers = K.cast(K.greater(K.expand_dims(y_pred, 0), limits[:, None, None]), K.floatx())
        true_positives, false_positives = (
            K.sum(answers * K.expand_dims(kind, 0), axis=1) for kind in (positive, negative)
        )
    else:
        positive, negative = K.flatten(positive), K.flatten(negative)
        answers = K.cast(K.greater(K.reshape(y_pred, (1, -1)), limits[:, None]), K.floatx())
        true_positives, false_positives = (
            K.flatten(op.MatMul(answers, K.reshape(kind, (-1, 1)))) for kind in (positive, negative)
        )
    counts = {
        ConfusionMatrix.TRUE_POSITIVES: lambda: true_positives,
        ConfusionMatrix.FALSE_POSITIVES: lambda: false_positives,
        ConfusionMatrix.FALSE_NEGATIVES: lambda: K.sum(positive, axis=0) - true_positives,
        ConfusionMatrix.TRUE_NEGATIVES: lambda: K.sum(negative, axis=0) - false_positives,
    }
    return [K.update_add(variable, counts[key]()) for key, variable in variables.items()]


registry.register(globals())
