"""What ``Model.load_weights`` does with a PyTorch file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

from ..core.network import Network
from .matching import Report, load_state_dict


def read_mapping(path: Any) -> dict[str, Any]:
    """A mapping from a JSON file, see ``matching.match``.

    Raises:
        kcompile.formats.FileFormatError: if it is not JSON.
        ValueError: if it is something else than an object of names, nulls, zeros and objects with the keys
            "name" and "flattened".
    """
    from ...formats.json import parse

    with open(path, encoding="utf-8") as file:
        content = parse(file.read(), os.fspath(path))
    if not isinstance(content, dict) or not all(_is_entry(value) for value in content.values()):
        raise ValueError(
            f"{path}: a mapping is an object of Keras weight -> name in the file: a string, null to leave "
            'the weight as it is, 0 for zeros, or {"name": ..., "flattened": [channels, rows, cols]}.'
        )
    return content


def _is_entry(value: Any) -> bool:
    if isinstance(value, dict):
        sizes = value.get("flattened")
        return (
            set(value) == {"name", "flattened"}
            and isinstance(value["name"], str)
            and isinstance(sizes, list)
            and all(type(size) is int and size > 0 for size in sizes)
        )
    return isinstance(value, str | None) or (type(value) in (int, float) and value == 0)


def load_torch_weights(model: Network, filepath: Any, mapping: Any, partial: bool) -> Report:
    """Loads a .pt, .pth or .safetensors file; what a partial load leaves out is warned about.

    Args:
        mapping: None, a dict, or the path of a JSON file.
    """
    if mapping is not None and not isinstance(mapping, Mapping):
        mapping = read_mapping(mapping)
    report = load_state_dict(model, filepath, mapping, partial)
    if not report.complete:
        warnings.warn(f"{filepath} was loaded in part.\n{report}", stacklevel=4)
    return report
