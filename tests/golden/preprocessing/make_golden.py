"""Writes golden.npz and golden.json: what Keras 2.3.1 answers to each case of cases.py.

Run at the repository's root, where Keras 2.3.1, keras_preprocessing 1.1.2, SciPy, Pillow and pandas are:
``python -m tests.golden.preprocessing.make_golden``.
"""

import contextlib
import json
import os
import sys
import tempfile

import keras
import keras.datasets
import keras.preprocessing
import numpy as np
import pandas

from . import cases

HERE = os.path.dirname(os.path.abspath(__file__))


class Tools:
    table = staticmethod(pandas.DataFrame)

    def __init__(self, folder):
        self.folder = folder

    @contextlib.contextmanager
    def files(self, name, **arrays):
        """While it lasts, the data set's file is one with these arrays."""
        path = os.path.join(self.folder, name + ".npz")
        np.savez(path, **arrays)
        module = getattr(keras.datasets, name)
        original, module.get_file = module.get_file, lambda *args, **kwargs: path
        try:
            yield
        finally:
            module.get_file = original


def plain(value):
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(repr(value))


def replace(name, write, mode):
    path = os.path.join(HERE, name)
    with open(path + ".tmp", mode) as file:
        write(file)
    os.replace(path + ".tmp", path)
    print(name, os.path.getsize(path), "bytes", file=sys.stderr)


def main():
    arrays, values = {}, {}
    for name, function in cases.CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            for key, value in function(keras, Tools(folder)).items():
                if isinstance(value, np.ndarray) and value.dtype != object:
                    arrays["%s/%s" % (name, key)] = value
                else:
                    values["%s/%s" % (name, key)] = value
    # One array for each dtype: thousands of entries in the archive would weigh more than the numbers.
    packed, index = {}, {}
    for key, value in sorted(arrays.items()):
        dtype = str(value.dtype)
        packed.setdefault(dtype, []).append(value.ravel())
        index[key] = [dtype, list(value.shape)]
    packed = {dtype: np.concatenate(parts) for dtype, parts in packed.items()}
    text = json.dumps(
        {"index": index, "values": values}, default=plain, sort_keys=True, separators=(",", ":")
    )
    replace("golden.npz", lambda file: np.savez_compressed(file, **packed), "wb")
    replace(
        "golden.json",
        lambda file: file.write(
            text.replace('"index":', '\n"index":').replace('"values":', '\n"values":') + "\n"
        ),
        "w",
    )


if __name__ == "__main__":
    main()
