"""Files of named tensors into a model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

from ...formats import detect
from ...formats.json import parse
from ..core.network import Network
from ..utils.messages import harmless
from .files import keeps_order, read_tensors
from .matching import Report, WeightMapping, WeightsMismatch, match
from .onnx_weights import match_onnx


def load_state_dict(
    model: Network, filepath: Any, mapping: WeightMapping | None = None, partial: bool = False
) -> Report:
    """Reads a .pt, .pth, .safetensors or .onnx file into a model.

    Args:
        model: a built model.
        filepath: path of the file.
        mapping: Keras weight -> tensor in the file, see ``match``.
        partial: write what matches although something does not.

    Raises:
        WeightsMismatch: if a weight has no value or a tensor no place (unless partial); nothing is changed.
        ValueError: if the file is damaged, or would run code.
    """
    report = match_file(model, filepath, mapping)
    if not report.complete and not partial:
        raise WeightsMismatch(_message(model, filepath, report), report)
    report.apply()
    return report


def _message(model: Network, filepath: Any, report: Report) -> str:
    parts = []
    for title, entries in (
        ("weights have no value", report.missing),
        ("tensors of the file have no place", report.unused),
    ):
        reasons: dict[str, list[str]] = {}
        for name, why in entries:
            reasons.setdefault(why, []).append(name)
        if entries:
            shown = "; ".join(
                f"{harmless(', '.join(names[:3]))} ({why})" for why, names in list(reasons.items())[:3]
            )
            parts.append(f"{len(entries)} {title}: {shown}{' ...' if len(reasons) > 3 else ''}")
    return (
        f"{filepath} does not fit the model {model.name}, and nothing was changed: {len(report.matched)} "
        f"weights match by {report.how}, but {'. '.join(parts)}. Give a mapping (Keras weight -> name in the "
        "file): `kcompile convert FILE --into MODEL --draft-mapping MAP.json` writes one to complete, and "
        "--dry-run shows the whole list."
    )


def match_file(model: Network, filepath: Any, mapping: WeightMapping | None = None) -> Report:
    """What of a .pt, .pth, .safetensors or .onnx file goes where in a model; ``report.apply()`` writes it.

    Args:
        mapping: see ``match``; for .onnx, ``match_onnx``.

    Raises:
        ValueError: if the file is damaged, or would run code.
    """
    kind = detect(filepath)
    if kind not in ("onnx", "torch", "safetensors", None):
        raise ValueError(
            f"{filepath}: a {kind} file; what goes into a model by name or structure is .pt, .pth, "
            ".safetensors or .onnx."
        )
    if kind == "onnx":
        return match_onnx(model, filepath, mapping)
    return match(model, read_tensors(filepath), mapping, ordered=keeps_order(filepath))


def read_mapping(path: Any) -> dict[str, Any]:
    """A mapping from a JSON file, see ``matching.match``.

    Raises:
        kcompile.formats.FileFormatError: if it is not JSON.
        ValueError: if it is something else than an object of names, nulls, zeros and objects with the keys
            "name" and "flattened".
    """
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
        warnings.warn(f"{filepath} was loaded in part.\n{report}", stacklevel=5)
    return report
