"""CIFAR-100: 32 x 32 colour images of 100 classes in 20 groups (Krizhevsky 2009)."""

from __future__ import annotations

import os

import numpy as np

from ..backend.config import image_data_format
from ..utils.download import get_file
from .cifar import load_batch

ORIGIN_URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
HASH = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"
_FOLDER = "cifar-100-python"


def load_data(
    label_mode: str = "fine",
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """``(x_train, y_train), (x_test, y_test)``: 50000 and 10000 images.

    Args:
        label_mode: "fine" for the 100 classes, "coarse" for the 20 groups.

    Returns:
        x: uint8 (samples, 32, 32, 3), or (samples, 3, 32, 32) where ``K.image_data_format()`` is
            channels_first;
        y: int64 (samples, 1).

    Raises:
        ValueError: another ``label_mode``.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f'`label_mode` must be one of `"fine"`, `"coarse"`, found {label_mode!r}.')
    path = get_file(_FOLDER, origin=ORIGIN_URL, untar=True, file_hash=HASH)
    x_train, y_train = load_batch(os.path.join(path, "train"), label_key=f"{label_mode}_labels")
    x_test, y_test = load_batch(os.path.join(path, "test"), label_key=f"{label_mode}_labels")
    if image_data_format() == "channels_last":
        x_train, x_test = x_train.transpose(0, 2, 3, 1), x_test.transpose(0, 2, 3, 1)
    return (x_train, np.reshape(y_train, (-1, 1))), (x_test, np.reshape(y_test, (-1, 1)))
