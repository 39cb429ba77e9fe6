"""The main job, end to end: handwritten digits, from YAML to a process that predicts without torch.

    python examples/digits.py [FOLDER]      FOLDER keeps the files; by default they are temporary

Trains models/digits_cnn.yaml on scikit-learn's 8x8 digits, holds out a fifth of them, saves .h5, reloads it,
compiles it to .onnx, and predicts in a second process in which neither torch nor h5py nor onnx can be
imported. Ends with exit code 1 if the accuracy is below 98 % or a label differs.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from kcompile.keras.callbacks import LearningRateScheduler
from kcompile.keras.models import load_model

HERE = Path(__file__).resolve().parent
WANTED = 0.98
EPOCHS = 20


def load_digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images (samples, 8, 8, 1) in 0..1 and labels: four fifths to train on, a fifth held out."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[..., np.newaxis]
    split = train_test_split(images, digits.target, test_size=0.2, stratify=digits.target, random_state=0)
    return split[0], split[2], split[1], split[3]


def train(x: np.ndarray, y: np.ndarray) -> Any:
    np.random.seed(0)
    model = load_model(HERE.parent / "models" / "digits_cnn.yaml")
    model.summary()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    slower = LearningRateScheduler(lambda epoch: 2e-3 * (1 - epoch / EPOCHS) + 1e-4)
    model.fit(x, y, batch_size=32, epochs=EPOCHS, callbacks=[slower], verbose=2)
    return model


def handwritten_latency(images: np.ndarray) -> tuple[float, int]:
    """Milliseconds for one image through the same network written in PyTorch, and the number of threads."""
    import torch
    from torch import nn

    def block(channels_in: int, channels_out: int) -> list[nn.Module]:
        convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(channels_out), nn.ReLU()]

    layers = [*block(1, 32), *block(32, 32), nn.MaxPool2d(2), *block(32, 64), nn.Flatten()]
    network = nn.Sequential(*layers, nn.Linear(1024, 10), nn.Softmax(1)).eval()
    one, times = images[:1].transpose(0, 3, 1, 2), []
    with torch.inference_mode():
        for _ in range(2000):
            start = time.perf_counter()
            network(torch.from_numpy(one)).numpy()
            times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times), torch.get_num_threads()


def predict_elsewhere(model: Path, images: Path) -> dict[str, Any]:
    """What predict_digits.py says, in a process of its own."""
    command = [sys.executable, str(HERE / "predict_digits.py"), str(model), str(images)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _kib(path: Path) -> str:
    return f"{path.stat().st_size / 1024:.0f} KiB"


def main(folder: Path) -> int:
    x_train, y_train, x_test, y_test = load_digits()
    print(f"{len(x_train)} digits to train on, {len(x_test)} held out\n")
    start = time.perf_counter()
    model = train(x_train, y_train)
    training = time.perf_counter() - start
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)

    model.save(folder / "digits.h5")
    model = load_model(folder / "digits.h5")
    labels = model.predict(x_test).argmax(axis=1)

    start = time.perf_counter()
    model.export(folder / "digits.onnx", verify=False)
    exporting = time.perf_counter() - start
    start = time.perf_counter()
    model.export(folder / "digits.onnx")
    verified = time.perf_counter() - start

    np.save(folder / "images.npy", x_test)
    served = predict_elsewhere(folder / "digits.onnx", folder / "images.npy")
    equal = bool(np.array_equal(served["labels"], labels))
    torch_ms, threads = handwritten_latency(x_test)

    lines = {
        "accuracy on the held-out fifth": f"{accuracy:.2%} (at least {WANTED:.0%} wanted)",
        "training": f"{training:.1f} s",
        "digits.h5": f"{_kib(folder / 'digits.h5')}, with the optimizer's state",
        "digits.onnx": _kib(folder / "digits.onnx"),
        "export": f"{exporting:.2f} s, {verified:.2f} s with verification",
        "second process, without torch": f"ready in {served['ready_s']:.2f} s on {served['providers'][0]}",
        "its labels": f"{'equal' if equal else 'NOT EQUAL'} to those of the reloaded model",
        "one image": f"{served['one_image_ms']:.3f} ms",
        "one image, hand-written PyTorch": f"{torch_ms:.3f} ms ({threads} threads)",
    }
    print()
    for name, value in lines.items():
        print(f"{name:33}{value}")
    return 0 if accuracy >= WANTED and equal else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
        sys.exit(main(Path(sys.argv[1])))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary)))
