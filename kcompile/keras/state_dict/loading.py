"""What ``Model.load_weights`` does with a PyTorch file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

from ..engine.network import Network
from .matching import Report, load_state_dict


def read_mapping(path: Any) -> dict[str, str | None]:
    """A mapping from a JSON file: an object of names, null for a weight to leave as it is.

    Raises:
        kcompile.formats.FileFormatError: if it is not JSON.
        ValueError: if it is something else than an object of strings and nulls.
    """
    from ...formats.json import parse

    with open(path, encoding="utf-8") as file:
        content = parse(file.read(), os.fspath(path))
    if not isinstance(content, dict) or not all(isinstance(v, str | None) for v in content.values()):
        raise ValueError(
            f"{path}: a mapping is an object of Keras weight -> name in the file (a string, or null to "
            "leave the weight as it is)."
        )
    return content


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
