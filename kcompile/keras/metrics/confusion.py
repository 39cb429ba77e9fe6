"""Metrics of yes-or-no answers at thresholds: counts, precision, recall, areas under curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ...ir import Value, claim_steps, op
from .. import backend as K
from .. import registry, rules
from ..declaration import Argument, configured
from ..utils.metrics_utils import (
    NEG_INF,
    AUCCurve,
    AUCSummationMethod,
    ConfusionMatrix,
    parse_init_thresholds,
    update_confusion_matrix_variables,
)
from .base import Metric, Pairs, as_tensor, ratio

#: What a threshold costs, of a list of Python's and of weights.
_STEPS = 50


def _single(value: Value, thresholds: Sequence[float]) -> Value:
    return value[0] if len(thresholds) == 1 else value


class _Counting(Metric):
    """Base: one variable of shape (thresholds,) per count of the confusion matrix."""

    counts: ClassVar[tuple[ConfusionMatrix, ...]] = ()

    def _add_counts(self, *shape: int) -> None:
        names = {key: key.name.lower() for key in self.counts}
        self._variables = {key: self.add_weight(name, shape=shape) for key, name in names.items()}
        for key, name in names.items():
            setattr(self, name, self._variables[key])

    def _count_batch(
        self, y_true: Any, y_pred: Any, sample_weight: Any, thresholds: Any, **kwargs: Any
    ) -> Pairs:
        return update_confusion_matrix_variables(
            self._variables, y_true, y_pred, thresholds=thresholds, sample_weight=sample_weight, **kwargs
        )


class _ConfusionMatrixConditionCount(_Counting):
    """Number (or total weight) of one kind of answer.

    Args:
        thresholds: number or list of numbers in [0, 1] (default 0.5); one count each.
    """

    @configured(thresholds=Argument(attribute="init_thresholds"))
    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: str | None = None) -> None:
        self.thresholds = parse_init_thresholds(thresholds)
        self._add_counts(len(self.thresholds))
        self.accumulator = self._variables[self.counts[0]]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:
        """Counts a batch."""
        return self._count_batch(y_true, y_pred, sample_weight, self.thresholds)

    def result(self) -> Value:
        return _single(self.accumulator, self.thresholds)


class FalsePositives(_ConfusionMatrixConditionCount):
    """Number of wrong yes answers.

    Labels and predictions: of one shape; the result: a scalar, for a list of thresholds
    (thresholds,).
    """

    counts = (ConfusionMatrix.FALSE_POSITIVES,)


class FalseNegatives(_ConfusionMatrixConditionCount):
    """Number of wrong no answers.

    Labels and predictions: of one shape; the result: a scalar, for a list of thresholds
    (thresholds,).
    """

    counts = (ConfusionMatrix.FALSE_NEGATIVES,)


class TrueNegatives(_ConfusionMatrixConditionCount):
    """Number of right no answers.

    Labels and predictions: of one shape; the result: a scalar, for a list of thresholds
    (thresholds,).
    """

    counts = (ConfusionMatrix.TRUE_NEGATIVES,)


class TruePositives(_ConfusionMatrixConditionCount):
    """Number of right yes answers.

    Labels and predictions: of one shape; the result: a scalar, for a list of thresholds
    (thresholds,).
    """

    counts = (ConfusionMatrix.TRUE_POSITIVES,)


class _Rate(_Counting):
    """Base of Precision and Recall: right yes answers over a total.

    Args:
        thresholds: number or list of numbers in [0, 1] (default 0.5, none with top_k).
        top_k: only the k largest predictions of each sample can be a yes.
        class_id: look at this class only.
    """

    @configured(thresholds=Argument(attribute="init_thresholds"))
    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.thresholds = parse_init_thresholds(thresholds, 0.5 if top_k is None else NEG_INF)
        self._add_counts(len(self.thresholds))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:
        """Counts a batch."""
        return self._count_batch(
            y_true, y_pred, sample_weight, self.thresholds, top_k=self.top_k, class_id=self.class_id
        )

    def result(self) -> Value:
        right, wrong = (self._variables[key] for key in self.counts)
        return _single(ratio(right, right + wrong), self.thresholds)


class Precision(_Rate):
    """Share of yes answers that are right.

    Labels and predictions: of one shape; the result: a scalar, for a list of thresholds
    (thresholds,).
    """

    counts = (ConfusionMatrix.TRUE_POSITIVES, ConfusionMatrix.FALSE_POSITIVES)


class Recall(_Rate):
    """Share of yes labels that were found.

    Labels and predictions: of one shape; the result: a scalar, for a list of thresholds
    (thresholds,).
    """

    counts = (ConfusionMatrix.TRUE_POSITIVES, ConfusionMatrix.FALSE_NEGATIVES)


_ALL_COUNTS = (
    ConfusionMatrix.TRUE_POSITIVES,
    ConfusionMatrix.TRUE_NEGATIVES,
    ConfusionMatrix.FALSE_POSITIVES,
    ConfusionMatrix.FALSE_NEGATIVES,
)


class SensitivitySpecificityBase(_Counting):
    """Base: one rate at the threshold where the other comes closest to a given value.

    Read from a file of tf.keras 2 or Keras 3: the largest value of the one among the thresholds where the
    other is at least the given value, 0 if there are none.

    Args:
        value: the given value, in [0, 1].
        num_thresholds: how many thresholds, evenly spaced in [0, 1], are tried.
        class_id: look at this class only.

    Labels and predictions: of one shape; the result: a scalar.

    Raises:
        ValueError: for a value outside [0, 1], or no thresholds.
    """

    counts = _ALL_COUNTS
    argument = "value"

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        name: str | None = None,
        dtype: str | None = None,
        class_id: int | None = None,
    ) -> None:
        if not 0 <= value <= 1:
            raise ValueError(f"`{self.argument}` must be in the range [0, 1].")
        super().__init__(name=name, dtype=dtype)
        if num_thresholds <= 0:
            raise ValueError("`num_thresholds` must be > 0.")
        claim_steps(_STEPS * num_thresholds, f"num_thresholds={num_thresholds}")
        self.value, self.class_id = value, class_id
        setattr(self, self.argument, value)
        self.num_thresholds = num_thresholds
        self._where_reached = rules.in_force().rates_where_reached
        inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        self.thresholds = [0.5] if num_thresholds == 1 else [0.0, *inner, 1.0]
        self._add_counts(num_thresholds)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:
        """Counts a batch."""
        return self._count_batch(y_true, y_pred, sample_weight, self.thresholds, class_id=self.class_id)

    def _sensitivities(self) -> Value:
        return ratio(self.true_positives, self.true_positives + self.false_negatives)

    def _specificities(self) -> Value:
        return ratio(self.true_negatives, self.true_negatives + self.false_positives)

    def _precisions(self) -> Value:
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    def _rate_at(self, rates: Value, others: Value) -> Value:
        """Of the rates, the one at the threshold that the others choose."""
        if self._where_reached:
            return _largest_where_reached(rates, others, self.value)
        index = K.argmin(K.abs(others - self.value), axis=0)
        return K.squeeze(op.Gather(rates, K.reshape(index, (1,)), axis=0), 0)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "num_thresholds": self.num_thresholds, self.argument: self.value}
        return config if self.class_id is None else {**config, "class_id": self.class_id}


def _largest_where_reached(rates: Value, others: Value, value: float) -> Value:
    return K.max(K.switch(K.greater_equal(others, value), rates, K.zeros_like(rates)))


class SensitivityAtSpecificity(SensitivitySpecificityBase):
    """Recall at the threshold where the specificity comes closest to ``specificity``.

    Labels and predictions: of one shape; the result: a scalar.
    """

    argument = "specificity"

    @rules.with_arguments
    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        name: str | None = None,
        dtype: str | None = None,
        class_id: int | None = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, name, dtype, class_id)

    def result(self) -> Value:
        return self._rate_at(self._sensitivities(), self._specificities())


class SpecificityAtSensitivity(SensitivitySpecificityBase):
    """Specificity at the threshold where the recall comes closest to ``sensitivity``.

    Labels and predictions: of one shape; the result: a scalar.
    """

    argument = "sensitivity"

    @rules.with_arguments
    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        name: str | None = None,
        dtype: str | None = None,
        class_id: int | None = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, name, dtype, class_id)

    def result(self) -> Value:
        return self._rate_at(self._specificities(), self._sensitivities())


class PrecisionAtRecall(SensitivitySpecificityBase):
    """The largest precision among the thresholds where the recall is at least ``recall``.

    Labels and predictions: of one shape; the result: a scalar.
    """

    argument = "recall"

    @rules.with_arguments
    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        name: str | None = None,
        dtype: str | None = None,
        class_id: int | None = None,
    ) -> None:
        super().__init__(recall, num_thresholds, name, dtype, class_id)

    def result(self) -> Value:
        return _largest_where_reached(self._precisions(), self._sensitivities(), self.value)


class RecallAtPrecision(SensitivitySpecificityBase):
    """The largest recall among the thresholds where the precision is at least ``precision``.

    Labels and predictions: of one shape; the result: a scalar.
    """

    argument = "precision"

    @rules.with_arguments
    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        name: str | None = None,
        dtype: str | None = None,
        class_id: int | None = None,
    ) -> None:
        super().__init__(precision, num_thresholds, name, dtype, class_id)

    def result(self) -> Value:
        return _largest_where_reached(self._sensitivities(), self._precisions(), self.value)


class AUC(_Counting):
    """Area under the ROC or precision-recall curve, by a Riemann sum over thresholds.

    Args:
        num_thresholds: how many, evenly spaced in [0, 1].
        curve: "ROC", "PR" or "PRGAIN".
        summation_method: "interpolation", "minoring" or "majoring". PR is interpolated after Davis and
            Goadrich (2006).
        thresholds: the thresholds themselves, instead of num_thresholds.
        multi_label: the mean of the areas of each label, along the last axis of predictions (batch, labels).
        num_labels: their number, for multi_label; else that of the first predictions.
        label_weights: their weights: in the mean of multi_label, else in the counts.
        from_logits: whether predictions are given before their sigmoid.

    Raises:
        ValueError: for one threshold or fewer, or ``num_labels`` without ``multi_label``.
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
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        if thresholds is not None:
            num_thresholds, inner = len(thresholds) + 2, sorted(thresholds)
        else:
            if num_thresholds <= 1:
                raise ValueError("`num_thresholds` must be > 1.")
            claim_steps(_STEPS * num_thresholds, f"num_thresholds={num_thresholds}")
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
        self.multi_label, self.num_labels, self.from_logits = multi_label, num_labels, from_logits
        self.label_weights = None if label_weights is None else [float(w) for w in label_weights]
        if num_labels and not multi_label:
            raise ValueError("`num_labels` is needed only when `multi_label` is True.")
        if not multi_label:
            self._add_counts(num_thresholds)
        elif num_labels:
            self._add_counts(num_thresholds, num_labels)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:
        """Counts a batch."""
        y_pred = as_tensor(y_pred, self.dtype)
        if self.multi_label:
            self._count_labels(K.int_shape(y_pred))
        y_pred = K.sigmoid(y_pred) if self.from_logits else y_pred
        weights = None if self.multi_label else self.label_weights
        return self._count_batch(
            y_true,
            y_pred,
            sample_weight,
            self.thresholds,
            multi_label=self.multi_label,
            label_weights=weights,
        )

    def _count_labels(self, shape: tuple[int | None, ...] | None) -> None:
        """Makes the counts of each label, once their number is known."""
        labels = self._variables[self.counts[0]].shape[1] if self.weights else None
        if shape is None or len(shape) != 2 or not shape[1] or labels not in (None, shape[1]):
            raise ValueError(
                f"AUC {self.name!r} with multi_label takes predictions (batch, {labels or 'labels'}); found "
                f"the shape {shape}."
            )
        if labels is None:
            self._add_counts(self.num_thresholds, shape[1])

    def result(self) -> Value:
        if self.curve is AUCCurve.PR and self.summation_method is AUCSummationMethod.INTERPOLATION:
            return self.interpolate_pr_auc()
        x, y = self._curve()
        if self.summation_method is AUCSummationMethod.INTERPOLATION:
            heights = (y[:-1] + y[1:]) / 2.0
        elif self.summation_method is AUCSummationMethod.MINORING:
            heights = K.minimum(y[:-1], y[1:])
        else:
            heights = K.maximum(y[:-1], y[1:])
        return self._over_labels((x[:-1] - x[1:]) * heights)

    def _curve(self) -> tuple[Value, Value]:
        """The points of the curve, (thresholds,) or (thresholds, labels)."""
        tp, tn, fp, fn = (self._variables[key] for key in _ALL_COUNTS)
        recall = ratio(tp, tp + fn)
        if self.curve is AUCCurve.ROC:
            return ratio(fp, fp + tn), recall
        if self.curve is AUCCurve.PR:
            return recall, ratio(tp, tp + fp)
        odds, found = ratio(tp + fn, tn + fp), K.greater(tp, 0.0)
        recall_gain = K.switch(found, 1.0 - odds * ratio(fn, tp), K.zeros_like(tp))
        precision_gain = K.switch(found, 1.0 - odds * ratio(fp, tp), K.ones_like(tp))
        return K.maximum(recall_gain, 0.0), precision_gain

    def _over_labels(self, parts: Value) -> Value:
        """The area from its parts; with several labels the (weighted) mean of theirs."""
        areas = K.sum(parts, axis=0)
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return K.mean(areas)
        weights = K.constant(self.label_weights, K.dtype(areas))
        return ratio(K.sum(areas * weights), K.sum(weights))

    def interpolate_pr_auc(self) -> Value:
        """Area under the precision-recall curve: between thresholds true positives are linear in positives.

        With TP = slope P + intercept on a piece, the integral of precision over recall is
        slope (dTP + intercept log(P_a / P_b)) / (TP + FN).
        """
        tp, p = self.true_positives, self.true_positives + self.false_positives
        d_tp, d_p = tp[:-1] - tp[1:], K.maximum(p[:-1] - p[1:], 0.0)
        slope = ratio(d_tp, d_p)
        intercept = tp[1:] - slope * p[1:]
        both = K.cast(K.greater(p[:-1], 0.0), K.floatx()) * K.cast(K.greater(p[1:], 0.0), K.floatx())
        growth = ratio(p[:-1], p[1:])
        logs = K.log(K.switch(K.greater(both, 0.0), growth, K.ones_like(growth)))
        total = K.maximum(tp[1:] + self.false_negatives[1:], 0.0)
        return self._over_labels(ratio(slope * (d_tp + intercept * logs), total))

    def get_config(self) -> dict[str, Any]:
        later = {
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }
        return {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve.value,
            "summation_method": self.summation_method.value,
            "thresholds": self.thresholds[1:-1],
            **{name: value for name, value in later.items() if value},
        }


registry.register(globals(), listed=True)
