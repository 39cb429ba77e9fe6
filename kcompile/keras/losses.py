"""Losses: functions (y_true, y_pred) -> one value per sample, and classes that weigh and reduce them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..ir import Constant, Value
from . import backend as K
from .utils.generic_utils import deserialize_keras_object, serialize_keras_object
from .utils.losses_utils import Reduction, compute_weighted_loss

_SUM_OVER_BATCH_SIZE = Reduction.SUM_OVER_BATCH_SIZE


class Loss:
    """Base of losses: ``loss(y_true, y_pred, sample_weight=None)`` is ``call`` weighted and reduced to a
    scalar.

    Args:
        reduction: one of ``Reduction``.
        name: for messages and files.
    """

    def __init__(self, reduction: str = _SUM_OVER_BATCH_SIZE, name: str | None = None) -> None:
        Reduction.validate("sum_over_batch_size" if reduction == "auto" else reduction)
        self.reduction = _SUM_OVER_BATCH_SIZE if reduction == "auto" else reduction
        self.name = name

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Value:
        scope = "lambda" if self.name == "<lambda>" else self.name or type(self).__name__
        with K.name_scope(scope):
            return compute_weighted_loss(self.call(y_true, y_pred), sample_weight, reduction=self.reduction)

    def call(self, y_true: Any, y_pred: Any) -> Value:
        """One loss per sample, (batch, ...)."""
        raise NotImplementedError("A Loss must override call(y_true, y_pred).")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Loss:
        """A loss from what ``get_config`` returned."""
        accepted = inspect.signature(cls.__init__).parameters
        if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in accepted.values()):
            return cls(**config)
        return cls(**{key: value for key, value in config.items() if key in accepted})

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"reduction": self.reduction, "name": self.name}


class LossFunctionWrapper(Loss):
    """A function (y_true, y_pred, **kwargs) as a Loss.

    Args:
        fn: the function.
        **kwargs: passed to it.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str = _SUM_OVER_BATCH_SIZE,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(reduction=reduction, name=name)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Value:
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        settings = {k: K.eval(v) if K.is_tensor(v) else v for k, v in self._fn_kwargs.items()}
        return {**super().get_config(), **settings}


# --- functions ----------------------------------------------------------------------------------------------


def _tensors(y_true: Any, y_pred: Any) -> tuple[Value, Value]:
    """Both as tensors of the prediction's type."""
    if not K.is_tensor(y_pred):
        y_pred = K.constant(y_pred)
    if not K.is_tensor(y_true):
        y_true = Constant(np.asarray(y_true))
    return K.cast(y_true, K.dtype(y_pred)), y_pred


