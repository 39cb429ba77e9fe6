"""PyTorch's weight files: .pt and .pth."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from .arrays import as_array


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The tensors of a .pt or .pth file by name.

    Only tensors and plain containers are read (``weights_only``): a pickle that wants to call anything else
    is refused. A checkpoint that keeps its weights under "state_dict", "model_state_dict" or "model" is
    understood; "module." in front of every name, as DataParallel writes it, is dropped.

    Raises:
        ValueError: if the file is no such file, is damaged, wants to run code, or holds no tensors.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path}: holds more than tensors, and reading it could run code from it, so it is refused. Save "
            f"the weights alone: torch.save(model.state_dict(), ...). ({_first_line(error)})"
        ) from error
    except OSError:
        raise
    except Exception as error:  # torch's unpickler checks little: damage shows as errors of any kind
        raise ValueError(f"{path}: not a PyTorch weight file, or damaged ({_first_line(error)}).") from error
    tensors = _tensors(content)
    if not tensors:
        raise ValueError(f"{path}: no state_dict: there are no named tensors in it.")
    if all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): array for name, array in tensors.items()}
    return tensors


def _tensors(content: Any) -> dict[str, np.ndarray]:
    if not isinstance(content, Mapping):
        return {}
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content.get(key), Mapping):
            return _tensors(content[key])
    return {str(name): _array(tensor) for name, tensor in content.items() if isinstance(tensor, torch.Tensor)}


def _array(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach()
    if tensor.is_sparse or tensor.is_quantized:
        tensor = tensor.to_dense() if tensor.is_sparse else tensor.dequantize()
    return np.array(as_array(tensor))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def write_state_dict(tensors: Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> None:
    """Writes named arrays as ``torch.save`` writes a state_dict, to this path as it is."""
    torch.save({name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}, path)
