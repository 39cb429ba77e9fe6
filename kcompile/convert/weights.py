"""Weights from a model to a file of another framework, and into a model from one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..keras.engine.network import Network
from ..keras.state_dict import Report, match, read_tensors, state_dict, units_of, write_tensors
from ..keras.state_dict.files import keeps_order
from .onnx_weights import match_onnx


def write_state_dict(model: Network, path: Path) -> list[str]:
    """Writes a model's weights under PyTorch's names (.pt, .pth, .safetensors).

    Returns:
        a sentence for each layer whose tensors are not just those of a PyTorch module.
    """
    write_tensors(state_dict(model), path)
    return [f"{unit.name}: {unit.note}" for unit in units_of(model) if unit.note]


def into_model(model: Network, path: Path, mapping: Mapping[str, str | None] | None = None) -> Report:
    """What of a weight file goes where in a model; ``report.apply()`` writes it.

    Args:
        path: .pt, .pth or .safetensors with PyTorch's names, or .onnx.
        mapping: see ``kcompile.keras.state_dict.match``.

    Raises:
        ValueError: if the file is damaged, or would run code.
    """
    from ..formats import detect

    kind: Any = detect(path)
    if kind == "onnx":
        return match_onnx(model, path, mapping)
    return match(model, read_tensors(path), mapping, ordered=keeps_order(path))
