"""What an installed distribution has to do; run by the Python that has it, outside of the checkout."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np


def model(path: str) -> None:
    """Writes a model as ONNX, from Keras code, without torch; loads it back; the command answers."""
    from kcompile import keras
    from kcompile.keras import layers

    assert importlib.util.find_spec("torch") is None
    network = keras.Sequential([layers.Dense(4, activation="relu", input_shape=(3,)), layers.Dense(2)])
    network.export(path, verify=False)
    expected = network.predict(SAMPLES)
    np.testing.assert_allclose(keras.models.load_model(path).predict(SAMPLES), expected, atol=1e-6)
    np.save(Path(path).with_suffix(".npy"), expected)
    program = Path(sys.executable).parent / "kcompile"
    subprocess.run([program, "inspect", path], check=True, stdout=subprocess.DEVNULL)


def runtime(path: str) -> None:
    """Predicts with that file where there are numpy and onnxruntime alone."""
    from kcompile_runtime import Executor

    assert importlib.util.find_spec("kcompile") is None
    found = Executor(path).predict(SAMPLES)
    np.testing.assert_allclose(found, np.load(Path(path).with_suffix(".npy")), atol=1e-6)


SAMPLES = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)

if __name__ == "__main__":
    {"model": model, "runtime": runtime}[sys.argv[1]](sys.argv[2])
