"""What a file says was done to it: the metadata entry ``kcompile.optimized``, a JSON list of steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import onnx

from ..onnx_io import get_metadata, set_metadata

OPTIMIZED = "kcompile.optimized"
#: Entries by which a file becomes a Keras model again; a graph with other weights in it cannot.
KERAS = ("kcompile.config", "kcompile.order", "kcompile.training", "kcompile.weights")


def steps(model: onnx.ModelProto) -> list[dict[str, Any]]:
    """What was done to a model, the first step first; none where the entry is missing or is no such list."""
    try:
        found = json.loads(get_metadata(model).get(OPTIMIZED, "[]"))
    except json.JSONDecodeError:
        return []
    return [step for step in found if isinstance(step, dict)] if isinstance(found, list) else []


def add_step(model: onnx.ModelProto, step: Mapping[str, Any]) -> None:
    """Adds one to what the file says was done: ``{"step": "quantize", ...}``, plain data."""
    set_metadata(model, {OPTIMIZED: json.dumps([*steps(model), dict(step)], separators=(",", ":"))})


def take_entries(model: onnx.ModelProto, source: onnx.ModelProto, keras: bool) -> None:
    """Gives a rewritten model the metadata of its source.

    Args:
        keras: whether it still has the weights of its Keras model.
    """
    entries = {p.key: p.value for p in source.metadata_props if keras or p.key not in KERAS}
    del model.metadata_props[:]
    set_metadata(model, entries)
