"""Layers that tf_keras brings along, made again here from their configurations.

What of the user's own stands in a configuration (a layer in a wrapper, an activation, a regularizer) is made
by the one who translates it; the configuration names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras.src.engine import base_layer
from tf_keras.src.layers.core.tf_op_layer import TFOpLambda
from tf_keras.src.saving import saving_lib, serialization_lib

from ...keras.core.layer_configs import deserialize
from ...keras.saving.versions.upgrade import upgrade
from ...keras.saving.versions.writer import Writer
from ..weights import Objects

WRITER = Writer("tf_keras")


def is_built_in(kind: Any) -> bool:
    """Whether a class or function is tf_keras's own, or TensorFlow's."""
    return (getattr(kind, "__module__", None) or "").split(".")[0] in ("tf_keras", "tensorflow")


def has_counterpart(live: Any) -> bool:
    """Whether a layer is made from its configuration."""
    return is_built_in(type(live)) and not isinstance(live, tf_keras.layers.Lambda | TFOpLambda)


class Configurations:
    """Configurations of live layers, in which the user's own things have names.

    Args:
        layer: a layer of ours for one of the user's.
        function: a function of values for one of the user's.
        wide: the floating type of the model.
    """

    def __init__(
        self, layer: Callable[[Any], Any], function: Callable[[Callable[..., Any]], Any], wide: str
    ) -> None:
        self._layer, self._function, self._wide = layer, function, wide
        self._own: dict[str, Any] = {}
        self._kept: list[Any] = []

    def made(self, live: Any) -> Any:
        """A layer of ours, without weights, for one of tf_keras's.

        Raises:
            ValueError: for a configuration that is not read.
        """
        with self._naming():
            entry = serialization_lib.serialize_keras_object(live)
        config = {**entry["config"], "dtype": self._type_of(live)}
        config.pop("batch_input_shape", None)
        config.update(_learnt(live, config))
        known = dict(self._own)
        return deserialize(upgrade({**entry, "config": config}, WRITER, known), custom_objects=known)

    def _type_of(self, live: Any) -> Any:
        policy = live._dtype_policy.name
        if policy.startswith("mixed_"):
            return policy if self._wide == "float32" else self._wide
        return self._wide if policy in ("float16", "bfloat16", "float32", "float64") else policy

    @contextmanager
    def _naming(self) -> Iterator[None]:
        original = serialization_lib.serialize_keras_object

        def serialize(obj: Any) -> Any:
            named = self._named(obj)
            return original(obj) if named is None else named

        serialization_lib.serialize_keras_object = serialize
        try:
            yield
        finally:
            serialization_lib.serialize_keras_object = original

    def _named(self, obj: Any) -> Any:
        """How the user's own object stands in a configuration; None for others."""
        if isinstance(obj, tf_keras.layers.Layer):
            return None if has_counterpart(obj) else self._entry(obj, lambda: self._layer(obj))
        if isinstance(obj, tf_keras.initializers.Initializer):
            return None if is_built_in(type(obj)) else {"class_name": "Zeros", "config": {}}
        if isinstance(obj, tf_keras.regularizers.Regularizer | tf_keras.constraints.Constraint):
            return None if is_built_in(type(obj)) else self._entry(obj, lambda: self._function(obj))
        if callable(obj) and hasattr(obj, "__name__") and not isinstance(obj, type):
            if getattr(tf_keras.activations, obj.__name__, None) is obj or hasattr(obj, "get_config"):
                return None
            name = self._name(obj, obj.__name__)
            self._own[name] = self._function(obj)
            return {"module": "builtins", "class_name": "function", "config": name, "registered_name": name}
        return None

    def _name(self, obj: Any, name: str) -> str:
        self._kept.append(obj)  # so that its id stays its own
        return f"{name}_{id(obj)}"

    def _entry(self, obj: Any, make: Callable[[], Any]) -> dict[str, Any]:
        name = self._name(obj, type(obj).__name__)
        self._own[name] = type(name, (), {"from_config": classmethod(lambda cls, config: make())})
        config = {"name": obj.name} if isinstance(obj, tf_keras.layers.Layer) else {}
        return {"module": None, "class_name": name, "config": config, "registered_name": name}


def _learnt(live: Any, config: dict[str, Any]) -> dict[str, Any]:
    """The vocabulary that a layer has learnt, which its configuration leaves out."""
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
