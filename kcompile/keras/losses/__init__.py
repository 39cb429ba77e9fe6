"""Losses: functions (y_true, y_pred) -> one value per sample, and classes that weigh and reduce them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import registry
from ..utils.generic_utils import deserialize_keras_object, interpreted
from ..utils.generic_utils import serialize_keras_object as serialize_keras_object
from ..utils.objects import serialized
from .base import *
from .base import LossFunctionWrapper
from .base import Reduction as Reduction
from .classes import *
from .functions import *
from .functions import categorical_crossentropy
from .keras3_functions import *


def is_categorical_crossentropy(loss: Any) -> bool:
    """Whether a loss, in whatever form, is categorical_crossentropy."""
    return getattr(loss, "fn", loss) is categorical_crossentropy or loss == "categorical_crossentropy"


def serialize(loss: Any, use_legacy_format: bool = True) -> Any:
    """The name of a loss function, or the configuration of a Loss.

    Args:
        use_legacy_format: False for the form of tf.keras 2.12 and later, with module and registered name.
    """
    return serialized(loss, use_legacy_format)


def deserialize(
    name: Any, custom_objects: Mapping[str, Any] | None = None, use_legacy_format: bool | None = None
) -> Any:
    """A loss from its name or configuration.

    Args:
        use_legacy_format: of tf.keras; both forms are read.

    Raises:
        ValueError: for an unknown name.
    """
    if isinstance(name, Mapping) and name.get("class_name") == "LossFunctionWrapper":
        config = dict(name.get("config") or {})
        function = deserialize(config.pop("fn", None), custom_objects)
        if function is None:
            raise ValueError(f"The loss LossFunctionWrapper {config!r} does not say which function it wraps.")
        return LossFunctionWrapper(function, **config)
    return deserialize_keras_object(name, registry.names("loss"), custom_objects, "loss function")


def get(identifier: Any) -> Any:
    """A loss from a name, a configuration, or itself; None for None. The name of a class makes one.

    Raises:
        ValueError: for an unknown name or anything else.
    """
    return None if identifier is None else interpreted(identifier, deserialize, "loss function")


registry.register(globals())
_NOT_IN_FILES = {"Reduction", "deserialize", "get", "is_categorical_crossentropy", "serialize"}
_IN_FILES = {*registry.publish(globals(), "Reduction")} - _NOT_IN_FILES
registry.name("loss", {name: globals()[name] for name in _IN_FILES})
