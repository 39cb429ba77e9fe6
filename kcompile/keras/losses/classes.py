"""The losses as classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import registry, rules
from ..declaration import Argument, configured, fixed, like
from . import functions, keras3_functions
from .base import SUM_OVER_BATCH_SIZE, LossFunctionWrapper

# Arguments of later versions: written where they are not the default, or Keras 2.3 would not take them.
_AXIS = Argument(written=lambda axis: axis not in (-1, None))
_IF_CHANGED = Argument(written="changed")


class MeanSquaredError(LossFunctionWrapper):
    """``mean_squared_error`` as a Loss."""

    @configured(fn=fixed(functions.mean_squared_error))
    def __init__(
        self: Any,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "mean_squared_error",
        dtype: Any = None,
    ) -> None: ...


class _OfFunction(LossFunctionWrapper):
    """A function without arguments of its own as a Loss; called as it is."""

    def __init_subclass__(cls, function: Callable[..., Any] | None = None) -> None:
        if function is not None:  # else a user's class

            def __init__(self: Any) -> None: ...

            __init__.__qualname__ = f"{cls.__qualname__}.__init__"
            alike = like(MeanSquaredError.__init__, name=function.__name__)(__init__)
            configured(fn=fixed(function))(alike).__set_name__(cls, "__init__")  # type: ignore[attr-defined]


class MeanAbsoluteError(_OfFunction, function=functions.mean_absolute_error):
    """``mean_absolute_error`` as a Loss."""


class MeanAbsolutePercentageError(_OfFunction, function=functions.mean_absolute_percentage_error):
    """``mean_absolute_percentage_error`` as a Loss."""


class MeanSquaredLogarithmicError(_OfFunction, function=functions.mean_squared_logarithmic_error):
    """``mean_squared_logarithmic_error`` as a Loss."""


class BinaryCrossentropy(LossFunctionWrapper):
    """``binary_crossentropy`` as a Loss."""

    @configured(fn=fixed(functions.binary_crossentropy), axis=_AXIS)
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

    @configured(fn=fixed(functions.categorical_crossentropy), axis=_AXIS)
    @like(BinaryCrossentropy.__init__, name="categorical_crossentropy")
    def __init__(self) -> None: ...


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """``sparse_categorical_crossentropy`` as a Loss."""

    @configured(fn=fixed(functions.sparse_categorical_crossentropy), axis=_AXIS, ignore_class=_IF_CHANGED)
    def __init__(
        self,
        from_logits: bool = False,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "sparse_categorical_crossentropy",
        ignore_class: int | None = None,
        axis: int = -1,
        dtype: Any = None,
    ) -> None: ...


class Hinge(_OfFunction, function=functions.hinge):
    """``hinge`` as a Loss."""


class SquaredHinge(_OfFunction, function=functions.squared_hinge):
    """``squared_hinge`` as a Loss."""


class CategoricalHinge(_OfFunction, function=functions.categorical_hinge):
    """``categorical_hinge`` as a Loss."""


class Poisson(_OfFunction, function=functions.poisson):
    """``poisson`` as a Loss."""


class LogCosh(_OfFunction, function=functions.logcosh):
    """``logcosh`` as a Loss."""


class KLDivergence(_OfFunction, function=functions.kullback_leibler_divergence):
    """``kullback_leibler_divergence`` as a Loss."""


class Huber(LossFunctionWrapper):
    """``huber_loss``, element by element, as a Loss; read from a file of tf.keras 2 or Keras 3 ``huber``, the
    mean over the last axis."""

    @configured(fn=fixed(functions.huber_loss))
    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "huber_loss",
        dtype: Any = None,
    ) -> None:
        if rules.in_force().huber_means:
            self.fn = keras3_functions.huber


# --- of later versions ------------------------------------------------------------------------------------


class CosineSimilarity(LossFunctionWrapper):
    """The negative cosine of the angle between labels and predictions, as a Loss.

    Labels and predictions: (batch, ..., n); the result is a scalar unless ``reduction`` is "none".
    """

    @configured(fn=fixed(functions.cosine_proximity))
    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "cosine_similarity",
        dtype: Any = None,
    ) -> None: ...


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """``binary_focal_crossentropy`` as a Loss."""

    @configured(fn=fixed(keras3_functions.binary_focal_crossentropy))
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

    @configured(fn=fixed(keras3_functions.categorical_focal_crossentropy))
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

    @configured(fn=fixed(keras3_functions.categorical_generalized_cross_entropy))
    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None: ...


class CTC(_OfFunction, function=keras3_functions.ctc):
    """``ctc`` as a Loss."""


class Circle(LossFunctionWrapper):
    """``circle`` within the batch, as a Loss."""

    @configured(fn=fixed(keras3_functions.circle))
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

    @configured(fn=fixed(keras3_functions.dice), axis=_IF_CHANGED)
    def __init__(
        self,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None: ...


class Tversky(LossFunctionWrapper):
    """``tversky`` as a Loss."""

    @configured(fn=fixed(keras3_functions.tversky), axis=_IF_CHANGED)
    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None: ...


registry.register(globals(), listed=True)
