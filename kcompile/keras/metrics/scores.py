"""F-scores, coefficient of determination, and means of whole tensors: metrics whose state has one entry for
each output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir import Value, op
from .. import backend as K
from .. import registry
from ..declaration import configured, fixed
from ..utils.losses_utils import broadcast_weights, squeeze_or_expand_dimensions
from .base import Mean, Metric, Pairs, as_tensor, ratio

_TINY = 1e-9


class _PerOutput(Metric):
    """Base: state of shape (outputs,), made when the first predictions (batch, outputs) are seen."""

    def _outputs_of(self, y_pred: Value) -> int:
        shape = K.int_shape(y_pred)
        if shape is None or len(shape) != 2 or not shape[1]:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} takes predictions (batch, outputs) of a known number "
                f"of outputs; found the shape {shape}."
            )
        return shape[1]


class FBetaScore(_PerOutput):
    """``(1 + beta^2) precision recall / (beta^2 precision + recall)`` of one-hot or yes-or-no labels.

    Args:
        average: None for one score per class; "micro" counts all classes together, "macro" is the mean over
            classes, "weighted" the mean weighted by how often a class occurs.
        beta: how many times recall matters more than precision.
        threshold: predictions above it are a yes; None: the largest of each sample is.

    Labels and predictions: (batch, classes); the result: a scalar, or (classes,) without an average.

    Raises:
        ValueError: for another average, or a beta or threshold out of range.
    """

    @configured
    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: str | None = None,
    ) -> None:
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(f"Invalid `average` {average!r}; expected None, 'micro', 'macro' or 'weighted'.")
        if not beta > 0:
            raise ValueError(f"Invalid `beta` {beta!r}; expected a number above 0.")
        if threshold is not None and not 0 < threshold <= 1:
            raise ValueError(f"Invalid `threshold` {threshold!r}; expected None or a number in (0, 1].")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:
        """Counts a batch (batch, classes)."""
        y_true, y_pred = as_tensor(y_true, self.dtype), as_tensor(y_pred, self.dtype)
        if not self.weights:
            shape = () if self.average == "micro" else (self._outputs_of(y_pred),)
            for name in ("true_positives", "false_positives", "false_negatives", "intermediate_weights"):
                setattr(self, name, self.add_weight(name, shape=shape))
        if self.threshold is not None:
            chosen = K.cast(K.greater(y_pred, self.threshold), self.dtype)
        else:
            largest = K.cast(K.greater_equal(y_pred, K.max(y_pred, axis=-1, keepdims=True)), self.dtype)
            chosen = largest * K.cast(K.greater(K.abs(y_pred), _TINY), self.dtype)
        counts = (chosen * y_true, chosen * (1.0 - y_true), (1.0 - chosen) * y_true, y_true)
        if sample_weight is not None:
            weight = broadcast_weights(y_true, as_tensor(sample_weight, self.dtype))
            counts = tuple(count * weight for count in counts)
        axis = None if self.average == "micro" else 0
        state = (self.true_positives, self.false_positives, self.false_negatives, self.intermediate_weights)
        return [K.update_add(w, K.sum(count, axis=axis)) for w, count in zip(state, counts, strict=True)]

    def result(self) -> Value:
        right = self.true_positives
        precision = ratio(right, right + self.false_positives)
        recall = ratio(right, right + self.false_negatives)
        square = self.beta**2
        scores = (1 + square) * ratio(precision * recall, square * precision + recall)
        if self.average == "weighted":
            return K.sum(scores * ratio(self.intermediate_weights, K.sum(self.intermediate_weights)))
        return scores if self.average is None else K.mean(scores)


class F1Score(FBetaScore):
    """FBetaScore of beta 1: the harmonic mean of precision and recall.

    Labels and predictions: (batch, classes); the result: a scalar, or (classes,) without an average.
    """

    @configured(beta=fixed(1.0))
    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: str | None = None,
    ) -> None: ...


class R2Score(_PerOutput):
    """Coefficient of determination: 1 - squared errors / squared deviations of the labels from their mean.

    Args:
        class_aggregation: "uniform_average" of the outputs, "variance_weighted_average" by the variance of
            their labels, or None for one score per output.
        num_regressors: above 0, the score adjusted for that many independent variables.

    Labels and predictions: (batch, outputs); the result: a scalar, or (outputs,) without an
    aggregation.

    Raises:
        ValueError: for anything else.
    """

    @configured
    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: str | None = None,
    ) -> None:
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                f"Invalid `class_aggregation` {class_aggregation!r}; expected None, 'uniform_average' or "
                "'variance_weighted_average'."
            )
        if num_regressors < 0:
            raise ValueError(f"Invalid `num_regressors` {num_regressors!r}; expected 0 or more.")
        self.num_samples = self.add_weight("num_samples", dtype="int32")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:
        """Adds a batch (batch, outputs)."""
        y_true, y_pred = as_tensor(y_true, self.dtype), as_tensor(y_pred, self.dtype)
        if len(self.weights) == 1:
            outputs = self._outputs_of(y_pred)
            for name in ("squared_sum", "sum", "residual", "count"):
                setattr(self, name, self.add_weight(name, shape=(outputs,)))
        weights = K.ones_like(y_true)
        if sample_weight is not None:
            weights = weights * broadcast_weights(weights, as_tensor(sample_weight, self.dtype))
        values = {
            self.sum: y_true * weights,
            self.squared_sum: K.square(y_true) * weights,
            self.residual: K.square(y_true - y_pred) * weights,
            self.count: weights,
        }
        updates = [K.update_add(state, K.sum(value, axis=0)) for state, value in values.items()]
        return [*updates, K.update_add(self.num_samples, K.size(y_true))]

    def result(self) -> Value:
        total = self.squared_sum - self.sum * self.sum / self.count
        scores = 1.0 - self.residual / total
        scores = K.switch(K.equal(K.abs(scores), float("inf")), K.zeros_like(scores), scores)
        if self.class_aggregation == "uniform_average":
            scores = K.mean(scores)
        elif self.class_aggregation is not None:
            scores = K.sum(total * scores) / K.sum(total)
        return self._adjusted(scores) if self.num_regressors else scores

    def _adjusted(self, score: Value) -> Value:
        """The score adjusted for the regressors, if there are more samples than these."""
        samples = K.cast(self.num_samples, self.dtype)
        freedom = samples - self.num_regressors - 1.0
        enough = K.greater(freedom, 0.0)
        adjusted = 1.0 - (1.0 - score) * (samples - 1.0) / K.switch(enough, freedom, K.ones_like(freedom))
        return op.Where(enough, adjusted, score)


class MeanTensor(Metric):
    """The (weighted) mean of tensors of one shape, element by element.

    Args:
        shape: that shape (default: the one of the first tensor).
    """

    def __init__(
        self, name: str | None = "mean_tensor", dtype: str | None = None, shape: Sequence[int] | None = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if shape is not None:
            self._build_state(tuple(shape))

    def _build_state(self, shape: tuple[int, ...]) -> None:
        self.total = self.add_weight("total", shape=shape)
        self.count = self.add_weight("count", shape=shape)

    def update_state(self, values: Any, sample_weight: Any = None) -> Pairs:
        """Adds a tensor, weighted by scalar or leading axes."""
        values = as_tensor(values, self.dtype)
        shape = K.int_shape(values)
        if shape is None or None in shape or self.weights and shape != self.total.shape:
            expected = self.total.shape if self.weights else "a known shape"
            raise ValueError(
                f"MeanTensor {self.name!r} takes values of one shape; expected {expected}, found {shape}."
            )
        if not self.weights:
            self._build_state(shape)  # type: ignore[arg-type]
        count = K.ones_like(values)
        if sample_weight is not None:
            count = count * broadcast_weights(values, as_tensor(sample_weight, self.dtype))
        return [K.update_add(self.total, values * count), K.update_add(self.count, count)]

    def result(self) -> Value:
        if not self.weights:
            raise ValueError(f"MeanTensor {self.name!r} has no value yet; call update_state(values) first.")
        return self.total / K.switch(K.equal(self.count, 0.0), K.ones_like(self.count), self.count)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, "shape": list(self.total.shape)} if self.weights else config


class MeanRelativeError(Mean):
    """Mean of ``|y_true - y_pred| / normalizer``, 0 where the normalizer is 0.

    Args:
        normalizer: number or array that broadcasts with the labels.

    Labels and predictions: of one shape; the result: a scalar.
    """

    def __init__(self, normalizer: Any, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name or "mean_relative_error", dtype)
        self.normalizer = K.get_value(normalizer).tolist()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:  # type: ignore[override]
        """Adds a batch of labels and predictions."""
        y_true, y_pred = as_tensor(y_true, self.dtype), as_tensor(y_pred, self.dtype)
        y_pred, y_true = squeeze_or_expand_dimensions(y_pred, y_true)
        normalizer = K.constant(self.normalizer, self.dtype)
        is_zero = K.equal(normalizer, 0.0)
        errors = K.abs(y_true - y_pred) / K.switch(is_zero, K.ones_like(normalizer), normalizer)
        return super().update_state(op.Where(is_zero, K.zeros_like(errors), errors), sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "normalizer": self.normalizer}


registry.register(globals(), listed=True)
