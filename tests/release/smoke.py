"""What an installed distribution has to do; run by the Python that has it, outside of the checkout.

    python smoke.py model|runtime PATH

It prints what it did, by name: what a package is missing for is left out.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np


def model(path: str) -> list[str]:
    """Writes a model as ONNX, from Keras code; loads it back, by way of each format; the command answers."""
    from kcompile import keras
    from kcompile.keras import layers

    network = keras.Sequential(
        [
            layers.Conv1D(4, 2, padding="same", activation="relu", input_shape=(6, 3)),
            layers.BatchNormalization(),
            layers.LSTM(5),
            layers.Dropout(0.5),
            layers.Dense(2, activation="softmax"),
        ]
    )
    done = ["train"] if _train(network, keras) else []
    network.export(path, verify=False)
    expected = network.predict(SAMPLES)
    _same(keras.models.load_model(path).predict(SAMPLES), expected)
    for name in ("model.h5", "model.keras"):
        saved = str(Path(path).with_name(name))
        network.save(saved)
        _same(keras.models.load_model(saved).predict(SAMPLES), expected)
    again = keras.models.model_from_json(network.to_json())
    again.set_weights(network.get_weights())
    _same(again.predict(SAMPLES), expected)
    np.save(Path(path).with_suffix(".npy"), expected)
    program = Path(sys.executable).parent / "kcompile"
    subprocess.run([program, "inspect", path], check=True, stdout=subprocess.DEVNULL)
    return [*done, "files", "export", *_smaller(path, expected), *_served(path, expected)]


def runtime(path: str) -> list[str]:
    """Predicts with that file where there are numpy and onnxruntime alone; serves it."""
    from kcompile_runtime import Executor

    assert importlib.util.find_spec("kcompile") is None
    expected = np.load(Path(path).with_suffix(".npy"))
    executor = Executor(path)
    _same(executor.predict(SAMPLES), expected)
    lost = SAMPLES.copy()
    lost[1] = np.nan
    assert np.isnan(executor.predict(lost)).any(axis=1).tolist() == [False, True]  # through the LSTM
    return ["predict", "NaN", *_served(path, expected)]


def _train(network: Any, keras: Any) -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    keras.utils.set_random_seed(0)
    network.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    history = network.fit(SAMPLES, np.array([0, 1]), epochs=50, verbose=0).history["loss"]
    assert history[-1] < history[0]
    return True


def _smaller(path: str, expected: np.ndarray) -> list[str]:
    """Each way of quantizing that the installed onnxruntime has tools for."""
    from kcompile.optimize import OptimizeError, quantize
    from kcompile_runtime import Executor

    done = []
    for method in ("dynamic", "static"):
        try:
            made = quantize(path, method, calibrate=np.repeat(SAMPLES, 8, 0) if method == "static" else None)
        except OptimizeError as error:
            assert "needs onnxruntime" in str(error)
            continue
        found = Executor(made.model.SerializeToString()).predict(SAMPLES)
        np.testing.assert_allclose(found, expected, atol=0.05)
        done.append(f"quantize {method}")
    return done


def _served(path: str, expected: np.ndarray) -> list[str]:
    """Asks a server for a prediction over REST; nothing where the extra ``serve`` is not installed."""
    if importlib.util.find_spec("uvicorn") is None:
        return []
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = [
        sys.executable,
        "-m",
        "kcompile_runtime.serving",
        path,
        "--port",
        str(port),
        "--grpc-port",
        "0",
    ]
    with subprocess.Popen(program) as server:
        try:
            found = _asked(f"http://127.0.0.1:{port}/v1/models/{Path(path).stem}:predict", server)
        finally:
            server.terminate()
    _same(np.asarray(found["predictions"], np.float32), expected)
    return ["serve"]


def _asked(address: str, server: subprocess.Popen[bytes], seconds: float = 60) -> Any:
    body = json.dumps({"instances": SAMPLES.tolist()}).encode()
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address, body, timeout=seconds) as answer:
                return json.load(answer)
        except OSError:  # not there yet
            if time.monotonic() > end or server.poll() is not None:
                raise
            time.sleep(0.1)


def _same(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-5)


SAMPLES = np.linspace(-1, 1, 36, dtype=np.float32).reshape(2, 6, 3)
PACKAGES = ("numpy", "onnx", "onnxruntime", "torch")

if __name__ == "__main__":
    done = {"model": model, "runtime": runtime}[sys.argv[1]](sys.argv[2])
    here = {
        distribution.metadata["Name"]: distribution.version
        for distribution in importlib.metadata.distributions()
    }
    print(json.dumps({"did": done, "versions": {name: here[name] for name in PACKAGES if name in here}}))