def mean_squared_error(y_true: Any, y_pred: Any) -> Value:
    """``mean((y_pred - y_true)^2)`` over the last axis."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return K.mean(K.square(y_pred - y_true), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Value:
    """``mean(|y_pred - y_true|)`` over the last axis."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return K.mean(K.abs(y_pred - y_true), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Value:
    """``100 mean(|y_true - y_pred| / max(|y_true|, epsilon))`` over the last axis."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return 100.0 * K.mean(K.abs((y_true - y_pred) / K.clip(K.abs(y_true), K.epsilon(), None)), axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Value:
    """``mean((log(1 + y_pred) - log(1 + y_true))^2)`` over the last axis, both at least epsilon."""
    y_true, y_pred = _tensors(y_true, y_pred)
    first, second = (K.log(K.clip(y, K.epsilon(), None) + 1.0) for y in (y_pred, y_true))
    return K.mean(K.square(first - second), axis=-1)


def _signs(y_true: Value) -> Value:
    """Labels 0 and 1 become -1 and 1; other labels stay as they are."""
    is_binary = K.all(K.equal(y_true * (y_true - 1.0), 0.0))
    return K.switch(is_binary, 2.0 * y_true - 1.0, y_true)


def hinge(y_true: Any, y_pred: Any) -> Value:
    """``mean(max(1 - y_true y_pred, 0))`` over the last axis, for labels -1 and 1 (or 0 and 1)."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return K.mean(K.maximum(1.0 - _signs(y_true) * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Value:
    """``mean(max(1 - y_true y_pred, 0)^2)`` over the last axis, for labels -1 and 1 (or 0 and 1)."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return K.mean(K.square(K.maximum(1.0 - _signs(y_true) * y_pred, 0.0)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Value:
    """``max(0, 1 + best wrong score - right score)`` for one-hot labels."""
    y_true, y_pred = _tensors(y_true, y_pred)
    positive = K.sum(y_true * y_pred, axis=-1)
    negative = K.max((1.0 - y_true) * y_pred, axis=-1)
    return K.maximum(0.0, negative - positive + 1.0)


def logcosh(y_true: Any, y_pred: Any) -> Value:
    """``mean(log(cosh(y_pred - y_true)))`` over the last axis, without overflow."""
    y_true, y_pred = _tensors(y_true, y_pred)
    error = y_pred - y_true
    return K.mean(error + K.softplus(-2.0 * error) - float(np.log(2.0)), axis=-1)


def huber_loss(y_true: Any, y_pred: Any, delta: float = 1.0) -> Value:
    """Half the square of errors up to delta, linear beyond; element by element, as Keras 2.3 has it."""
    y_true, y_pred = _tensors(y_true, y_pred)
    error = K.abs(y_pred - y_true)
    quadratic = K.minimum(error, delta)
    return 0.5 * K.square(quadratic) + delta * (error - quadratic)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0
) -> Value:
    """Cross-entropy with one-hot labels over the last axis.

    Args:
        from_logits: whether y_pred is given before its softmax (the softmax of an output layer is seen
            through).
        label_smoothing: share s of the labels spread over all classes: ``y (1 - s) + s / classes``.
    """
    y_true, y_pred = _tensors(y_true, y_pred)
    if label_smoothing:
        classes = K.int_shape(y_pred)[-1] or K.cast(K.shape(y_pred)[-1], K.dtype(y_pred))
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / classes
    return K.categorical_crossentropy(y_true, y_pred, from_logits=from_logits)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, axis: int = -1
) -> Value:
    """Cross-entropy with class numbers as labels."""
    if not K.is_tensor(y_pred):
        y_pred = K.constant(y_pred)
    if not K.is_tensor(y_true):
        y_true = Constant(np.asarray(y_true))
    return K.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0
) -> Value:
    """Mean cross-entropy of independent yes-or-no labels over the last axis; arguments as in
    categorical_crossentropy."""
    y_true, y_pred = _tensors(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return K.mean(K.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=-1)


def kullback_leibler_divergence(y_true: Any, y_pred: Any) -> Value:
    """``sum(y_true log(y_true / y_pred))`` over the last axis, both clipped to [epsilon, 1]."""
    y_true, y_pred = _tensors(y_true, y_pred)
    y_true, y_pred = K.clip(y_true, K.epsilon(), 1), K.clip(y_pred, K.epsilon(), 1)
    return K.sum(y_true * K.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Value:
    """``mean(y_pred - y_true log(y_pred + epsilon))`` over the last axis."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return K.mean(y_pred - y_true * K.log(y_pred + K.epsilon()), axis=-1)


def cosine_proximity(y_true: Any, y_pred: Any, axis: int = -1) -> Value:
    """The negative cosine of the angle between labels and predictions."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return -K.sum(K.l2_normalize(y_true, axis=axis) * K.l2_normalize(y_pred, axis=axis), axis=axis)


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kl_divergence = kullback_leibler_divergence
cosine = cosine_similarity = cosine_proximity
log_cosh = logcosh
huber = huber_loss
bce = BCE = binary_crossentropy


# --- classes ------------------------------------------------------------------------------------------------


class MeanSquaredError(LossFunctionWrapper):
    """``mean_squared_error`` as a Loss."""

    def __init__(self, reduction: str = _SUM_OVER_BATCH_SIZE, name: str = "mean_squared_error") -> None:
        super().__init__(mean_squared_error, reduction, name)


class MeanAbsoluteError(LossFunctionWrapper):
    """``mean_absolute_error`` as a Loss."""

    def __init__(self, reduction: str = _SUM_OVER_BATCH_SIZE, name: str = "mean_absolute_error") -> None:
        super().__init__(mean_absolute_error, reduction, name)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """``mean_absolute_percentage_error`` as a Loss."""

    def __init__(
        self, reduction: str = _SUM_OVER_BATCH_SIZE, name: str = "mean_absolute_percentage_error"
    ) -> None:
        super().__init__(mean_absolute_percentage_error, reduction, name)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """``mean_squared_logarithmic_error`` as a Loss."""

    def __init__(
        self, reduction: str = _SUM_OVER_BATCH_SIZE, name: str = "mean_squared_logarithmic_error"
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, reduction, name)


class BinaryCrossentropy(LossFunctionWrapper):
    """``binary_crossentropy`` as a Loss."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0,
        reduction: str = _SUM_OVER_BATCH_SIZE,
        name: str = "binary_crossentropy",
    ) -> None:
        super().__init__(
            binary_crossentropy, reduction, name, from_logits=from_logits, label_smoothing=label_smoothing
        )
        self.from_logits = from_logits


