"""The layers of Keras 1 that Keras 2.3 still has."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import layers, models
from kcompile.keras.legacy.layers import ConvRecurrent2D, Recurrent

pytestmark = pytest.mark.filterwarnings("ignore:The `(MaxoutDense|Highway)` layer is deprecated")


def _predict(layer, x):
    inputs = layers.Input(x.shape[1:])
    return models.Model(inputs, layer(inputs)).predict(x)


def test_maxout_is_the_maximum_of_linear_layers() -> None:
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(3, 4, 2)).astype("float32"), rng.normal(size=(3, 2)).astype("float32")
    x = rng.normal(size=(5, 4)).astype("float32")
    layer = layers.MaxoutDense(2, nb_feature=3, weights=[w, b])
    expected = np.max(np.einsum("bi,kio->bko", x, w) + b, axis=1)
    np.testing.assert_allclose(_predict(layer, x), expected, atol=1e-5)
    assert layer.compute_output_shape((None, 4)) == (None, 2)
    assert [weight.name.split("/")[-1] for weight in layer.weights] == ["W", "b"]


@pytest.mark.parametrize("bias", [True, False])
def test_highway_mixes_its_output_with_its_input(bias: bool) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, 4)).astype("float32")
    layer = layers.Highway(activation="tanh", bias=bias)
    found = _predict(layer, x)
    names = [weight.name.split("/")[-1] for weight in layer.weights]
    assert names == (["W", "W_carry", "b", "b_carry"] if bias else ["W", "W_carry"])
    w, carry, *biases = layer.get_weights()
    b, b_carry = biases if bias else (0.0, 0.0)
    gate = 1 / (1 + np.exp(-(x @ carry + b_carry)))
    np.testing.assert_allclose(found, gate * np.tanh(x @ w + b) + (1 - gate) * x, atol=1e-5)


@pytest.mark.parametrize("name", ["MaxoutDense", "Highway"])
def test_dense_layers_of_keras_1_train_and_come_back_from_a_file(name: str, tmp_path) -> None:
    made = layers.MaxoutDense(3, input_dim=4) if name == "MaxoutDense" else layers.Highway(input_dim=4)
    model = models.Sequential([made, layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(2).normal(size=(8, 4)).astype("float32")
    before = model.evaluate(x, x[:, :1], verbose=0)
    model.fit(x, x[:, :1], epochs=5, verbose=0)
    assert model.evaluate(x, x[:, :1], verbose=0) < before
    model.save(tmp_path / "m.h5")
    loaded = models.load_model(tmp_path / "m.h5")
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


def test_dense_layers_of_keras_1_say_that_they_are_deprecated() -> None:
    with pytest.warns(UserWarning, match="The `Highway` layer is deprecated") as caught:
        layers.Highway()
    assert caught[0].filename == __file__


class Decay(Recurrent):
    """h = (h + x @ kernel) / 2, as code for Keras 1 writes recurrent layers."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        batch = input_shape[0] if self.stateful else None
        self.input_spec = [layers.InputSpec(shape=(batch, None, input_shape[2]))]
        self.kernel = self.add_weight(shape=(input_shape[2], self.units), name="kernel", initializer="ones")
        self.states = [None]
        if self.stateful:
            self.reset_states()
        self.built = True

    def preprocess_input(self, inputs, training=None):
        return K.dot(inputs, self.kernel)

    def get_constants(self, inputs, training=None):
        return [K.constant(0.5)]

    def step(self, inputs, states):
        h, half = states
        h = (h + inputs) * half
        return h, [h]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def _decayed(x: np.ndarray, h: float = 0.0) -> list[np.ndarray]:
    found = []
    for t in range(x.shape[1]):
        h = (h + x[:, t].sum(-1, keepdims=True)) / 2
        found.append(np.repeat(h, 2, -1))
    return found


X = np.arange(24, dtype="float32").reshape(2, 4, 3) / 10


