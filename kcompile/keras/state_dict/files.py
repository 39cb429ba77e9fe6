"""Named tensors in files: .safetensors, .pt and .pth; torch is needed to write these two alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...atomic import replacing
from ...formats import detect
from ...formats.registry import Source
from ...formats.torch_file import read_tensors as read_torch

EXTENSIONS = (".safetensors", ".pt", ".pth")


def is_tensor_file(filepath: Any) -> bool:
    """Whether a path holds named tensors (or is an ONNX file) rather than a Keras file."""
    if not isinstance(filepath, str | os.PathLike) or not os.path.isfile(filepath):
        return False
    kind = detect(filepath)
    named = Path(filepath).suffix.lower() in EXTENSIONS
    return kind in ("safetensors", "torch", "onnx") or kind is None and named


def keeps_order(path: Any) -> bool:
    """Whether a file's tensors come in the order in which they were given: .safetensors sorts them."""
    return detect(path) != "safetensors"


def read_tensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The tensors of a .safetensors, .pt or .pth file by name.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is damaged, holds no named tensors, or (.pt) names code or is not dense.
    """
    path = Path(path)
    if detect(path) == "safetensors" or path.suffix.lower() == ".safetensors":
        return _read_safetensors(path)
    return read_torch(Source(path))


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: not a safetensors file, or damaged ({error}).") from error
    if not tensors:
        raise ValueError(f"{path}: there are no tensors in it.")
    return dict(tensors)


def write_tensors(tensors: Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> None:
    """Writes named arrays, atomically; the extension says how.

    Raises:
        ValueError: for an extension other than .safetensors, .pt and .pth.
    """
    extension = Path(path).suffix.lower()
    if extension not in EXTENSIONS:
        raise ValueError(f"{path}: tensors are written as {', '.join(EXTENSIONS)}; found {extension!r}.")
    with replacing(path, sum(tensor.nbytes for tensor in tensors.values())) as temporary:
        if extension == ".safetensors":
            from safetensors.numpy import save_file

            save_file(dict(tensors), temporary, metadata={"format": "pt"})
        else:
            from ...torch_bridge.state_dict import write_state_dict

            write_state_dict(tensors, temporary)
