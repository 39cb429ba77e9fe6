"""Layers that tf_keras brings along, made again here from their configurations, and their variables."""

from __future__ import annotations

from typing import Any, ClassVar

import tensorflow as tf
import tf_keras
from tf_keras.src.engine import base_layer
from tf_keras.src.layers.core.tf_op_layer import TFOpLambda
from tf_keras.src.saving import saving_lib, serialization_lib

from ...keras.saving.versions.writer import Writer
from ..configurations import Configurations
from ..weights import Objects

WRITER = Writer("tf_keras")


def is_built_in(kind: Any) -> bool:
    """Whether a class or function is tf_keras's own, or TensorFlow's."""
    return (getattr(kind, "__module__", None) or "").split(".")[0] in ("tf_keras", "tensorflow")


def has_counterpart(live: Any) -> bool:
    """Whether a layer is made from its configuration."""
    return is_built_in(type(live)) and not isinstance(live, tf_keras.layers.Lambda | TFOpLambda)


class TfKerasConfigurations(Configurations):
    """Configurations of tf_keras."""

    program = tf_keras
    serialization = serialization_lib
    writer = WRITER
    shape = "batch_input_shape"
    zeros: ClassVar[dict[str, Any]] = {"class_name": "Zeros", "config": {}}

    def _has_counterpart(self, live: Any) -> bool:
        return has_counterpart(live)

    def _is_built_in(self, kind: type) -> bool:
        return is_built_in(kind)

    def _is_known(self, function: Any) -> bool:
        is_named = getattr(tf_keras.activations, function.__name__, None) is function
        return is_named or hasattr(function, "get_config")

    def _type_of(self, live: Any) -> str:
        policy: str = live._dtype_policy.name
        if policy.startswith("mixed_"):
            return policy if self._wide == "float32" else self._wide
        return self._wide if policy in ("float16", "bfloat16", "float32", "float64") else policy

    def _learnt(self, live: Any, config: dict[str, Any]) -> dict[str, Any]:
        if not hasattr(live, "get_vocabulary"):
            return {}
        vocabulary = config.get("vocabulary")
        if vocabulary is None:
            vocabulary = live.get_vocabulary(include_special_tokens=False)
        found: dict[str, Any] = {"vocabulary": list(vocabulary)}
        weights = getattr(getattr(live, "_lookup_layer", live), "idf_weights", None)
        if config.get("output_mode") == "tf_idf" and isinstance(weights, tf.Variable):
            found["idf_weights"] = [float(x) for x in weights.numpy()][-len(vocabulary) :]
        return found


# --- variables ----------------------------------------------------------------------------------------------


class _Objects:
    """What tf_keras would write of a layer, as variables by path."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[str, dict[str, Any]]] = {}

    def make(self, path: str) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        self.found[path] = ("", pairs)
        return pairs


def _save_variables(layer: Any, store: dict[str, Any]) -> None:
    store.update({str(i): v for i, v in enumerate(layer._trainable_weights + layer._non_trainable_weights)})


def objects_of(live: Any) -> Objects:
    """The variables of a layer and of what it owns, by path, as files have them."""
    store, original = _Objects(), base_layer.Layer.save_own_variables
    base_layer.Layer.save_own_variables = _save_variables
    try:
        saving_lib._save_state(live, store, None, "", set())
    finally:
        base_layer.Layer.save_own_variables = original
    return {path: (name, list(pairs.items())) for path, (name, pairs) in store.found.items()}
