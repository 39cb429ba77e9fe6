"""Metrics: functions of labels and predictions, and stateful classes that accumulate over batches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .. import registry
from ..legacy.old_names import answer_old_names
from ..utils.generic_utils import deserialize_keras_object, interpreted
from ..utils.objects import serialized
from .base import *
from .base import MeanMetricWrapper, Metric
from .confusion import *
from .confusion import _ConfusionMatrixConditionCount as _ConfusionMatrixConditionCount
from .functions import *
from .iou import *
from .means import *
from .scores import *


def _snake_case(name: str) -> str:
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


#: Further names of the classes, which Keras 3 knows: "auc", "f1_score", "mean_io_u".
_BY_SNAKE_CASE = {
    _snake_case(name): found
    for name, found in list(globals().items())
    if isinstance(found, type) and issubclass(found, Metric) and not name.startswith("_")
}


def clone_metric(metric: Any) -> Any:
    """A Metric of the same configuration with a state of its own; anything else as it is."""
    return type(metric).from_config(metric.get_config()) if isinstance(metric, Metric) else metric


def clone_metrics(metrics: Any) -> Any:
    """Clones in a list or dict; None for None."""
    if isinstance(metrics, Mapping):
        return {key: clone_metric(value) for key, value in metrics.items()}
    return None if metrics is None else [clone_metric(metric) for metric in metrics]


def serialize(metric: Any, use_legacy_format: bool = True) -> Any:
    """The name of a metric function, or the configuration of a Metric.

    Args:
        use_legacy_format: False for the form of tf.keras 2.12 and later, with module and registered name.
    """
    return serialized(metric, use_legacy_format)


def deserialize(
    config: Any, custom_objects: Mapping[str, Any] | None = None, use_legacy_format: bool | None = None
) -> Any:
    """A metric from its name or configuration.

    Args:
        use_legacy_format: of tf.keras; both forms are read.

    Raises:
        ValueError: for an unknown name.
    """
    if isinstance(config, Mapping) and config.get("class_name") == "MeanMetricWrapper":
        settings = dict(config.get("config") or {})
        function = deserialize(settings.pop("fn", None), custom_objects)
        if function is None:
            raise ValueError(f"The metric MeanMetricWrapper {settings!r} does not say which function it has.")
        return MeanMetricWrapper(function, **settings)
    return deserialize_keras_object(config, registry.names("metric"), custom_objects, "metric function")


def get(identifier: Any) -> Any:
    """A metric from a name, a configuration, or itself. The name of a class makes one.

    Raises:
        ValueError: for an unknown name or anything else.
    """
    return interpreted(identifier, deserialize, "metric function")


answer_old_names(__name__)
registry.register(globals())
_NOT_IN_FILES = {"clone_metric", "clone_metrics", "deserialize", "get", "serialize"}
_IN_FILES = {*registry.publish(globals())} - _NOT_IN_FILES
registry.name("metric", {**_BY_SNAKE_CASE, **{name: globals()[name] for name in _IN_FILES}})
