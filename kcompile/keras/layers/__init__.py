"""All layers, by the names that code imports and files hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..engine import Input, InputLayer, InputSpec, Layer
from ..utils.generic_utils import deserialize_keras_object
from .core import Activation, ActivityRegularization, Dense, Dropout

__all__ = [
    "Activation",
    "ActivityRegularization",
    "Dense",
    "Dropout",
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "deserialize",
    "serialize",
]


def serialize(layer: Layer) -> dict[str, Any]:
    """``{"class_name": ..., "config": ...}`` of a layer."""
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A layer or model from ``{"class_name": ..., "config": ...}``.

    Raises:
        ValueError: for a class that neither Keras nor custom_objects has.
    """
    from .. import models

    known = {**globals(), "Model": models.Model, "Functional": models.Model, "Sequential": models.Sequential}
    return deserialize_keras_object(
        config, module_objects=known, custom_objects=custom_objects, printable_module_name="layer"
    )
