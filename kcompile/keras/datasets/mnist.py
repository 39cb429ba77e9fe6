"""MNIST: handwritten digits, 28 x 28 gray (LeCun, Cortes, Burges)."""

from __future__ import annotations

import numpy as np

from ..utils.download import get_file
from ._files import ORIGIN, read_npz

ORIGIN_URL = ORIGIN + "mnist.npz"
HASH = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def load_data(
    path: str = "mnist.npz",
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """``(x_train, y_train), (x_test, y_test)``: 60000 and 10000 digits.

    Args:
        path: name in the cache folder, downloaded if it is not there.

    Returns:
        x: uint8 (samples, 28, 28), y: uint8 (samples,).
    """
    path = get_file(path, origin=ORIGIN_URL, file_hash=HASH)
    x_train, y_train, x_test, y_test = read_npz(path, ["x_train", "y_train", "x_test", "y_test"])
    return (x_train, y_train), (x_test, y_test)
