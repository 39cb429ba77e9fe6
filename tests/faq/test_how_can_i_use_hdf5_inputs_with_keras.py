"""FAQ: HDF5 inputs are read batch by batch, whatever their size."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import resource
import sys
import h5py
import numpy as np
from kcompile.keras.layers import Dense
from kcompile.keras.models import Sequential
from kcompile.keras.utils import HDF5Matrix

ROWS, FEATURES = 40_000, 1_000
with h5py.File("big.hdf5", "w") as f:
    x = f.create_dataset("x", (ROWS, FEATURES), "float32", chunks=(500, FEATURES))
    for start in range(0, ROWS, 2_000):
        x[start : start + 2_000] = np.random.random((2_000, FEATURES))
    f["y"] = np.zeros((ROWS, 1), "float32")
model = Sequential([Dense(1, input_dim=FEATURES)])
model.compile("sgd", "mse")
model.fit(np.zeros((64, FEATURES)), np.zeros((64, 1)), verbose=0)
model.predict(np.zeros((500, FEATURES)))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
with h5py.File("big.hdf5", "r") as f:
    model.fit(f["x"], f["y"], batch_size=500, shuffle="batch", validation_split=0.1, verbose=0)
    model.evaluate(f["x"], f["y"], batch_size=500, verbose=0)
    model.predict(f["x"], batch_size=500)
x, y = HDF5Matrix("big.hdf5", "x"), HDF5Matrix("big.hdf5", "y")
model.fit(x, y, batch_size=500, shuffle="batch", verbose=0)
print(peak() - before)
"""


def test_a_file_of_153_megabytes_is_trained_on_in_a_third_of_that(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 50, f"{done.stdout} MiB more than before"
