"""A network that learnt real digits, once for all tests."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras, onnx_io
from tests.optimize.networks import Digits, digits_network


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
