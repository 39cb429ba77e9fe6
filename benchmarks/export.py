"""The time from a Keras model to an ONNX file."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .measuring import Row, median_time
from .networks import MODELS, TITLES, keras_model

TARGET = 0.3

_FRESH = """
import sys, time
from kcompile.keras.models import load_model
model = load_model(sys.argv[1])
start = time.perf_counter()
model.export(sys.argv[2], verify=False)
print(time.perf_counter() - start)
"""


def rows(repeats: int = 9) -> Iterator[Row]:
    """The CNN, with and without verification, and the first export of a process."""
    model = keras_model("mnist_cnn")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.onnx")
        verified = median_time(lambda: model.export(path), repeats)
        plain = median_time(lambda: model.export(path, verify=False), repeats)
        command = [sys.executable, "-c", _FRESH, str(MODELS / "mnist_cnn.yaml"), path]
        first = min(
            float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for _ in range(3)
        )
    title = TITLES["mnist_cnn"]
    yield Row(
        "export to ONNX", f"{title}: verified against PyTorch (the default)", verified, "s", target=TARGET
    )
    yield Row("export to ONNX", f"{title}: not verified", plain, "s", target=TARGET)
    yield Row("export to ONNX", f"{title}: the first in a process, imports included", first, "s")
