"""Layers from and to ``{"class_name": ..., "config": ...}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import registry, rules
from ..utils.generic_utils import deserialize_keras_object
from ..utils.living import class_name
from .layer import Layer


def serialize(layer: Layer) -> dict[str, Any]:
    """``{"class_name": ..., "config": ...}`` of a layer."""
    return {"class_name": class_name(layer), "config": layer.get_config(), **rules.said_of(layer)}


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A layer or model from ``{"class_name": ..., "config": ...}``.

    Raises:
        ValueError: for a class that neither Keras nor custom_objects has.
    """
    with rules.following(rules.said_in(config) if isinstance(config, Mapping) else rules.in_force()):
        return deserialize_keras_object(config, registry.names("layer"), custom_objects, "layer")
