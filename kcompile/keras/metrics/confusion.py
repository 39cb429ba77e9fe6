"""Metrics of yes-or-no answers at thresholds: counts, precision, recall, areas under curves; and MeanIoU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ...ir import Constant, Value, op
from .. import backend as K
from ..utils.metrics_utils import (
    NEG_INF,
    AUCCurve,
    AUCSummationMethod,
    ConfusionMatrix,
    parse_init_thresholds,
    update_confusion_matrix_variables,
)
from .base import Metric, Pairs, as_tensor


def _ratio(numerator: Value, denominator: Value) -> Value:
    """numerator / denominator, 0 where the denominator is not positive."""
    positive = K.greater(denominator, 0.0)
    safe = K.switch(positive, denominator, K.ones_like(denominator))
    return K.switch(positive, numerator / safe, K.zeros_like(denominator))


def _single(value: Value, thresholds: Sequence[float]) -> Value:
    return value[0] if len(thresholds) == 1 else value


class _Counting(Metric):
    """Base: one variable of shape (thresholds,) per count of the confusion matrix."""

    counts: ClassVar[tuple[ConfusionMatrix, ...]] = ()

    def _add_counts(self, size: int) -> None:
        names = {key: key.name.lower() for key in self.counts}
        self._variables = {key: self.add_weight(name, shape=(size,)) for key, name in names.items()}
        for key, name in names.items():
            setattr(self, name, self._variables[key])

    def _count_batch(
        self, y_true: Any, y_pred: Any, sample_weight: Any, thresholds: Any, **kwargs: Any
    ) -> Pairs:
        return update_confusion_matrix_variables(
            self._variables, y_true, y_pred, thresholds=thresholds, sample_weight=sample_weight, **kwargs
        )


class _ConditionCount(_Counting):
    """Number (or total weight) of one kind of answer.

    Args:
        thresholds: number or list of numbers in [0, 1] (default 0.5); one count each.
    """

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = parse_init_thresholds(thresholds)
        self._add_counts(len(self.thresholds))
        self.accumulator = self._variables[self.counts[0]]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:
        """Counts a batch."""
        return self._count_batch(y_true, y_pred, sample_weight, self.thresholds)

    def result(self) -> Value:
        return _single(self.accumulator, self.thresholds)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


class FalsePositives(_ConditionCount):
    """Number of wrong yes answers."""

    counts = (ConfusionMatrix.FALSE_POSITIVES,)


class FalseNegatives(_ConditionCount):
    """Number of wrong no answers."""

    counts = (ConfusionMatrix.FALSE_NEGATIVES,)


class TrueNegatives(_ConditionCount):
    """Number of right no answers."""

    counts = (ConfusionMatrix.TRUE_NEGATIVES,)


class TruePositives(_ConditionCount):
    """Number of right yes answers."""

    counts = (ConfusionMatrix.TRUE_POSITIVES,)


class _Rate(_Counting):
    """Base of Precision and Recall: right yes answers over a total.

    Args:
        thresholds: number or list of numbers in [0, 1] (default 0.5, none with top_k).
        top_k: only the k largest predictions of each sample can be a yes.
        class_id: look at this class only.
    """

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = parse_init_thresholds(thresholds, 0.5 if top_k is None else NEG_INF)
        self._add_counts(len(self.thresholds))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:
        """Counts a batch."""
        return self._count_batch(
            y_true, y_pred, sample_weight, self.thresholds, top_k=self.top_k, class_id=self.class_id
        )

    def result(self) -> Value:
        right, wrong = (self._variables[key] for key in self.counts)
        return _single(_ratio(right, right + wrong), self.thresholds)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


class Precision(_Rate):
    """Share of yes answers that are right."""

    counts = (ConfusionMatrix.TRUE_POSITIVES, ConfusionMatrix.FALSE_POSITIVES)


class Recall(_Rate):
    """Share of yes labels that were found."""

    counts = (ConfusionMatrix.TRUE_POSITIVES, ConfusionMatrix.FALSE_NEGATIVES)


_ALL_COUNTS = (
    ConfusionMatrix.TRUE_POSITIVES,
    ConfusionMatrix.TRUE_NEGATIVES,
    ConfusionMatrix.FALSE_POSITIVES,
    ConfusionMatrix.FALSE_NEGATIVES,
)


class SensitivitySpecificityBase(_Counting):
    """Base: one rate at the threshold where the other comes closest to a given value."""

    counts = _ALL_COUNTS

    def __init__(
        self, value: float, num_thresholds: int = 200, name: str | None = None, dtype: str | None = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if num_thresholds <= 0:
            raise ValueError("`num_thresholds` must be > 0.")
        self.value = value
        self.num_thresholds = num_thresholds
        inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        self.thresholds = [0.5] if num_thresholds == 1 else [0.0, *inner, 1.0]
        self._add_counts(num_thresholds)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:
        """Counts a batch."""
        return self._count_batch(y_true, y_pred, sample_weight, self.thresholds)

    def _sensitivities(self) -> Value:
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    def _specificities(self) -> Value:
        return _ratio(self.true_negatives, self.true_negatives + self.false_positives)

    def _at_closest(self, rates: Value, others: Value) -> Value:
        index = K.argmin(K.abs(others - self.value), axis=0)
        return K.squeeze(op.Gather(rates, K.reshape(index, (1,)), axis=0), 0)


class SensitivityAtSpecificity(SensitivitySpecificityBase):
    """Recall at the threshold where the specificity comes closest to ``specificity``."""

    def __init__(
        self, specificity: float, num_thresholds: int = 200, name: str | None = None, dtype: str | None = None
    ) -> None:
        if not 0 <= specificity <= 1:
            raise ValueError("`specificity` must be in the range [0, 1].")
        self.specificity = specificity
        super().__init__(specificity, num_thresholds, name, dtype)

    def result(self) -> Value:
        return self._at_closest(self._sensitivities(), self._specificities())

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_thresholds": self.num_thresholds, "specificity": self.value}


class SpecificityAtSensitivity(SensitivitySpecificityBase):
    """Specificity at the threshold where the recall comes closest to ``sensitivity``."""

    def __init__(
        self, sensitivity: float, num_thresholds: int = 200, name: str | None = None, dtype: str | None = None
    ) -> None:
        if not 0 <= sensitivity <= 1:
            raise ValueError("`sensitivity` must be in the range [0, 1].")
        self.sensitivity = sensitivity
        super().__init__(sensitivity, num_thresholds, name, dtype)

    def result(self) -> Value:
        return self._at_closest(self._specificities(), self._sensitivities())

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_thresholds": self.num_thresholds, "sensitivity": self.value}


class AUC(_Counting):
    """Area under the ROC or precision-recall curve, by a Riemann sum over thresholds.

    Args:
        num_thresholds: how many, evenly spaced in [0, 1].
        curve: "ROC" or "PR".
        summation_method: "interpolation", "minoring" or "majoring". PR is interpolated after Davis and
            Goadrich (2006).
        thresholds: the thresholds themselves, instead of num_thresholds.
    """

    counts = _ALL_COUNTS

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: Any = "ROC",
        summation_method: Any = "interpolation",
        name: str | None = None,
        dtype: str | None = None,
        thresholds: Sequence[float] | None = None,
    ) -> None:
        if thresholds is not None:
            num_thresholds, inner = len(thresholds) + 2, sorted(thresholds)
        else:
            if num_thresholds <= 1:
                raise ValueError("`num_thresholds` must be > 1.")
            inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        self.num_thresholds = num_thresholds
        # the ends lie a little outside so that rounding leaves no prediction out
        self.thresholds = [0.0 - K.epsilon(), *inner, 1.0 + K.epsilon()]
        self.curve = curve if isinstance(curve, AUCCurve) else AUCCurve.from_str(curve)
        method = summation_method
        self.summation_method = (
            method if isinstance(method, AUCSummationMethod) else AUCSummationMethod.from_str(method)
        )
        super().__init__(name=name, dtype=dtype)
        self._add_counts(num_thresholds)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:
        """Counts a batch."""
        return self._count_batch(y_true, y_pred, sample_weight, self.thresholds)

    def result(self) -> Value:
        if self.curve is AUCCurve.PR and self.summation_method is AUCSummationMethod.INTERPOLATION:
            return self.interpolate_pr_auc()
        recall = _ratio(self.true_positives, self.true_positives + self.false_negatives)
        if self.curve is AUCCurve.ROC:
            x, y = _ratio(self.false_positives, self.false_positives + self.true_negatives), recall
        else:
            x, y = recall, _ratio(self.true_positives, self.true_positives + self.false_positives)
        if self.summation_method is AUCSummationMethod.INTERPOLATION:
            heights = (y[:-1] + y[1:]) / 2.0
        elif self.summation_method is AUCSummationMethod.MINORING:
            heights = K.minimum(y[:-1], y[1:])
        else:
            heights = K.maximum(y[:-1], y[1:])
        return K.sum((x[:-1] - x[1:]) * heights)

    def interpolate_pr_auc(self) -> Value:
        """Area under the precision-recall curve: between thresholds true positives are linear in positives.

        With TP = slope P + intercept on a piece, the integral of precision over recall is
        slope (dTP + intercept log(P_a / P_b)) / (TP + FN).
        """
        tp, p = self.true_positives, self.true_positives + self.false_positives
        d_tp, d_p = tp[:-1] - tp[1:], K.maximum(p[:-1] - p[1:], 0.0)
        slope = _ratio(d_tp, d_p)
        intercept = tp[1:] - slope * p[1:]
        both = K.cast(K.greater(p[:-1], 0.0), K.floatx()) * K.cast(K.greater(p[1:], 0.0), K.floatx())
        ratio = _ratio(p[:-1], p[1:])
        logs = K.log(K.switch(K.greater(both, 0.0), ratio, K.ones_like(ratio)))
        total = K.maximum(tp[1:] + self.false_negatives[1:], 0.0)
        return K.sum(_ratio(slope * (d_tp + intercept * logs), total))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve.value,
            "summation_method": self.summation_method.value,
            "thresholds": self.thresholds[1:-1],
        }


class MeanIoU(Metric):
    """Mean over classes of intersection over union: ``tp / (tp + fp + fn)``.

    Args:
        num_classes: number of classes; labels and predictions are class numbers below it.
    """

    def __init__(self, num_classes: int, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.num_classes = num_classes
        self.total_cm = self.add_weight("total_confusion_matrix", shape=(num_classes, num_classes))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:
        """Counts a batch of class numbers, in arrays of any shape."""
        truth, guess = (
            K.one_hot(K.flatten(as_tensor(y, "int64")), self.num_classes) for y in (y_true, y_pred)
        )
        if sample_weight is not None:
            truth = truth * K.expand_dims(K.flatten(as_tensor(sample_weight, self.dtype)), -1)
        return [K.update_add(self.total_cm, K.dot(K.transpose(truth), guess))]

    def result(self) -> Value:
        intersections = K.sum(self.total_cm * Constant(np.eye(self.num_classes, dtype=self.dtype)), axis=0)
        unions = K.sum(self.total_cm, axis=0) + K.sum(self.total_cm, axis=1) - intersections
        seen = K.sum(K.cast(K.greater(unions, 0.0), self.dtype))
        return _ratio(K.sum(_ratio(intersections, unions)), seen)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_classes": self.num_classes}
