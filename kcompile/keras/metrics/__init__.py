"""Metrics: functions of labels and predictions, and stateful classes that accumulate over batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..utils.generic_utils import deserialize_keras_object, serialize_keras_object
from .base import Mean, MeanMetricWrapper, Metric, Reduce, Sum
from .confusion import (
    AUC,
    FalseNegatives,
    FalsePositives,
    MeanIoU,
    Precision,
    Recall,
    SensitivityAtSpecificity,
    SensitivitySpecificityBase,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from .functions import *  # noqa: F403
from .functions import __all__ as _functions
from .means import (
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    SquaredHinge,
    TopKCategoricalAccuracy,
)

__all__ = [
    *_functions,
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "Poisson",
    "Precision",
    "Recall",
    "Reduce",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SensitivitySpecificityBase",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "clone_metric",
    "clone_metrics",
    "deserialize",
    "get",
    "serialize",
]


def clone_metric(metric: Any) -> Any:
    """A Metric of the same configuration with a state of its own; anything else as it is."""
    return type(metric).from_config(metric.get_config()) if isinstance(metric, Metric) else metric


def clone_metrics(metrics: Any) -> Any:
    """Clones in a list or dict; None for None."""
    if isinstance(metrics, Mapping):
        return {key: clone_metric(value) for key, value in metrics.items()}
    return None if metrics is None else [clone_metric(metric) for metric in metrics]


def serialize(metric: Any) -> Any:
    """The name of a metric function, or the configuration of a Metric."""
    return serialize_keras_object(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A metric from its name or configuration.

    Raises:
        ValueError: for an unknown name.
    """
    return deserialize_keras_object(
        config,
        module_objects=globals(),
        custom_objects=custom_objects,
        printable_module_name="metric function",
    )


def get(identifier: Any) -> Any:
    """A metric from a name, a configuration, or itself.

    Raises:
        ValueError: for an unknown name or anything else.
    """
    if isinstance(identifier, str | Mapping):
        return deserialize(identifier)
    if callable(identifier):
        return identifier
    raise ValueError(f"Could not interpret metric function identifier: {identifier!r}")
