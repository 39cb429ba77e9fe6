"""The metric functions as stateful metrics: means over all samples seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ...ir import Value
from .. import backend as K
from .. import registry
from ..declaration import Argument, configured, fixed
from ..utils.losses_utils import squeeze_or_expand_dimensions
from . import functions
from .base import Mean, MeanMetricWrapper, Pairs, as_tensor

if TYPE_CHECKING:

    class _MeanOfFunction(MeanMetricWrapper):
        def __init__(self, name: str = ..., dtype: str | None = None) -> None: ...


def _mean_of(function: Any, class_name: str) -> type[_MeanOfFunction]:
    """A class whose instances average ``function``: ``cls(name=..., dtype=None)``."""

    def __init__(self: Any, name: str = function.__name__, dtype: str | None = None) -> None:
        MeanMetricWrapper.__init__(self, function, name, dtype)

    doc = f"Mean of ``{function.__name__}`` over samples."
    members = {"__init__": __init__, "__doc__": doc, "__module__": __name__}
    return cast("type[_MeanOfFunction]", type(class_name, (MeanMetricWrapper,), members))


MeanSquaredError = _mean_of(functions.mean_squared_error, "MeanSquaredError")
MeanAbsoluteError = _mean_of(functions.mean_absolute_error, "MeanAbsoluteError")
MeanAbsolutePercentageError = _mean_of(
    functions.mean_absolute_percentage_error, "MeanAbsolutePercentageError"
)
MeanSquaredLogarithmicError = _mean_of(
    functions.mean_squared_logarithmic_error, "MeanSquaredLogarithmicError"
)
Hinge = _mean_of(functions.hinge, "Hinge")
SquaredHinge = _mean_of(functions.squared_hinge, "SquaredHinge")
CategoricalHinge = _mean_of(functions.categorical_hinge, "CategoricalHinge")
Accuracy = _mean_of(functions.accuracy, "Accuracy")
CategoricalAccuracy = _mean_of(functions.categorical_accuracy, "CategoricalAccuracy")
SparseCategoricalAccuracy = _mean_of(functions.sparse_categorical_accuracy, "SparseCategoricalAccuracy")
LogCoshError = _mean_of(functions.logcosh, "LogCoshError")
Poisson = _mean_of(functions.poisson, "Poisson")
KLDivergence = _mean_of(functions.kullback_leibler_divergence, "KLDivergence")


class BinaryAccuracy(MeanMetricWrapper):
    """Share of right yes-or-no answers; a prediction above ``threshold`` is a yes.

    Labels and predictions: of one shape; the result: a scalar.
    """

    @configured(fn=fixed(functions.binary_accuracy))
    def __init__(
        self, name: str = "binary_accuracy", dtype: str | None = None, threshold: float = 0.5
    ) -> None: ...


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose one-hot label is among the ``k`` largest predictions.

    Labels and predictions: (batch, classes); the result: a scalar.
    """

    @configured(fn=fixed(functions.top_k_categorical_accuracy))
    def __init__(
        self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: str | None = None
    ) -> None: ...


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose class number is among the ``k`` largest predictions.

    Labels (batch,) or (batch, 1), predictions (batch, classes); the result: a scalar.
    """

    @configured(
        fn=fixed(functions.sparse_top_k_categorical_accuracy), from_sorted_ids=Argument(written="changed")
    )
    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: str | None = None,
        from_sorted_ids: bool = False,
    ) -> None: ...


class CosineSimilarity(MeanMetricWrapper):
    """Mean cosine of the angle between labels and predictions along ``axis``."""

    @configured(fn=fixed(functions.cosine_proximity))
    def __init__(self, name: str = "cosine_similarity", dtype: str | None = None, axis: int = -1) -> None: ...


class PearsonCorrelation(MeanMetricWrapper):
    """Mean of ``pearson_correlation`` along ``axis``."""

    @configured(fn=fixed(functions.pearson_correlation))
    def __init__(
        self, name: str = "pearson_correlation", dtype: str | None = None, axis: int = -1
    ) -> None: ...


class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean of ``concordance_correlation`` along ``axis``."""

    @configured(fn=fixed(functions.concordance_correlation))
    def __init__(
        self, name: str = "concordance_correlation", dtype: str | None = None, axis: int = -1
    ) -> None: ...


class BinaryCrossentropy(MeanMetricWrapper):
    """Mean of ``binary_crossentropy``."""

    @configured(fn=fixed(functions.binary_crossentropy))
    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None: ...


class CategoricalCrossentropy(MeanMetricWrapper):
    """Mean of ``categorical_crossentropy``."""

    @configured(fn=fixed(functions.categorical_crossentropy), axis=Argument(written="changed"))
    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None: ...


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Mean of ``sparse_categorical_crossentropy``."""

    @configured(fn=fixed(functions.sparse_categorical_crossentropy), ignore_class=Argument(written="changed"))
    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        axis: int = -1,
        ignore_class: int | None = None,
    ) -> None: ...


class RootMeanSquaredError(Mean):
    """The root of the mean squared error over all elements.

    They are of one shape; the result: a scalar.
    """

    @configured
    def __init__(self, name: str = "root_mean_squared_error", dtype: str | None = None) -> None: ...

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:  # type: ignore[override]
        """Adds a batch of labels and predictions."""
        y_true, y_pred = as_tensor(y_true, self.dtype), as_tensor(y_pred, self.dtype)
        y_pred, y_true = squeeze_or_expand_dimensions(y_pred, y_true)
        return super().update_state(K.square(y_pred - y_true), sample_weight)

    def result(self) -> Value:
        return K.sqrt(super().result())


registry.register(globals(), listed=True)
