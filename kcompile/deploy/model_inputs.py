"""Arrays of files as the inputs of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kcompile_runtime import TensorInfo


def in_order(arrays: Mapping[str, np.ndarray], inputs: Sequence[TensorInfo], where: str) -> list[np.ndarray]:
    """Arrays in the order of the inputs: by name, or a single one for a single input.

    Raises:
        ValueError: there are not those that the inputs need.
    """
    names = [info.name for info in inputs]
    if all(name in arrays for name in names):
        return [arrays[name] for name in names]
    if len(arrays) == len(names) == 1:
        return list(arrays.values())
    found = ", ".join(filter(None, arrays)) or f"{len(arrays)} without names"
    raise ValueError(f"{where}: expected arrays named {', '.join(names)}, found {found}")


def as_input(array: np.ndarray, info: TensorInfo) -> np.ndarray:
    """Flat samples in the shape of the input where the sizes agree; numbers where it takes one each."""
    sizes = [size for size in (info.shape or ())[1:] if isinstance(size, int)]
    if not sizes or len(sizes) + 1 != len(info.shape or ()):
        return array
    flat = array.reshape(len(array), -1) if array.ndim <= 2 and len(array) else array
    if flat.ndim == 2 and int(np.prod(sizes)) == flat.shape[1]:
        return flat.reshape(len(flat), *sizes)
    return array
