"""The batches that CIFAR-10 and CIFAR-100 come in: pickles of Python 2."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from . import _pickles

_PIXELS = 3 * 32 * 32


def load_batch(fpath: Any, label_key: str = "labels") -> tuple[np.ndarray, list[int]]:
    """``(data, labels)`` of one batch.

    Args:
        fpath: the file.
        label_key: under which name the batch keeps the labels.

    Returns:
        data: uint8 (samples, 3, 32, 32); labels: a list.

    Raises:
        ValueError: the file is not such a batch, or its pickle asks for more than arrays and lists.
    """
    what = os.fspath(fpath)
    with open(fpath, "rb") as file:
        content = _pickles.load(file, what)
    if not isinstance(content, dict):
        raise ValueError(
            f"{what} is not a CIFAR batch: expected a dictionary, found {type(content).__name__}."
        )
    batch = {key.decode("utf8") if isinstance(key, bytes) else key: value for key, value in content.items()}
    missing = [key for key in ("data", label_key) if key not in batch]
    if missing:
        raise ValueError(
            f"{what} is not a CIFAR batch with {missing[0]!r}: it holds {sorted(map(str, batch))}."
        )
    data, labels = batch["data"], batch[label_key]
    if (
        not isinstance(data, np.ndarray)
        or data.ndim != 2
        or data.shape[1] != _PIXELS
        or len(labels) != len(data)
    ):
        raise ValueError(
            f"{what} is not a CIFAR batch: expected data of shape (samples, {_PIXELS}) and as many labels, "
            f"found {np.shape(data)} and {len(labels)}."
        )
    return data.reshape(-1, 3, 32, 32), labels