class CategoricalCrossentropy(LossFunctionWrapper):
    """``categorical_crossentropy`` as a Loss."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0,
        reduction: str = _SUM_OVER_BATCH_SIZE,
        name: str = "categorical_crossentropy",
    ) -> None:
        super().__init__(
            categorical_crossentropy,
            reduction,
            name,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )
        self.from_logits = from_logits


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """``sparse_categorical_crossentropy`` as a Loss."""

    def __init__(
        self,
        from_logits: bool = False,
        reduction: str = _SUM_OVER_BATCH_SIZE,
        name: str = "sparse_categorical_crossentropy",
    ) -> None:
        super().__init__(sparse_categorical_crossentropy, reduction, name, from_logits=from_logits)
        self.from_logits = from_logits


class Hinge(LossFunctionWrapper):
    """``hinge`` as a Loss."""

    def __init__(self, reduction: str = _SUM_OVER_BATCH_SIZE, name: str = "hinge") -> None:
        super().__init__(hinge, reduction, name)


class SquaredHinge(LossFunctionWrapper):
    """``squared_hinge`` as a Loss."""

    def __init__(self, reduction: str = _SUM_OVER_BATCH_SIZE, name: str = "squared_hinge") -> None:
        super().__init__(squared_hinge, reduction, name)


class CategoricalHinge(LossFunctionWrapper):
    """``categorical_hinge`` as a Loss."""

    def __init__(self, reduction: str = _SUM_OVER_BATCH_SIZE, name: str = "categorical_hinge") -> None:
        super().__init__(categorical_hinge, reduction, name)


class Poisson(LossFunctionWrapper):
    """``poisson`` as a Loss."""

    def __init__(self, reduction: str = _SUM_OVER_BATCH_SIZE, name: str = "poisson") -> None:
        super().__init__(poisson, reduction, name)


class LogCosh(LossFunctionWrapper):
    """``logcosh`` as a Loss."""

    def __init__(self, reduction: str = _SUM_OVER_BATCH_SIZE, name: str = "logcosh") -> None:
        super().__init__(logcosh, reduction, name)


class KLDivergence(LossFunctionWrapper):
    """``kullback_leibler_divergence`` as a Loss."""

    def __init__(
        self, reduction: str = _SUM_OVER_BATCH_SIZE, name: str = "kullback_leibler_divergence"
    ) -> None:
        super().__init__(kullback_leibler_divergence, reduction, name)


class Huber(LossFunctionWrapper):
    """``huber_loss`` as a Loss."""

    def __init__(
        self, delta: float = 1.0, reduction: str = _SUM_OVER_BATCH_SIZE, name: str = "huber_loss"
    ) -> None:
        super().__init__(huber_loss, reduction, name, delta=delta)


# --- by name ------------------------------------------------------------------------------------------------


def is_categorical_crossentropy(loss: Any) -> bool:
    """Whether a loss, in whatever form, is categorical_crossentropy."""
    return getattr(loss, "fn", loss) is categorical_crossentropy or loss == "categorical_crossentropy"


def serialize(loss: Any) -> Any:
    """The name of a loss function, or the configuration of a Loss."""
    return serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A loss from its name or configuration.

    Raises:
        ValueError: for an unknown name.
    """
    return deserialize_keras_object(
        name, module_objects=globals(), custom_objects=custom_objects, printable_module_name="loss function"
    )


def get(identifier: Any) -> Any:
    """A loss from a name, a configuration, or itself; None for None.

    Raises:
        ValueError: for an unknown name or anything else.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str | Mapping):
        return deserialize(identifier)
    if callable(identifier):
        return identifier
    raise ValueError(f"Could not interpret loss function identifier: {identifier!r}")
