"""Models that train for 8 bits: rounded as their files are, and saved, loaded and exported whole."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest

from kcompile import keras
from kcompile.keras import layers as L
from kcompile.keras.quantization import QuantizeWrapper, calibrate, prepare
from kcompile.keras.quantization.ranges import MovingRange
from kcompile.tf_keras import tensorflow as tf
from tests.keras.quantization import prepared_models as models

CASES = sorted(models.CASES)


def listed(arrays):
    return arrays if isinstance(arrays, list) else [arrays]


def furthest(expected, found):
    """The largest difference of outputs, relative to the largest value of each."""
    pairs = zip(listed(expected), listed(found), strict=True)
    return max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in pairs)


def made(name):
    """A model whose batch normalisation is not trivial: negative factors, averages and variances."""
    np.random.seed(0)
    model = models.CASES[name].make()
    random = np.random.default_rng(3)
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):
            size = layer.moving_mean.shape
            gamma = random.uniform(0.5, 1.5, size) * np.where(np.arange(*size) % 3, 1, -1)
            rest = random.normal(size=size) * 0.2, random.normal(size=size) * 0.2
            layer.set_weights([gamma, *rest, random.uniform(0.5, 2, size)])
    return model


def optimized(path, tmp_path):
    """The operators that onnxruntime runs for a file, and its results on samples."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    nodes = onnx.load(options.optimized_model_filepath).graph.node
    return Counter(node.op_type for node in nodes), session


@pytest.mark.parametrize("ranges", ["moving", "learned"])
@pytest.mark.parametrize("name", CASES)
def test_a_prepared_model_trains_and_its_file_computes_the_same_of_integers(name, ranges, tmp_path):
    model, samples = made(name), models.CASES[name].samples(64)
    expected = model.predict(samples)
    prepared = prepare(model, samples, ranges=ranges)
    assert furthest(expected, prepared.predict(samples)) < 0.2

    prepared.compile(keras.optimizers.Adam(1e-4), "mse")
    history = prepared.fit(samples, expected, batch_size=16, epochs=2, verbose=0)
    assert all(math.isfinite(loss) for loss in history.history["loss"])
    trained = prepared.predict(samples)

    path = tmp_path / "integers.onnx"
    assert prepared.export(path)  # compared with what PyTorch computes
    kernels, session = optimized(path, tmp_path)
    assert kernels & Counter(models.CASES[name].kernels) == Counter(models.CASES[name].kernels)
    found = session.run(None, {i.name: x for i, x in zip(session.get_inputs(), listed(samples), strict=True)})
    assert furthest(trained, found) < 0.05

    back = keras.models.load_model(path)
    assert furthest(trained, back.predict(samples)) < 0.01


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("name", CASES)
def test_a_prepared_model_comes_back_from_files(name, ending, tmp_path):
    samples = models.CASES[name].samples(32)
    prepared = prepare(made(name), samples)
    prepared.compile("sgd", "mse")
    prepared.save(tmp_path / f"model.{ending}")
    back = keras.models.load_model(tmp_path / f"model.{ending}")
    assert sorted(w.sum() for w in prepared.get_weights()) == sorted(w.sum() for w in back.get_weights())
    assert furthest(prepared.predict(samples), back.predict(samples)) == 0
    back.fit(samples, prepared.predict(samples), verbose=0)  # trains on


@pytest.mark.parametrize("name", CASES)
def test_kernels_are_stored_as_integers_of_8_bits(name, tmp_path):
    prepared = prepare(made(name), models.CASES[name].samples(32))
    prepared.export(tmp_path / "model.onnx", verify=False)
    graph = onnx.load(tmp_path / "model.onnx").graph
    stored = {tensor.name: tensor.data_type for tensor in graph.initializer}
    within = [layer for layer in prepared._flat_layers if isinstance(layer, QuantizeWrapper)]
    products = {weight.name for layer in within for weight in layer.layer.weights if "kernel" in weight.name}
    einsum = {node.input[1] for node in graph.node if node.op_type == "Einsum"}
    assert products
    assert {name for name in products - einsum if stored[name] != onnx.TensorProto.INT8} == set()


def test_ranges_are_means_of_all_batches_and_then_moving_ones():
    model = keras.Sequential([L.Dense(2, input_shape=(3,))])
    prepared = prepare(model, momentum=0.75)
    (its,) = prepared.layers[0].activation_ranges
    assert isinstance(its, MovingRange)
    prepared.compile(keras.optimizers.SGD(0.0), "mse")
    lows = [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]
    expected = None
    for seen, low in enumerate(lows):
        x = np.array([[low, 0, 1], [0, 0, 3]], np.float32)
        prepared.train_on_batch(x, np.zeros((2, 2)))
        share = max(1 / (seen + 1), 0.25)
        expected = low if expected is None else expected + (low - expected) * share
        np.testing.assert_allclose(its.limits.numpy(), [expected, 3.0], rtol=1e-6)
    assert its.batches.numpy() == len(lows)
    before = its.limits.numpy()
    prepared.predict(np.full((4, 3), 100.0))
    prepared.evaluate(np.full((4, 3), 100.0), np.zeros((4, 2)), verbose=0)
    np.testing.assert_array_equal(its.limits.numpy(), before)


