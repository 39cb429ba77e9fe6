"""What is measured within a process of stock Keras 3: a line of JSON by network, its name and the answer.

python -m kcompile.keras3 -m benchmarks.keras3_process predict cnn mlp
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from .keras3_networks import NETWORKS
from .measuring import compare, median_time


def predict(name: str) -> dict[str, float]:
    """``predict`` of one sample next to a bare session of the exported file."""
    import keras
    import onnxruntime

    model, x, _ = NETWORKS[name](keras)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.onnx")
        model.export(path, verbose=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    one = x[:1]
    bare = partial(session.run, None, {session.get_inputs()[0].name: one})
    return asdict(compare(lambda: model.predict(one, verbose=0), bare, most_seconds=2.0))


def export(name: str, folder: str) -> float | str:
    """Writes ``<folder>/<name>.onnx``; the seconds that it takes, or in words why there is no file."""
    import keras

    options = {"verify": False} if keras.backend.backend() == "kcompile" else {}
    model, x, _ = NETWORKS[name](keras)
    model.predict(x[:1], verbose=0)  # other backends export what has been called
    path = str(Path(folder) / f"{name}.onnx")
    try:
        return median_time(lambda: model.export(path, format="onnx", verbose=False, **options), 3)
    except Exception as error:  # whatever another backend's exporter raises
        return (str(error).strip().splitlines() or [type(error).__name__])[0]


def main() -> None:
    """``predict NETWORK...`` or ``export FOLDER NETWORK...``."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a Keras prints is no answer
    task, *given = sys.argv[1:]
    measured: Any = predict
    names = given
    if task == "export":
        folder, *names = given
        measured = partial(export, folder=folder)
    for name in names:
        print(json.dumps([name, measured(name)]), file=answers, flush=True)


if __name__ == "__main__":
    main()
