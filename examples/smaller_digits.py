"""Train, quantise, report, serve: handwritten digits read by a file a quarter of the size.

    python examples/smaller_digits.py [FOLDER]      FOLDER keeps the files; by default they are temporary

Trains models/digits_cnn.yaml on scikit-learn's 8x8 digits, writes it in 8 bits with ranges of 200 of them,
lets no more than half a point of accuracy go on digits that it never saw, writes a page about it, and asks a
server (``kcompile serve``, in a process of its own) for the held-out digits. Ends with exit code 1 if the
accuracy drops by more, the file is larger than 35 %, or the server answers otherwise than the file does here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

from kcompile.keras.models import load_model
from kcompile.keras.utils import set_random_seed
from kcompile_runtime import Executor

HERE = Path(__file__).resolve().parent
MOST_DROP, LARGEST, EPOCHS = 0.005, 0.35, 12


def load_digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images (samples, 8, 8, 1) in 0..1 and labels: four fifths to train on, a fifth held out."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[..., np.newaxis]
    split = train_test_split(images, digits.target, test_size=0.2, stratify=digits.target, random_state=0)
    return split[0], split[2], split[1], split[3]


def train(x: np.ndarray, y: np.ndarray, epochs: int) -> Any:
    set_random_seed(0)
    model = load_model(HERE.parent / "models" / "digits_cnn.yaml")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)
    return model


def ask_server(file: Path, images: np.ndarray) -> np.ndarray:
    """The answers of a server that runs the file, by the Open Inference Protocol."""
    command = [sys.executable, "-m", "kcompile_runtime.serving", str(file), "--port", "0", "--no-grpc"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = server.stdout.readline().split()[0].rstrip(":")
            url = f"{address}/v2/models/{file.stem}"
            given = json.load(urllib.request.urlopen(url))["inputs"][0]["name"]
            tensor = {
                "name": given,
                "shape": images.shape,
                "datatype": "FP32",
                "data": images.ravel().tolist(),
            }
            body = json.dumps({"inputs": [tensor]}).encode()
            answer = json.load(urllib.request.urlopen(f"{url}/infer", body))["outputs"][0]
            return np.array(answer["data"], np.float32).reshape(answer["shape"])
        finally:
            server.terminate()


def main(folder: Path, epochs: int = EPOCHS) -> int:
    x, y, x_test, y_test = load_digits()
    model = train(x, y, epochs)
    file = folder / "digits_int8.onnx"
    result = model.quantize(
        file, calibrate=x[:200], evaluate=x_test, labels=y_test, max_drop=MOST_DROP, details=True
    )
    report = result.report("Handwritten digits in 8 bits")
    report.save(folder / "report.html")
    print(report)
    if not result.held:
        print(f"the accuracy drops by {result.measured.drop:.4f}, {MOST_DROP} is allowed")
        return 1

    here, there = Executor(file).predict(x_test), ask_server(file, x_test)
    same = np.array_equal(here.argmax(1), there.argmax(1))
    share = result.bytes_after / result.bytes_before
    print(
        f"{file}: {share:.0%} of the float32 file; the server answers {'the same' if same else 'otherwise'}"
    )
    return 0 if same and share <= LARGEST else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        chosen = Path(sys.argv[1])
        chosen.mkdir(parents=True, exist_ok=True)
        sys.exit(main(chosen))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary)))
