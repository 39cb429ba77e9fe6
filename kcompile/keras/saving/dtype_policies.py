"""Types of layers in files: policies of tf.keras 2 and Keras 3, and models whose layers have several types.

Layers there turn their inputs into their own type, layers here have the type of what they are given. So a
model with layers of several types is read in one: the widest that its layers have. A mixed policy has weights
of float32 and counts as such, and so does bfloat16, which ONNX's runtimes do not compute with. Results are
those of there without the rounding to half precision in between. Layers keep their mixed policies, by which
they train, where the one type is float32. Weights of int8 are read as the numbers that they stand for
(``versions/keras3_integers.py``), and activations are not rounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .entries import entries

_WIDTHS = {"float16": 2, "mixed_float16": 4, "bfloat16": 4, "mixed_bfloat16": 4, "float32": 4, "float64": 8}
_TYPES = {2: "float16", 4: "float32", 8: "float64"}
_QUANTIZED = "QuantizedDTypePolicy"
_CLASSES = ("DTypePolicy", "FloatDTypePolicy", "Policy", "PolicyV1", "DTypePolicyMap")


def widest_type(config: Any) -> str:
    """The plain type that a model is read in: the widest that its layers have.

    Raises:
        ValueError: for the policy of weights that are quantized otherwise than to int8.
    """
    found = set(_float_types(config))
    if len(found) < 2 and found <= {"float16", "float32", "float64"}:
        return next(iter(found), "float32")
    return _TYPES[max(_WIDTHS[name] for name in found)]


def set_type(entry: dict[str, Any], wide: str) -> dict[str, Any]:
    """A layer's entry with this type for its policy; others as they are."""
    own = _type_of(entry)
    if own is None:
        return entry
    kept = wide == "float32" and own.startswith("mixed_")
    config = {**entry["config"], "dtype": own if kept else wide}
    if _is_int8(entry["config"]["dtype"]):
        config.pop("quantization_config", None)
    return {**entry, "config": config}


def _is_int8(policy: Any) -> bool:
    """Whether a type policy is that of weights in int8."""
    if not isinstance(policy, dict) or policy.get("class_name") != _QUANTIZED:
        return False
    config = policy.get("config")
    return isinstance(config, dict) and config.get("mode") == "int8"


def _name(value: Any) -> Any:
    """The type that the `dtype` of a layer's configuration names; None for what is no floating type."""
    if isinstance(value, dict):
        config = value.get("config")
        inner = config if isinstance(config, dict) else {}
        if _is_int8(value):
            return _name(inner.get("source_name"))
        if value.get("class_name") not in _CLASSES:
            raise ValueError(
                f"A layer of the file has the type policy {value.get('class_name')!r} "
                f"({inner.get('mode') or inner.get('name')}), which is not read: weights that were "
                "quantized so are not supported. Save the model before it is quantized."
            )
        value = inner.get("name", inner.get("default_policy"))
        if isinstance(value, dict):
            return _name(value)
    return value if isinstance(value, str) and value in _WIDTHS else None


def _float_types(config: Any) -> Iterator[str]:
    for entry in entries(config):
        name = _type_of(entry)
        if name is not None:
            yield name


def _type_of(entry: dict[str, Any]) -> str | None:
    """The floating type of a layer; functions as layers have a `dtype` of their own, which they turn tensors
    into."""
    config, module = entry.get("config"), entry.get("module")
    if not isinstance(config, dict) or "name" not in config or "dtype" not in config:
        return None
    of_ops = isinstance(module, str) and module.startswith("keras.src.ops")
    return None if of_ops else _name(config["dtype"])
