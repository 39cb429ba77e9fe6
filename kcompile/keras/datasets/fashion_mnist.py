"""Fashion-MNIST: articles of clothing, 28 x 28 gray, of 10 classes (Xiao, Rasul, Vollgraf 2017)."""

from __future__ import annotations

import gzip
import math
import os
import zlib

import numpy as np

from ..utils.download import get_file
from ..utils.npz_files import read_up_to
from ._files import ORIGIN

ORIGIN_URL = ORIGIN
# Keras names no hashes for these files: the MD5 sums are those that the data set's authors publish.
HASHES = {
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
}


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """``(x_train, y_train), (x_test, y_test)``: 60000 and 10000 articles.

    Returns:
        x: uint8 (samples, 28, 28), y: uint8 (samples,).
    """
    folder = os.path.join("datasets", "fashion-mnist")
    paths = [
        get_file(name, origin=ORIGIN_URL + name, file_hash=file_hash, cache_subdir=folder)
        for name, file_hash in HASHES.items()
    ]
    y_train, x_train, y_test, x_test = (_read_idx(path) for path in paths)
    return (x_train, y_train), (x_test, y_test)


def _read_idx(path: str) -> np.ndarray:
    """An array in the IDX format: 0 0, type 8 (uint8), rank, one 4-byte length per axis, bytes; gzipped."""
    try:
        with gzip.open(path, "rb") as file:
            start = file.read(4)
            if len(start) != 4 or start[:3] != b"\0\0\x08":
                raise ValueError(f"{path} is not an IDX file of bytes: it starts with {start!r}.")
            shape = tuple(int.from_bytes(file.read(4), "big") for _ in range(start[3]))
            content = read_up_to(file, math.prod(shape))
            rest = file.read(1)  # at the end, where the checksum is compared
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged: {error}.") from error
    if len(content) != math.prod(shape) or rest:
        raise ValueError(
            f"{path} is cut short or too long: an array of shape {shape} has {math.prod(shape)} bytes."
        )
    return np.frombuffer(content, dtype="uint8").reshape(shape)
