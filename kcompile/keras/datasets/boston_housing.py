"""Boston housing: 13 attributes of suburbs and the median value of their houses (Harrison, Rubinfeld
1978).
"""

from __future__ import annotations

import numpy as np

from ..utils.download import get_file
from ._files import ORIGIN, read_npz, shuffled

ORIGIN_URL = ORIGIN + "boston_housing.npz"
HASH = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(
    path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """``(x_train, y_train), (x_test, y_test)``: 506 suburbs in all.

    Args:
        path: name in the cache folder, downloaded if it is not there.
        test_split: part of the samples in the test set, from 0 to below 1.
        seed: for the order, before the split.

    Returns:
        x: float64 (samples, 13), y: float64 (samples,), in thousands of dollars.

    Raises:
        ValueError: ``test_split`` is not from 0 to below 1.
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"test_split must be from 0 to below 1, found {test_split}.")
    path = get_file(path, origin=ORIGIN_URL, file_hash=HASH)
    x, y = shuffled(np.random.RandomState(seed), *read_npz(path, ["x", "y"]))
    edge = int(len(x) * (1 - test_split))
    return (x[:edge], y[:edge]), (x[edge:], y[edge:])
