"""Layers that Keras brings along, made again here from their configurations.

What of the user's own stands in a configuration (a layer in a wrapper, an activation, a regularizer) is made
by the one who translates it; the configuration names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import Layer
from keras.src.saving import saving_lib, serialization_lib

from ...keras.core.layer_configs import deserialize
from ...keras.saving.versions.upgrade import upgrade
from ...keras.saving.versions.writer import Writer
from ..weights import Objects

WRITER = Writer("keras_3")
_KINDS = ("activations", "constraints", "initializers", "layers", "losses", "metrics", "regularizers")


def is_built_in(obj: Any) -> bool:
    """Whether a class or function is Keras's own."""
    name = getattr(obj, "__name__", "")
    return any(getattr(getattr(keras, kind), name, None) is obj for kind in _KINDS)


def has_counterpart(live: Any) -> bool:
    """Whether a layer is made from its configuration: Keras's own, whose weights are as they were built."""
    if not is_built_in(type(live)) or isinstance(live, keras.layers.Lambda):
        return False
    return not any(
        getattr(layer, "lora_enabled", False) or getattr(layer, "quantization_mode", None)
        for layer in live._flatten_layers()
    )


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
        """A layer of ours, without weights, for one of Keras's.

        Raises:
            ValueError: for a configuration that is not read.
        """
        with self._naming():
            entry = serialization_lib.serialize_keras_object(live)
        policy = live.dtype_policy.name
        mixed = policy.startswith("mixed_") and self._wide == "float32"
        config = {**entry["config"], "dtype": policy if mixed else self._wide}
        config.pop("batch_shape", None)
        config.update(_learnt(live, config))
        known = dict(self._own)
        return deserialize(upgrade({**entry, "config": config}, WRITER, known), custom_objects=known)

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
        if isinstance(obj, Layer):
            return None if has_counterpart(obj) else self._entry(obj, lambda: self._layer(obj))
        if isinstance(obj, keras.Initializer):
            return None if is_built_in(type(obj)) else {**_ZEROS}  # the weights are there
        if isinstance(obj, keras.Regularizer | keras.constraints.Constraint):
            return None if is_built_in(type(obj)) else self._entry(obj, lambda: self._function(obj))
        if callable(obj) and hasattr(obj, "__name__") and not isinstance(obj, type):
            if is_built_in(obj) or getattr(keras.ops, obj.__name__, None) is obj:
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
        config = {"name": obj.name} if isinstance(obj, Layer) else {}
        return {"module": None, "class_name": name, "config": config, "registered_name": name}


def _learnt(live: Any, config: dict[str, Any]) -> dict[str, Any]:
    """The vocabulary that a layer has learnt, which its configuration leaves out."""
    if config.get("vocabulary") is not None or not hasattr(live, "get_vocabulary"):
        return {}
    found: dict[str, Any] = {"vocabulary": live.get_vocabulary(include_special_tokens=False)}
    weights = getattr(getattr(live, "_lookup_layer", live), "idf_weights", None)
    if config.get("output_mode") == "tf_idf" and weights is not None:
        found["idf_weights"] = [float(x) for x in weights.numpy()][-len(found["vocabulary"]) :]
    return found


_ZEROS: dict[str, Any] = {
    "module": "keras.initializers",
    "class_name": "Zeros",
    "config": {},
    "registered_name": None,
}


# --- variables ----------------------------------------------------------------------------------------------


class _Objects(saving_lib.NpzIOStore):
    """What Keras would write of a layer, as variables by path."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[str, dict[str, Any]]] = {}

    def make(self, path: str, metadata: Any = None) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        self.found[path] = ((metadata or {}).get("name", ""), pairs)
        return pairs


def objects_of(live: Any) -> Objects:
    """The variables of a layer and of what it owns, by path, as files have them."""
    store = _Objects()
    saving_lib._save_state(live, store, None, "", set())
    return {path: (name, list(pairs.items())) for path, (name, pairs) in store.found.items()}