@pytest.mark.parametrize("unroll", [False, True])
def test_recurrent_runs_the_step_over_time(unroll: bool) -> None:
    expected = _decayed(X)
    np.testing.assert_allclose(_predict(Decay(2, unroll=unroll), X), expected[-1], rtol=1e-5)
    sequences = _predict(Decay(2, return_sequences=True, unroll=unroll), X)
    np.testing.assert_allclose(sequences, np.stack(expected, 1), rtol=1e-5)
    output, state = _predict(Decay(2, return_state=True, unroll=unroll), X)
    np.testing.assert_allclose(output, state)
    backwards = _predict(Decay(2, go_backwards=True, unroll=unroll), X)
    np.testing.assert_allclose(backwards, _decayed(X[:, ::-1])[-1], rtol=1e-5)


def test_recurrent_starts_from_given_states() -> None:
    inputs, state = layers.Input((4, 3)), layers.Input((2,))
    model = models.Model([inputs, state], Decay(2)(inputs, initial_state=state))
    start = np.full((2, 2), 3.0, "float32")
    np.testing.assert_allclose(model.predict([X, start]), _decayed(X, 3.0)[-1], rtol=1e-5)
    with pytest.raises(ValueError, match="has 1 states but was passed 2"):
        Decay(2)([inputs, state, state])


def test_recurrent_skips_masked_steps() -> None:
    x = X.copy()
    x[:, 2] = 0.0
    inputs = layers.Input((4, 3))
    found = models.Model(inputs, Decay(2)(layers.Masking()(inputs))).predict(x)
    np.testing.assert_allclose(found, _decayed(x[:, [0, 1, 3]])[-1], rtol=1e-5)


def test_stateful_recurrent_carries_its_state_until_it_is_reset() -> None:
    model = models.Sequential([Decay(2, stateful=True, batch_input_shape=(2, 4, 3))])
    first = model.predict(X, batch_size=2)
    second = model.predict(X, batch_size=2)
    np.testing.assert_allclose(second, _decayed(np.concatenate([X, X], 1))[-1], rtol=1e-5)
    assert len(model.weights) == 1
    model.reset_states()
    np.testing.assert_array_equal(model.predict(X, batch_size=2), first)
    layer = model.layers[0]
    with pytest.raises(ValueError, match=r"expected shape=\(2, 2\), found shape=\(2, 3\)"):
        layer.reset_states(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="received 2 state values"):
        layer.reset_states([np.zeros((2, 2))] * 2)
    with pytest.raises(AttributeError, match="must be stateful"):
        Decay(2).reset_states()


def test_recurrent_comes_back_from_its_configuration() -> None:
    layer = Decay(2, return_sequences=True, go_backwards=True, implementation=1)
    again = Decay.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert layer.get_config()["implementation"] == 1


def test_recurrent_needs_a_step_and_a_length_to_unroll() -> None:
    with pytest.raises(NotImplementedError, match="step"):
        Recurrent().step(None, [])
    with pytest.raises(ValueError, match="unrolling needs a fixed number"):
        Decay(2, unroll=True)(layers.Input((None, 3)))


@pytest.mark.parametrize(
    ("arguments", "shape", "expected"),
    [
        ({}, (None, 5, 8, 9, 3), (None, 6, 7, 4)),
        ({"return_sequences": True, "padding": "same"}, (None, 5, 8, 9, 3), (None, 5, 8, 9, 4)),
        ({"data_format": "channels_first"}, (None, 5, 3, 8, 9), (None, 4, 6, 7)),
        ({"return_state": True}, (2, 5, 8, 9, 3), [(2, 6, 7, 4)] * 3),
    ],
)
def test_convolutional_base_computes_its_output_shape(arguments: dict, shape: tuple, expected) -> None:
    layer = ConvRecurrent2D(4, 3, **arguments)
    assert layer.compute_output_shape(shape) == expected
    assert layer.get_config()["kernel_size"] == (3, 3)


def test_objectives_are_losses() -> None:
    from kcompile.keras import objectives

    assert objectives.mse is keras.losses.mse
    assert objectives.get("mse") is keras.losses.get("mse")
