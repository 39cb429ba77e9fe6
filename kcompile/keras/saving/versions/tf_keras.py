"""Files of tf.keras 2: what its layers set in one another and do not write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def upgrade_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """A layer's entry with what its program leaves unsaid; others as they are."""
    config = entry.get("config")
    if entry.get("class_name") == "Bidirectional" and isinstance(config, dict):
        return {**entry, "config": _zeros_in_sequences(config)}
    return entry


def _zeros_in_sequences(config: dict[str, Any]) -> dict[str, Any]:
    """Bidirectional sets ``zero_output_for_mask`` of its layers, and does not write it."""
    told = dict(config)
    for key in ("layer", "backward_layer"):
        entry = told.get(key)
        inner = entry.get("config") if isinstance(entry, Mapping) else None
        if isinstance(entry, Mapping) and isinstance(inner, Mapping) and inner.get("return_sequences"):
            told[key] = {**entry, "config": {**inner, "zero_output_for_mask": True}}
    return told
