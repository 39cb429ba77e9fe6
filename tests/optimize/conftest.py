"""A network that learnt real digits, once for all tests."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras, onnx_io
from kcompile_runtime.session import load_onnxruntime, older
from tests.optimize.networks import Digits, digits_network

QUANTIZING = {"calibrating", "compact", "equalization", "pads", "profiling", "quantize", "search", "tuning"}


@pytest.fixture(autouse=True)
def _tools(request: pytest.FixtureRequest) -> None:
    """Skips what takes onnxruntime's tools of 1.27 (test_old_releases.py does not)."""
    name = request.module.__name__.rpartition(".test_")[2]
    if name in QUANTIZING and older(load_onnxruntime(), 1, 27):
        pytest.skip("quantizing by samples and in blocks needs onnxruntime 1.27")


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_digits

    keras.utils.set_random_seed(0)
    found = load_digits()
    images = (found.images / 16).astype(np.float32)[..., np.newaxis]
    order = np.random.default_rng(0).permutation(len(images))
    x, y = images[order], found.target[order]
    model = digits_network()
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(x[:1400], y[:1400], batch_size=50, epochs=6, verbose=0)
    path = tmp_path_factory.mktemp("digits") / "digits.onnx"
    model.export(path, verify=False)
    return Digits(model, path, onnx_io.load(path), x[:1400], y[:1400], x[1400:], y[1400:])
