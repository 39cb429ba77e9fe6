"""Real digits: a convolutional network trained for 8 bits is as accurate, run of integers, as in float."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest

from kcompile import keras
from kcompile.keras import layers as L
from kcompile.keras.quantization import prepare


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    data = load_digits()
    x = (data.images[..., None] / 16).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    return x[order], data.target[order]


@pytest.fixture(scope="module")
def network(digits):
    """Three convolutions with batch normalisation, trained in float on 1,200 digits."""
    x, y = digits
    np.random.seed(0)
    model = keras.Sequential([L.InputLayer((8, 8, 1))])
    for filters, strides in ((16, 1), (32, 2), (32, 1)):
        model.add(L.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False))
        model.add(L.BatchNormalization(momentum=0.9))
        model.add(L.ReLU())
    model.add(L.GlobalAveragePooling2D())
    model.add(L.Dense(10, activation="softmax"))
    for rate, epochs in ((3e-3, 15), (3e-4, 4)):
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        model.fit(x[:1200], y[:1200], batch_size=64, epochs=epochs, verbose=0)
    return model


def accuracy(path, x, y, optimized=None):
    """In percent, as onnxruntime computes a file."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: x})[0]
    return 100 * float((found.argmax(axis=1) == y).mean())


@pytest.mark.parametrize("ranges", ["moving", "learned"])
def test_digits_are_told_as_well_by_integers_as_in_float(ranges, digits, network, tmp_path):
    x, y = digits
    network.export(tmp_path / "float.onnx", verify=False)
    in_float = accuracy(tmp_path / "float.onnx", x[1200:], y[1200:])
    assert in_float > 97.5

    prepared = prepare(network, x[:200], ranges=ranges)
    prepared.compile(keras.optimizers.Adam(3e-5), "sparse_categorical_crossentropy")
    prepared.fit(x[:1200], y[:1200], batch_size=64, epochs=4, verbose=0)
    prepared.export(tmp_path / "integers.onnx")
    optimized = tmp_path / "optimized.onnx"
    of_integers = accuracy(tmp_path / "integers.onnx", x[1200:], y[1200:], optimized)
    assert of_integers >= in_float - 0.2
    kernels = Counter(node.op_type for node in onnx.load(optimized).graph.node)
    assert (kernels["QLinearConv"], kernels["QGemm"], kernels["Conv"], kernels["Gemm"]) == (3, 1, 0, 0)
