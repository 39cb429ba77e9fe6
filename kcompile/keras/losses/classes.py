"""The losses as classes."""

from __future__ import annotations

from typing import Any

from .. import registry, rules
from ..declaration import Argument, configured, fixed, like
from .base import SUM_OVER_BATCH_SIZE, LossFunctionWrapper
from .functions import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    cosine_proximity,
    hinge,
    huber_loss,
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
from .keras3_functions import (
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    circle,
    ctc,
    dice,
    huber,
    tversky,
)

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CTC",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
]

# Arguments of later versions: written where they are not the default, or Keras 2.3 would not take them.
_AXIS = Argument(written=lambda axis: axis not in (-1, None))
_IF_CHANGED = Argument(written="changed")


class MeanSquaredError(LossFunctionWrapper):
    """``mean_squared_error`` as a Loss."""

    @configured(fn=fixed(mean_squared_error))
    def __init__(
        self: Any,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "mean_squared_error",
        dtype: Any = None,
    ) -> None: ...


class MeanAbsoluteError(LossFunctionWrapper):
    """``mean_absolute_error`` as a Loss."""

    @configured(fn=fixed(mean_absolute_error))
    @like(MeanSquaredError.__init__, name="mean_absolute_error")
    def __init__(self) -> None: ...


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """``mean_absolute_percentage_error`` as a Loss."""

    @configured(fn=fixed(mean_absolute_percentage_error))
    @like(MeanSquaredError.__init__, name="mean_absolute_percentage_error")
    def __init__(self) -> None: ...


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """``mean_squared_logarithmic_error`` as a Loss."""

    @configured(fn=fixed(mean_squared_logarithmic_error))
    @like(MeanSquaredError.__init__, name="mean_squared_logarithmic_error")
    def __init__(self) -> None: ...


class BinaryCrossentropy(LossFunctionWrapper):
    """``binary_crossentropy`` as a Loss."""

    @configured(fn=fixed(binary_crossentropy), axis=_AXIS)
    def __init__(
        self: Any,
        from_logits: bool = False,
        label_smoothing: float = 0,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "binary_crossentropy",
        axis: int = -1,
        dtype: Any = None,
    ) -> None: ...


class CategoricalCrossentropy(LossFunctionWrapper):
    """``categorical_crossentropy`` as a Loss."""

    @configured(fn=fixed(categorical_crossentropy), axis=_AXIS)
    @like(BinaryCrossentropy.__init__, name="categorical_crossentropy")
    def __init__(self) -> None: ...


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """``sparse_categorical_crossentropy`` as a Loss."""

    @configured(fn=fixed(sparse_categorical_crossentropy), axis=_AXIS, ignore_class=_IF_CHANGED)
    def __init__(
        self,
        from_logits: bool = False,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "sparse_categorical_crossentropy",
        ignore_class: int | None = None,
        axis: int = -1,
        dtype: Any = None,
    ) -> None: ...


class Hinge(LossFunctionWrapper):
    """``hinge`` as a Loss."""

    @configured(fn=fixed(hinge))
    @like(MeanSquaredError.__init__, name="hinge")
    def __init__(self) -> None: ...


class SquaredHinge(LossFunctionWrapper):
    """``squared_hinge`` as a Loss."""

    @configured(fn=fixed(squared_hinge))
    @like(MeanSquaredError.__init__, name="squared_hinge")
    def __init__(self) -> None: ...


class CategoricalHinge(LossFunctionWrapper):
    """``categorical_hinge`` as a Loss."""

    @configured(fn=fixed(categorical_hinge))
    @like(MeanSquaredError.__init__, name="categorical_hinge")
    def __init__(self) -> None: ...


class Poisson(LossFunctionWrapper):
    """``poisson`` as a Loss."""

    @configured(fn=fixed(poisson))
    @like(MeanSquaredError.__init__, name="poisson")
    def __init__(self) -> None: ...


class LogCosh(LossFunctionWrapper):
    """``logcosh`` as a Loss."""

    @configured(fn=fixed(logcosh))
    @like(MeanSquaredError.__init__, name="logcosh")
    def __init__(self) -> None: ...


class KLDivergence(LossFunctionWrapper):
    """``kullback_leibler_divergence`` as a Loss."""

    @configured(fn=fixed(kullback_leibler_divergence))
    @like(MeanSquaredError.__init__, name="kullback_leibler_divergence")
    def __init__(self) -> None: ...


class Huber(LossFunctionWrapper):
    """``huber_loss``, element by element, as a Loss; read from a file of tf.keras 2 or Keras 3 ``huber``, the
    mean over the last axis."""

    @configured(fn=fixed(huber_loss))
    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "huber_loss",
        dtype: Any = None,
    ) -> None:
        if rules.in_force().huber_means:
            self.fn = huber


# --- of later versions ------------------------------------------------------------------------------------


class CosineSimilarity(LossFunctionWrapper):
    """The negative cosine of the angle between labels and predictions, as a Loss."""

    @configured(fn=fixed(cosine_proximity))
    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "cosine_similarity",
        dtype: Any = None,
    ) -> None: ...


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """``binary_focal_crossentropy`` as a Loss."""

    @configured(fn=fixed(binary_focal_crossentropy))
    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None: ...


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """``categorical_focal_crossentropy`` as a Loss."""

    @configured(fn=fixed(categorical_focal_crossentropy))
    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None: ...


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """``categorical_generalized_cross_entropy`` as a Loss.

    Args:
        q: in (0, 1).
    """

    @configured(fn=fixed(categorical_generalized_cross_entropy))
    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None: ...


class CTC(LossFunctionWrapper):
    """``ctc`` as a Loss."""

    @configured(fn=fixed(ctc))
    @like(MeanSquaredError.__init__, name="ctc")
    def __init__(self) -> None: ...


class Circle(LossFunctionWrapper):
    """``circle`` within the batch, as a Loss."""

    @configured(fn=fixed(circle))
    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "circle",
        dtype: Any = None,
    ) -> None: ...


class Dice(LossFunctionWrapper):
    """``dice`` as a Loss."""

    @configured(fn=fixed(dice), axis=_IF_CHANGED)
    def __init__(
        self,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None: ...


class Tversky(LossFunctionWrapper):
    """``tversky`` as a Loss."""

    @configured(fn=fixed(tversky), axis=_IF_CHANGED)
    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None: ...


registry.register(globals())
