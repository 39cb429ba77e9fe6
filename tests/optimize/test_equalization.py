"""Channels are brought to like ranges without a change of what the model computes, and where that pays."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from kcompile import keras
from kcompile.keras import layers as L
from kcompile.optimize import Samples, quantize, quantizing
from kcompile.optimize.equalization import equalized, pairs, unshared
from kcompile_runtime import Executor
from tests.optimize.networks import exported

X = np.random.default_rng(0).standard_normal((40, 8, 8, 3)).astype(np.float32)
ROWS = np.random.default_rng(0).standard_normal((40, 6, 16)).astype(np.float32)


def convolutions():
    return keras.Sequential(
        [
            L.Conv2D(8, 3, padding="same", input_shape=(8, 8, 3), name="a"),
            L.LeakyReLU(0.1),
            L.DepthwiseConv2D(3, activation="relu", name="b"),
            L.MaxPooling2D(2),
            L.Conv2D(8, 1, name="c"),
        ]
    )


def cut():
    return keras.Sequential(
        [
            L.Conv2D(8, 3, input_shape=(8, 8, 3)),
            L.ReLU(6.0),
            L.Conv2D(4, 1),
            L.Activation("tanh"),
            L.Conv2D(4, 1),
        ]
    )


def branching():
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(8, 3, padding="same", activation="relu")(inputs)
    y = L.Conv2D(8, 3, padding="same", activation="relu")(x)
    return keras.Model(inputs, L.Conv2D(4, 1)(L.Add()([x, y])))


def several_readers():
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(8, 3, padding="same", activation="relu")(inputs)
    return keras.Model(inputs, L.Add()([L.Conv2D(8, 3, padding="same")(x), L.Conv2D(8, 1)(x)]))


def dense():
    return keras.Sequential(
        [L.Dense(32, activation="relu", input_shape=(16,)), L.Dense(8, use_bias=False), L.Dense(4)]
    )


def normalised():
    inputs = keras.Input((6, 16))
    x = L.LayerNormalization()(inputs)
    return keras.Model(inputs, L.Dense(4)(L.Dense(32, activation="relu")(x)))


def read_as_output():
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(8, 3)(inputs)
    return keras.Model(inputs, [x, L.Conv2D(4, 1)(x)])


NETWORKS = {  # how many pairs there are
    "convolutions": (convolutions, X, 2),
    "cut and bent": (cut, X, 0),
    "branching": (branching, X, 0),
    "several readers": (several_readers, X, 1),
    "dense": (dense, ROWS[:, 0], 2),
    "normalised": (normalised, ROWS, 2),
    "an output": (read_as_output, X, 0),
}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_model_computes_the_same(name, tmp_path):
    make, x, count = NETWORKS[name]
    keras.utils.set_random_seed(0)
    prepared = quantizing.prepare(exported(make(), tmp_path))
    assert len(pairs(unshared(prepared))) == count
    made = equalized(prepared, Samples(prepared, x))
    assert (made is None) == (count == 0)
    if made is not None:
        expected, got = (Executor(m.SerializeToString()).run([x])[0] for m in (prepared, made))
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)
        before, after = (
            {i.name: numpy_helper.to_array(i) for i in m.graph.initializer} for m in (prepared, made)
        )
        assert sum(not np.array_equal(before[name], after[name]) for name in before) >= count


def uneven(folder) -> onnx.ModelProto:
    """Channels between the layers of which one is a thousand times as large as the others."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            L.Conv2D(16, 3, activation="relu", input_shape=(8, 8, 3), name="a"),
            L.DepthwiseConv2D(3, activation="relu", name="b"),
            L.Conv2D(4, 1, name="c"),
        ]
    )
    kernel, bias = model.get_layer("a").get_weights()
    kernel[..., 0] *= 1000
    model.get_layer("a").set_weights([kernel, bias])
    depthwise, bias = model.get_layer("b").get_weights()
    depthwise[:, :, 0] /= 1000
    model.get_layer("b").set_weights([depthwise, bias])
    return exported(model, folder)


def test_it_is_done_where_it_pays(tmp_path):
    source = uneven(tmp_path)
    without, chosen = (quantize(source, calibrate=X, equalize=asked) for asked in (False, None))
    assert chosen.step["equalized"] and not without.step["equalized"]
    assert chosen.differences[0].sqnr > without.differences[0].sqnr + 10


def test_it_is_left_where_it_does_not(digits):
    chosen, forced = (
        quantize(digits.proto, calibrate=digits.x[:50], calibration="minmax", equalize=asked)
        for asked in (None, True)
    )
    plain = quantize(digits.proto, calibrate=digits.x[:50], calibration="minmax", equalize=False)
    assert forced.step["equalized"]
    assert chosen.differences[0].sqnr == pytest.approx(
        max(plain.differences[0].sqnr, forced.differences[0].sqnr)
    )
