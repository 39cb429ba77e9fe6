"""Files that onnxruntime's quantizer wrote: loaded, trained on, exported again."""

from __future__ import annotations

import copy
from collections import Counter

import numpy as np
import onnx
import pytest

from kcompile import keras
from kcompile.keras import layers as L
from kcompile.keras.quantization import prepare
from kcompile.optimize import quantize


@pytest.fixture(scope="module")
def samples():
    return np.random.default_rng(0).normal(size=(64, 8, 8, 3)).astype(np.float32)


@pytest.fixture(
    scope="module",
    params=[
        *("by channel", "by tensor", "int8 activations"),
        pytest.param("ours", marks=pytest.mark.needs_onnxruntime(1, 27)),
    ],
)
def quantized(request, samples, tmp_path_factory):
    """A file by ``quantize_static`` as its documentation has it, and one by ``kcompile.optimize``."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    folder = tmp_path_factory.mktemp("quantized")
    np.random.seed(0)
    model = keras.Sequential(
        [
            L.Conv2D(6, 3, activation="relu", data_format="channels_first", input_shape=(3, 8, 8)),
            # so many channels that our files compute the scale of the bias
            L.Conv2D(20, 3, bias_initializer="ones", data_format="channels_first"),
            L.Flatten(),
            L.Dense(2),
        ]
    )
    model.export(folder / "float.onnx")
    if request.param == "ours":
        quantize(folder / "float.onnx", calibrate=samples.transpose(0, 3, 1, 2)).save(
            folder / "integers.onnx"
        )
        assert any(node.op_type == "Mul" for node in onnx.load(folder / "integers.onnx").graph.node)
        return folder / "integers.onnx"

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.rest = iter([samples.transpose(0, 3, 1, 2)])

        def get_next(self):
            batch = next(self.rest, None)
            name = onnx.load(folder / "float.onnx").graph.input[0].name
            return None if batch is None else {name: batch}

    quantize_static(
        folder / "float.onnx",
        folder / "integers.onnx",
        Reader(),
        per_channel=request.param == "by channel",
        activation_type=QuantType.QInt8 if request.param == "int8 activations" else QuantType.QUInt8,
    )
    proto = onnx.load(folder / "integers.onnx")
    del proto.metadata_props[:]  # anybody's
    onnx.save(proto, folder / "integers.onnx")
    return folder / "integers.onnx"


def test_a_quantized_file_is_trained_on_in_its_own_integers(quantized, samples, tmp_path):
    x = samples.transpose(0, 3, 1, 2)
    loaded = keras.models.load_model(quantized)
    before = loaded.predict(x)
    prepared = prepare(loaded)
    np.testing.assert_allclose(prepared.predict(x), before, atol=0.05 * np.abs(before).max())
    assert [len(w.shape) for w in prepared.trainable_weights].count(4) == 2
    targets = before + np.array([1.0, -1.0])
    prepared.compile(keras.optimizers.Adam(0.003), "mse")
    history = prepared.fit(x, targets, epochs=8, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]

    prepared.export(tmp_path / "trained.onnx")
    kinds = [
        Counter(n.op_type for n in onnx.load(p).graph.node) for p in (quantized, tmp_path / "trained.onnx")
    ]
    assert kinds[1]["QuantizeLinear"] == kinds[0]["QuantizeLinear"]  # none for weights
    types = Counter(t.data_type for t in onnx.load(tmp_path / "trained.onnx").graph.initializer if t.dims)
    assert types[onnx.TensorProto.INT8] >= 3
    again = keras.models.load_model(tmp_path / "trained.onnx").predict(x)
    trained = prepared.predict(x)
    np.testing.assert_allclose(again, trained, atol=0.05 * np.abs(trained).max())
    assert np.square(again - targets).mean() < 0.6 * np.square(before - targets).mean()


def test_a_prepared_file_is_copied_and_saved(quantized, samples, tmp_path):
    x = samples.transpose(0, 3, 1, 2)
    prepared = prepare(keras.models.load_model(quantized))
    prepared.save(tmp_path / "model.h5")
    for other in (keras.models.load_model(tmp_path / "model.h5"), copy.deepcopy(prepared)):
        np.testing.assert_array_equal(other.predict(x), prepared.predict(x))
