"""Where tf.keras has (de)serialization as it was before 2.12."""

from __future__ import annotations

from .generic_utils import deserialize_keras_object, serialize_keras_object

__all__ = ["deserialize_keras_object", "serialize_keras_object"]
