"""What is measured within a process of stock Keras 3; the last line that is printed is the answer, as JSON.

python -m kcompile.keras3 -m benchmarks.keras3_process predict cnn
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

from .keras3_networks import NETWORKS
from .measuring import compare


def predict(name: str) -> None:
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
    print(json.dumps(asdict(compare(lambda: model.predict(one, verbose=0), bare, most_seconds=4.0))))


def export(name: str, path: str) -> None:
    """Writes the file; answers with the seconds that it took, after a smaller model: imports are no part."""
    import keras

    options = {"verify": False} if keras.backend.backend() == "kcompile" else {}
    for network in ("mlp", name):
        model, x, _ = NETWORKS[network](keras)
        model.predict(x[:1], verbose=0)  # other backends export what has been called
        start = time.perf_counter()
        model.export(path, format="onnx", verbose=False, **options)
        seconds = time.perf_counter() - start
    print(json.dumps(seconds))


if __name__ == "__main__":
    {"predict": predict, "export": export}[sys.argv[1]](*sys.argv[2:])
