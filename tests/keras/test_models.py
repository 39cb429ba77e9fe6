"""clone_model, and models made from configurations."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras.layers import LSTM, BatchNormalization, Dense, Dropout, Input, Lambda, add
from kcompile.keras.models import Model, Sequential, clone_model, model_from_config

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


def chain():
    return Sequential(
        [Dense(4, input_shape=(3,), activation="tanh"), BatchNormalization(), Dense(2)], name="chain"
    )


def shared_and_nested():
    inner_x = Input((3,))
    inner = Model(inner_x, Dense(3, name="deep")(inner_x), name="inner")
    x = Input((3,), name="x")
    dense = Dense(3, name="shared")
    y = add([dense(x), dense(inner(x)), inner(x)])
    return Model(x, [Dropout(0.5)(y, training=False), y], name="outer")


MODELS = {"chain": chain, "shared_and_nested": shared_and_nested}


@pytest.mark.parametrize("name", MODELS)
def test_a_clone_has_the_structure_and_weights_of_its_own(name):
    model = MODELS[name]()
    clone = clone_model(model)
    assert type(clone) is type(model) and clone.get_config() == model.get_config()
    assert set(map(id, clone.weights)).isdisjoint(map(id, model.weights))
    assert not set(clone.layers) & set(model.layers)
    before = np.hstack(model.predict(X))
    assert (np.hstack(clone.predict(X)) != before).any()
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(np.hstack(clone.predict(X)), before, rtol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_a_clone_on_given_tensors(name):
    model = MODELS[name]()
    y = Input((3,), name="given")
    clone = clone_model(model, input_tensors=y)
    clone.set_weights(model.get_weights())
    assert clone.input_names == ["given"]
    np.testing.assert_allclose(np.hstack(clone.predict(X)), np.hstack(model.predict(X)), rtol=1e-6)


def test_a_clone_on_a_tensor_that_is_no_input():
    model = chain()
    clone = clone_model(model, input_tensors=[K.placeholder((None, 3))])
    assert clone.predict(X).shape == (4, 2)


def test_a_clone_of_a_deferred_model():
    assert not clone_model(Sequential([Dense(2)])).built
    built = Sequential([Dense(2)])
    built.build((None, 3))
    assert clone_model(built).count_params() == 8


def test_a_clone_of_custom_layers_needs_no_custom_objects():
    class Twice(keras.layers.Layer):
        def call(self, inputs):
            return 2 * inputs

    x = Input((3,))
    np.testing.assert_array_equal(clone_model(Model(x, Twice()(x))).predict(X), 2 * X)
    np.testing.assert_array_equal(clone_model(Sequential([Twice(input_shape=(3,))])).predict(X), 2 * X)


def test_a_clone_with_initial_states():
    x, h, c = Input((5, 3)), Input((2,)), Input((2,))
    model = Model([x, h, c], LSTM(2)(x, initial_state=[h, c]))
    clone = clone_model(model)
    clone.set_weights(model.get_weights())
    feeds = [np.ones((4, 5, 3), "f"), np.ones((4, 2), "f"), np.zeros((4, 2), "f")]
    np.testing.assert_allclose(clone.predict(feeds), model.predict(feeds), rtol=1e-6)


def test_what_cannot_be_cloned():
    class Own(Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match="subclassed model: its structure is code"):
        clone_model(Own())
    with pytest.raises(ValueError, match="Expected `model` argument to be a `Model` instance, got 'text'"):
        clone_model("text")
    with pytest.raises(ValueError, match="has one input; 2 tensors"):
        clone_model(chain(), input_tensors=[Input((3,)), Input((3,))])
    with pytest.raises(ValueError, match="has 1 inputs; 2 tensors"):
        clone_model(shared_and_nested(), input_tensors=[Input((3,)), Input((3,))])


@pytest.mark.parametrize("name", MODELS)
def test_model_from_config(name):
    model = MODELS[name]()
    again = model_from_config({"class_name": type(model).__name__, "config": model.get_config()})
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(np.hstack(again.predict(X)), np.hstack(model.predict(X)), rtol=1e-6)


def test_model_from_a_list_says_what_was_meant():
    with pytest.raises(TypeError, match=r"Sequential.from_config\(config\)"):
        model_from_config([{"class_name": "Dense", "config": {}}])


@pytest.mark.parametrize(
    "copied", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy], ids=["pickle", "deepcopy"]
)
def test_pickling_keeps_weights_and_optimizer(copied):
    pytest.importorskip("torch")
    model = chain()
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, X[:, :2], verbose=0)
    again = copied(model)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    for _ in range(3):
        assert again.train_on_batch(X, X[:, :2]) == pytest.approx(model.train_on_batch(X, X[:, :2]), rel=1e-6)


def test_a_clone_of_a_lambda_layer_keeps_the_function():
    x = Input((3,))
    model = Model(x, Lambda(lambda t: 3.0 * t)(x))
    np.testing.assert_allclose(clone_model(model).predict(X), 3 * X, rtol=1e-6)
