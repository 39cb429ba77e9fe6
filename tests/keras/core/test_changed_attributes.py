"""Attributes that layers are given after they were called: models compute by them, as in tf.keras."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras, tf_keras
from kcompile.tf_keras import tensorflow as tf

layers = tf_keras.layers
relu, sigmoid = tf_keras.activations.relu, tf_keras.activations.sigmoid
x = np.random.RandomState(0).uniform(-1, 1, (3, 4)).astype("float32")


class Scaled(layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


class Doubled(layers.Layer):
    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(3, activation)

    def call(self, inputs):
        return self.dense(inputs) * 2.0


class Subclassed(tf_keras.Model):
    def __init__(self, activation):
        super().__init__()
        self.dense = layers.Dense(3, activation)

    def call(self, inputs):
        return self.dense(inputs)


def sequential(*made, shape=(4,)):
    return tf_keras.Sequential([tf_keras.Input(shape), *made])


def called(model):
    model(np.zeros((1, 4), "float32"))
    return model


# how a model is made for a value of the attribute, and how the value is set later; first and later value
CASES = {
    "a layer of a Sequential": (
        lambda f: sequential(layers.Dense(3, activation=f)),
        lambda m, f: setattr(m.layers[0], "activation", f),
        sigmoid,
        relu,
    ),
    "a layer of a model within a model": (
        lambda f: sequential(sequential(layers.Dense(3, activation=f)), layers.Dense(2)),
        lambda m, f: setattr(m.layers[0].layers[0], "activation", f),
        sigmoid,
        relu,
    ),
    "a layer that a wrapper has": (
        lambda f: sequential(layers.TimeDistributed(layers.Dense(3, activation=f)), shape=(2, 2)),
        lambda m, f: setattr(m.layers[0].layer, "activation", f),
        sigmoid,
        relu,
    ),
    "a cell": (
        lambda f: sequential(layers.SimpleRNN(3, activation=f), shape=(2, 2)),
        lambda m, f: setattr(m.layers[0].cell, "activation", f),
        sigmoid,
        relu,
    ),
    "a user's layer": (
        lambda f: sequential(layers.Dense(3), Scaled(f)),
        lambda m, f: setattr(m.layers[1], "factor", f),
        2.0,
        5.0,
    ),
    "a layer in a user's layer": (
        lambda f: sequential(Doubled(f)),
        lambda m, f: setattr(m.layers[0].dense, "activation", f),
        sigmoid,
        relu,
    ),
    "a layer of a subclassed model": (
        lambda f: called(Subclassed(f)),
        lambda m, f: setattr(m.dense, "activation", f),
        sigmoid,
        relu,
    ),
    "a slope": (
        lambda f: sequential(layers.Dense(3), layers.LeakyReLU(f)),
        lambda m, f: setattr(m.layers[1], "alpha", f),
        0.3,
        0.1,
    ),
    "an epsilon": (
        lambda f: sequential(layers.BatchNormalization(epsilon=f), layers.Dense(2)),
        lambda m, f: setattr(m.layers[0], "epsilon", f),
        1e-3,
        0.5,
    ),
}


def predictions(model, inputs):
    return [
        np.asarray(model(inputs)),
        np.asarray(model(tf.constant(inputs))),
        model.predict(inputs, verbose=0),
    ]


@pytest.mark.parametrize("name", sorted(CASES))
def test_models_compute_by_attributes_set_after_their_layers_were_called(name):
    make, change, first, later = CASES[name]
    model, wanted = make(first), make(later)
    wanted.set_weights(model.get_weights())
    inputs = x.reshape(-1, *model.inputs[0].shape[1:]) if model.inputs else x
    before = predictions(model, inputs)
    output = model.outputs and model.outputs[0]
    change(model, later)
    expected = np.asarray(wanted(inputs))
    assert not np.allclose(before[0], expected)
    for found in predictions(model, inputs):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    if output is not None:
        assert model.outputs[0] is output and len(model.layers[0]._inbound_nodes) <= 2
    y = np.ones_like(expected)
    for each in (model, wanted):
        each.compile(tf_keras.optimizers.SGD(0.1), "mse")
        each.fit(inputs, y, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("nested", [False, True])
def test_moving_averages_move_by_a_momentum_set_later(nested):
    def made(momentum):
        inner = sequential(layers.BatchNormalization(momentum=momentum), layers.Dense(2))
        return inner, sequential(inner) if nested else inner

    (inner, model), (_, wanted) = made(0.99), made(0.5)
    wanted.set_weights(model.get_weights())
    inner.layers[0].momentum = 0.5
    for each in (model, wanted):
        each.compile("sgd", "mse")
        each.train_on_batch(x, np.ones((3, 2), "float32"))
    for a, b in zip(model.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_files_hold_what_was_set_later(tmp_path):
    model = sequential(layers.Dense(3, activation="softmax"))
    model.layers[-1].activation = tf_keras.activations.linear
    model.save(tmp_path / "m.h5")
    loaded = tf_keras.models.load_model(tmp_path / "m.h5")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)
    assert loaded.layers[-1].activation.__name__ == "linear"


def test_guided_gradients_go_through_activations_set_later():
    @tf.custom_gradient
    def guided(inputs):
        return tf.nn.relu(inputs), lambda dy: tf.cast(dy > 0, dy.dtype) * tf.cast(inputs > 0, dy.dtype) * dy

    model = sequential(layers.Dense(6, activation="relu"), layers.Dense(1))
    first, last = (layer.kernel.numpy() for layer in model.layers)
    model.layers[0].activation = guided
    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = model(inputs)
    passed = (last.T > 0) * (x @ first > 0) * last.T
    np.testing.assert_allclose(
        np.asarray(tape.gradient(loss, inputs)), passed @ first.T, rtol=1e-4, atol=1e-6
    )


def test_what_cannot_be_emitted_anew_is_a_warning():
    model = sequential(layers.LSTM(2, return_sequences=True), layers.Dense(1), shape=(2, 2))
    before = model.predict(x.reshape(-1, 2, 2)[:2], verbose=0)
    with pytest.warns(UserWarning, match=r"return_sequences was set after .* compute as before"):
        model.layers[0].return_sequences = False
    np.testing.assert_array_equal(model.predict(x.reshape(-1, 2, 2)[:2], verbose=0), before)


class ForFourColumns(Scaled):
    def call(self, inputs):
        if self.factor != 1.0 and inputs.shape[-1] != 4:
            raise ValueError("four columns are wanted")
        return inputs * self.factor


def test_where_one_call_cannot_be_emitted_anew_all_stay_as_they_were():
    layer = ForFourColumns(1.0)
    first, second = tf_keras.Input((4,)), tf_keras.Input((2,))
    models = [tf_keras.Model(inputs, layer(inputs)) for inputs in (first, second)]
    with pytest.warns(UserWarning, match=r"factor was set after .* four columns are wanted"):
        layer.factor = 3.0
    for model, inputs in zip(models, (x, x[:, :2]), strict=True):
        np.testing.assert_array_equal(model.predict(inputs, verbose=0), inputs)


def test_keras_2_computes_by_what_layers_were_when_they_were_called():
    model = keras.Sequential([keras.layers.Dense(3, activation="sigmoid", input_shape=(4,))])
    before = model.predict(x)
    model.layers[0].activation = relu
    np.testing.assert_array_equal(model.predict(x), before)
