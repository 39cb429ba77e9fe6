"""CIFAR-10: 32 x 32 colour images of 10 classes (Krizhevsky 2009)."""

from __future__ import annotations

import os

import numpy as np

from ..backend.config import image_data_format
from ..utils.download import get_file
from .cifar import load_batch

ORIGIN_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
HASH = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
_FOLDER = "cifar-10-batches-py"


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """``(x_train, y_train), (x_test, y_test)``: 50000 and 10000 images.

    Returns:
        x: uint8 (samples, 32, 32, 3), or (samples, 3, 32, 32) where ``K.image_data_format()`` is
            channels_first;
        y: (samples, 1), uint8 for training and int64 for test, as Keras 2.3 has them.
    """
    path = get_file(_FOLDER, origin=ORIGIN_URL, untar=True, file_hash=HASH)
    batches = [load_batch(os.path.join(path, f"data_batch_{number}")) for number in range(1, 6)]
    x_train = np.concatenate([data for data, _ in batches])
    y_train = np.concatenate([np.array(labels, dtype="uint8") for _, labels in batches]).reshape(-1, 1)
    x_test, labels = load_batch(os.path.join(path, "test_batch"))
    y_test = np.reshape(labels, (-1, 1))
    if image_data_format() == "channels_last":
        x_train, x_test = x_train.transpose(0, 2, 3, 1), x_test.transpose(0, 2, 3, 1)
    return (x_train, y_train), (x_test, y_test)
