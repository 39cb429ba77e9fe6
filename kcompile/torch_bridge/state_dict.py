"""PyTorch's weight files, written: .pt and .pth. ``kcompile.formats.torch_file`` reads them."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import torch

from .arrays import as_tensor


def write_state_dict(tensors: Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> None:
    """Writes named arrays as ``torch.save`` writes a state_dict, to this path as it is."""
    torch.save({name: as_tensor(np.array(array)) for name, array in tensors.items()}, path)
