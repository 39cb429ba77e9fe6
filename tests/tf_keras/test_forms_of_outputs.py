"""What layers and models of the user's return comes to the caller in the form in which ``call`` returned it,
as in tf_keras 2.21: a tuple as a tuple, a list of one tensor as a list."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

from kcompile import keras, tf_keras

Pair = namedtuple("Pair", ["first", "second"])  # noqa: PYI024
X = np.ones((2, 3), "float32")

FORMS = {
    "tuple": lambda x: (x, x + 1.0),
    "list": lambda x: [x, x + 1.0],
    "tuple_of_one": lambda x: (x + 1.0,),
    "list_of_one": lambda x: [x + 1.0],
    "named": lambda x: Pair(x, x + 1.0),
    "nested": lambda x: (x, [x + 1.0, {"a": x + 2.0}]),
}


def _form(found):
    if isinstance(found, dict):
        return {key: _form(entry) for key, entry in found.items()}
    if isinstance(found, list | tuple):
        return type(found), [_form(entry) for entry in found]
    return float(np.asarray(found)[0, 0])


def _returning(base, function, asks_for_phase=False):
    class Returning(base):
        def call(self, inputs, training=None):
            if asks_for_phase and training:
                return function(inputs * 2.0)
            return function(inputs)

    return Returning()


@pytest.mark.parametrize("asks_for_phase", [False, True])
@pytest.mark.parametrize("base", ["layer", "model"])
@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_call_gives_the_form_that_was_returned(form, base, asks_for_phase):
    base = tf_keras.Model if base == "model" else tf_keras.layers.Layer
    function = FORMS[form]
    assert _form(_returning(base, function, asks_for_phase)(X)) == _form(function(X))
    symbolic = _returning(base, function, asks_for_phase)(tf_keras.Input((3,)))
    assert type(symbolic) is type(function(X)) and len(symbolic) == len(function(X))


@pytest.mark.parametrize("form", ["tuple", "named", "nested", "tuple_of_one"])
def test_predictions_have_it_too(form):
    model = _returning(tf_keras.Model, FORMS[form])
    assert _form(model.predict(X, verbose=0)) == _form(FORMS[form](X))


def test_models_are_made_of_such_outputs_and_train():
    x = tf_keras.Input((3,))
    first, second = _returning(tf_keras.layers.Layer, FORMS["tuple"])(tf_keras.layers.Dense(3)(x))
    model = tf_keras.Model(x, (first, second))
    model.compile("sgd", "mse")
    assert set(model.fit(X, (X, X), verbose=0).history) >= {"loss"}
    assert isinstance(model(X), tuple)


def test_the_rules_of_keras_2_give_lists_and_single_tensors():
    class Returning(keras.layers.Layer):
        def call(self, inputs):
            return (inputs,)

    assert np.asarray(Returning()(X)).shape == (2, 3)
    assert isinstance(_returning(keras.layers.Layer, FORMS["tuple"])(keras.Input((3,))), list)


@pytest.mark.parametrize(
    ("dialect", "names"),
    [(tf_keras, ["a", "a_1", "a_2"]), (keras, ["a", "a", "a"])],
    ids=["tf_keras", "keras"],
)
def test_several_outputs_of_one_layer_have_names_of_their_own(dialect, names):
    x = dialect.Input((2, 3))
    model = dialect.Model(x, dialect.layers.LSTM(2, return_state=True, name="a")(x))
    assert model.output_names == names


def test_the_history_has_the_loss_of_each_output_of_a_layer():
    x = tf_keras.Input((2, 3))
    model = tf_keras.Model(x, tf_keras.layers.LSTM(2, return_state=True, name="a")(x))
    model.compile("sgd", {"a": "mse", "a_1": "mae", "a_2": "mse"})
    history = model.fit(np.ones((2, 2, 3)), [np.zeros((2, 2))] * 3, verbose=0).history
    assert list(history) == ["loss", "a_loss", "a_1_loss", "a_2_loss"]
    parts = [history[name][0] for name in ("a_loss", "a_1_loss", "a_2_loss")]
    np.testing.assert_allclose(history["loss"][0], sum(parts), rtol=1e-6)
