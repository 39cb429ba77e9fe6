"""Networks: what functional models compute, their layers, inputs, outputs and weights."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras.layers import Activation, Dense, Input, Lambda, add, concatenate
from kcompile.keras.models import Model, Sequential

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


@pytest.fixture(autouse=True)
def fresh_names():
    K.clear_session()


def test_a_model_computes_what_its_layers_say():
    x = Input((3,))
    dense = Dense(2)
    model = Model(x, dense(x))
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model.predict(X), X @ kernel + bias, rtol=1e-5, atol=1e-6)


def test_intermediate_output_by_name():
    x = Input((3,))
    h = Dense(4, activation="relu", name="hidden")(x)
    model = Model(x, Dense(2)(h))
    middle = Model(inputs=model.input, outputs=model.get_layer("hidden").output)
    kernel, bias = model.get_layer("hidden").get_weights()
    np.testing.assert_allclose(middle.predict(X), np.maximum(X @ kernel + bias, 0), rtol=1e-5, atol=1e-6)
    assert model.get_layer(index=1).name == "hidden"


def test_a_model_from_an_intermediate_tensor():
    x = Input((3,))
    h = Dense(4, name="hidden")(x)
    y = Dense(2)(h)
    z = Input((4,))
    head = Model(z, Model(x, y).layers[-1](z))
    hidden = Model(x, h).predict(X)
    np.testing.assert_allclose(head.predict(hidden), Model(x, y).predict(X), rtol=1e-5, atol=1e-6)


def test_inputs_and_outputs_by_dictionary_and_by_old_names():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    y = add([a, b])
    with pytest.warns(UserWarning, match="Keras 2 API"):
        model = Model(input=[a, b], output=y)
    np.testing.assert_array_equal(model.predict({"b": X, "a": 2 * X}), 3 * X)


def test_a_layer_that_returns_its_input_has_a_history_of_its_own():
    x = Input((3,))
    y = Activation("linear")(x)
    assert y is not x and y._keras_history.layer is not x._keras_history.layer


# --- layers that Keras's users write ---


def test_lambda_layers_and_shared_lambdas():
    x = Input((3,))
    double = Lambda(lambda t: 2.0 * t)
    np.testing.assert_allclose(Model(x, double(double(x))).predict(X), 4 * X)


def test_sequential_inside_functional_inside_sequential():
    x = Input((3,))
    inner = Sequential([Dense(4, input_shape=(3,), activation="tanh"), Dense(3)])
    middle = Model(x, add([inner(x), x]))
    outer = Sequential([middle, Dense(2)])
    found = outer.predict(X)
    kernel, bias = outer.layers[-1].get_weights()
    np.testing.assert_allclose(found, (inner.predict(X) + X) @ kernel + bias, rtol=1e-5, atol=1e-6)
    assert outer.count_params() == (3 * 4 + 4) + (4 * 3 + 3) + (3 * 2 + 2)


def test_weights_of_a_shared_layer_count_once():
    a = Input((3,))
    dense = Dense(3)
    model = Model(a, dense(dense(dense(a))))
    assert len(model.weights) == 2 and model.count_params() == 12


def test_summary_and_count_need_no_data(capsys):
    x = Input((3,))
    Model(x, Dense(2)(x)).summary()
    assert "Total params: 8" in capsys.readouterr().out


class Scaled(Model):
    """A subclassed model with a weight of its own."""

    def __init__(self):
        super().__init__()
        self.dense = Dense(2)
        self.scale = self.add_weight(name="scale", shape=(2,), initializer="ones")

    def call(self, x):
        return self.dense(x) * self.scale


def test_a_frozen_model_keeps_the_weights_of_its_own():
    model = Scaled()
    model(Input((3,)))
    names = {weight.name for weight in model.weights}
    assert len(names) == 3
    model.trainable = False
    assert model.trainable_weights == [] and {weight.name for weight in model.weights} == names


def test_a_model_may_begin_at_a_tensor_in_the_middle():
    x, other = Input((3,)), Input((3,))
    h = Dense(4, activation="tanh", name="hidden")(x)
    y = Dense(2)(add([Dense(4)(h), h]))
    head, whole = Model(h, y), Model(x, y)
    hidden = Model(x, h).predict(X)
    np.testing.assert_allclose(head.predict(hidden), whole.predict(X), rtol=1e-5, atol=1e-6)
    assert [layer.name for layer in head.layers][1:] == [layer.name for layer in whole.layers][2:]
    both = Model([h, other], concatenate([y, Dense(1)(other)]))
    assert both.predict([hidden, X]).shape == (len(X), 3)
    with pytest.raises(ValueError, match="Graph disconnected"):
        Model(h, add([y, Dense(2)(other)]))
