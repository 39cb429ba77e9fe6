"""Layers from and to ``{"class_name": ..., "config": ...}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import registry, rules
from ..utils.generic_utils import deserialize_keras_object
from ..utils.living import class_name
from ..utils.objects import serialized
from .layer import Layer


def serialize(layer: Layer, use_legacy_format: bool = True) -> dict[str, Any]:
    """``{"class_name": ..., "config": ...}`` of a layer.

    Args:
        use_legacy_format: False for the form of tf.keras 2.12 and later, with module and registered name.
    """
    if not use_legacy_format:
        return serialized(layer, False)
    return {"class_name": class_name(layer), "config": layer.get_config(), **rules.said_of(layer)}


def deserialize(
    config: Mapping[str, Any],
    custom_objects: Mapping[str, Any] | None = None,
    use_legacy_format: bool | None = None,
) -> Any:
    """A layer or model from ``{"class_name": ..., "config": ...}``.

    Args:
        use_legacy_format: of tf.keras; both forms are read.

    Raises:
        ValueError: for a class that neither Keras nor custom_objects has.
    """
    with rules.following(rules.said_in(config) if isinstance(config, Mapping) else rules.in_force()):
        return deserialize_keras_object(config, registry.names("layer"), custom_objects, "layer")