def test_a_frozen_layer_keeps_its_ranges():
    prepared = prepare(keras.Sequential([L.Dense(2, input_shape=(3,)), L.Dense(2)]))
    prepared.layers[0].trainable = False
    prepared.compile("sgd", "mse")
    before = prepared.layers[0].get_weights()
    prepared.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
    for a, b in zip(before, prepared.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_calibration_finds_what_activations_hold():
    model = keras.Sequential([L.Dense(4, activation="relu", input_shape=(3,)), L.Dense(2)])
    x = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32) * 50
    prepared = prepare(model, x)
    hidden = keras.Model(model.inputs, model.layers[0].output).predict(x)
    limits = [its.limits.numpy() for layer in prepared.layers for its in layer.activation_ranges]
    np.testing.assert_allclose(limits, [[x.min(), x.max()], [hidden.min(), hidden.max()]], rtol=0.01)


def test_the_model_that_is_prepared_stays_as_it_is():
    model = made("convolution")
    weights, samples = model.get_weights(), models.CASES["convolution"].samples(8)
    prepared = prepare(model, samples)
    prepared.compile("sgd", "mse")
    prepared.fit(samples, np.ones((8, 3)), verbose=0)
    for a, b in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_to_keep_stay_float():
    model = made("dense")
    prepared = prepare(model, models.CASES["dense"].samples(8), keep=[model.layers[0].name])
    assert [isinstance(layer, QuantizeWrapper) for layer in prepared.layers] == [False, True, False]


def test_layers_of_users_are_rounded_by_what_they_emit(tmp_path):
    class Twice(L.Layer):
        def build(self, input_shape):
            self.a = self.add_weight("a", (input_shape[-1], 5))
            self.b = self.add_weight("b", (5, 2))
            super().build(input_shape)

        def call(self, inputs):
            return keras.backend.dot(keras.backend.relu(keras.backend.dot(inputs, self.a)), self.b)

    prepared = prepare(keras.Sequential([Twice(input_shape=(4,))]), np.ones((4, 4)))
    (wrapper,) = prepared.layers
    assert len(wrapper.activation_ranges) == 2  # of the input, and of what is between the products
    prepared.export(tmp_path / "model.onnx")
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node)
    assert kinds["DequantizeLinear"] == 4
    assert kinds["QuantizeLinear"] == 2


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_own_steps_train_in_rounded_numbers(run_eagerly):
    class Own(keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(self(x, training=True) - y))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"loss": loss}

    samples, targets = models.CASES["depthwise"].samples(8), np.ones((8, 3), np.float32)
    prepared, other = (prepare(made("depthwise"), samples) for _ in range(2))
    own = Own(prepared.inputs, prepared.outputs)
    own.compile("sgd", run_eagerly=run_eagerly)
    own.fit(samples, targets, verbose=0)
    other.compile("sgd", "mse")
    other.fit(samples, targets, verbose=0)
    for a, b in zip(prepared.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: prepare(m, ranges="guessed"), "ranges must be"),
        (lambda m: prepare(m, momentum=1.0), "momentum must be"),
        (lambda m: prepare(m, ranges="learned"), "give some samples"),
        (lambda m: prepare(m, keep=["nobody"]), "has no layer 'nobody'"),
        (lambda m: prepare(m, keep="dense"), "keep is a list"),
        (lambda m: prepare(L.Dense(2)), "takes a Model"),
        (lambda m: prepare(keras.Sequential([L.Dense(2)])), "is not built yet"),
        (lambda m: prepare(prepare(m)), "is prepared for integers already"),
        (lambda m: prepare(keras.Sequential([L.ReLU(input_shape=(3,))])), "no products of weights"),
        (lambda m: prepare(m, np.zeros((0, 6))), "at least one"),
        (lambda m: prepare(m, [np.ones((2, 6)), np.ones((2, 6))]), "samples are 2 arrays"),
        (lambda m: prepare(m, {"other": np.ones((2, 6))}), "no samples for the input"),
        (lambda m: prepare(m, np.full((2, 6), np.nan)), "NaN or infinite"),
        (lambda m: calibrate(m, np.ones((2, 6))), "is not what prepare"),
    ],
)
def test_what_cannot_be_prepared_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(made("dense"))
