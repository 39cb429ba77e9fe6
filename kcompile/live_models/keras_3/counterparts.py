"""Layers that Keras 3 brings along, made again here from their configurations, and their variables."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras.src.saving import saving_lib, serialization_lib

from ...keras.saving.versions.writer import Writer
from ..configurations import Configurations
from ..weights import Objects

WRITER = Writer("keras_3")
_KINDS = ("activations", "constraints", "initializers", "layers", "losses", "metrics", "regularizers")


def is_built_in(obj: Any) -> bool:
    """Whether a class or function is Keras's own."""
    name = getattr(obj, "__name__", "")
    return any(getattr(getattr(keras, kind), name, None) is obj for kind in _KINDS)


def has_counterpart(live: Any, in_numbers: bool = False) -> bool:
    """Whether a layer is made from its configuration: Keras's own, whose weights are as they were built.

    Args:
        in_numbers: whether weights of int8 count as the numbers that they stand for.
    """
    if not is_built_in(type(live)) or isinstance(live, keras.layers.Lambda):
        return False
    layers = list(live._flatten_layers())
    modes = {getattr(layer, "quantization_mode", None) for layer in layers}
    known = {None, "int8"} if in_numbers else {None}
    return modes <= known and not any(getattr(layer, "lora_enabled", False) for layer in layers)


def computes_in_int8(live: Any) -> bool:
    """Whether a layer, or one in it, was quantized to int8."""
    return any(getattr(layer, "quantization_mode", None) == "int8" for layer in live._flatten_layers())


class Keras3Configurations(Configurations):
    """Configurations of Keras 3."""

    program = keras
    serialization = serialization_lib
    writer = WRITER
    shape = "batch_shape"
    zeros: ClassVar[dict[str, Any]] = {
        "module": "keras.initializers",
        "class_name": "Zeros",
        "config": {},
        "registered_name": None,
    }

    #: Whether layers of int8 are made as layers of numbers.
    in_numbers = False

    def take_numbers(self) -> None:
        """From now on layers of int8 are made as layers of numbers."""
        self.in_numbers, self.dropped = True, ("quantization_config",)

    def _has_counterpart(self, live: Any) -> bool:
        return has_counterpart(live, self.in_numbers)

    def _is_built_in(self, kind: type) -> bool:
        return is_built_in(kind)

    def _is_known(self, function: Any) -> bool:
        return is_built_in(function) or getattr(keras.ops, function.__name__, None) is function

    def _type_of(self, live: Any) -> str:
        policy: str = live.dtype_policy.name
        return policy if policy.startswith("mixed_") and self._wide == "float32" else self._wide

    def _learnt(self, live: Any, config: dict[str, Any]) -> dict[str, Any]:
        if config.get("vocabulary") is not None or not hasattr(live, "get_vocabulary"):
            return {}
        found: dict[str, Any] = {"vocabulary": live.get_vocabulary(include_special_tokens=False)}
        weights = getattr(getattr(live, "_lookup_layer", live), "idf_weights", None)
        if config.get("output_mode") == "tf_idf" and weights is not None:
            found["idf_weights"] = [float(x) for x in weights.numpy()][-len(found["vocabulary"]) :]
        return found


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
