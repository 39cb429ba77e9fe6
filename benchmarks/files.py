"""Loading a file of 500 MB next to a plain read of it, and a CNN of 150 layers from its file to ONNX."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from .measuring import Row
from .memory import peak_mib

UNITS, LAYERS = 4096, 8
PEAK_TARGET, TIME_TARGET = 1.3, 2.0
BLOCKS, CNN_TARGET = 50, 3.0
TOPIC = "files"


def rows(units: int = UNITS) -> Iterator[Row]:
    """For .h5 and .keras: peak of memory while loading, and seconds, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for extension in (".h5", ".keras"):
            path = os.path.join(folder, f"model{extension}")
            _ask("save", path, str(units))
            size = os.path.getsize(path) / 2**20
            _ask("read", path)  # into the page cache, for both
            read, load = _ask("read", path), _ask("load", path)
            what = f"load_model of a {extension} file of {size:.0f} MiB"
            yield Row(TOPIC, f"{what}: peak", load["mib"], "MiB", size, load["mib"] / size, PEAK_TARGET)
            yield Row(
                TOPIC,
                f"{what}: time (other: a plain read of the file)",
                load["seconds"],
                "s",
                read["seconds"],
                load["seconds"] / read["seconds"],
                TIME_TARGET,
            )
            os.unlink(path)
        yield from _from_file_to_onnx(os.path.join(folder, "cnn.h5"))


def _from_file_to_onnx(path: str) -> Iterator[Row]:
    """Import, load with compile, export: each time in a fresh process."""
    _ask("save_cnn", path)
    for action, title in (("export_cnn", "verified"), ("export_cnn_unverified", "not verified")):
        seconds = min(_ask(action, path)["seconds"] for _ in range(3))
        what = f"CNN of {3 * BLOCKS} layers from .h5 to ONNX in a fresh process, {title}"
        yield Row(TOPIC, what, seconds, "s", target=CNN_TARGET)


def _ask(action: str, path: str, *arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.files", action, path, *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _cnn() -> Any:
    """Convolution, batch normalization, ReLU, fifty times, and a classifier."""
    from kcompile.keras import layers
    from kcompile.keras.models import Sequential

    model = Sequential([layers.InputLayer((64, 64, 3))])
    for block in range(BLOCKS):
        strides = 2 if block in (10, 25) else 1
        width = 64 if block < 25 else 128
        model.add(layers.Conv2D(width, 3, strides=strides, padding="same", use_bias=False))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("adam", "categorical_crossentropy")
    return model


def _export_cnn(path: str, verify: bool) -> dict[str, float]:
    start = time.perf_counter()
    from kcompile.keras.models import load_model

    load_model(path).export(path + ".onnx", verify=verify)
    return {"seconds": time.perf_counter() - start}


def _act(action: str, path: str, units: int) -> dict[str, float]:
    if action.startswith("export_cnn"):
        return _export_cnn(path, verify=action == "export_cnn")
    from kcompile.keras.layers import Dense
    from kcompile.keras.models import Sequential, load_model

    if action == "save":
        Sequential([Dense(units, input_shape=(units,)), *(Dense(units) for _ in range(LAYERS - 1))]).save(
            path
        )
        return {}
    if action == "save_cnn":
        _cnn().save(path)
        return {}
    import h5py  # noqa: F401  (its own memory does not count)

    before, start = peak_mib(), time.perf_counter()
    if action == "load":
        kept: object = load_model(path, compile=False)
    else:
        with open(path, "rb") as file:
            kept = file.read()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "mib": peak_mib() - before, "kept": float(kept is not None)}


if __name__ == "__main__":
    print(json.dumps(_act(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else UNITS)))
