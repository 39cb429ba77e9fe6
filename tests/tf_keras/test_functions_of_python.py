"""Losses and metrics that only Python computes: by tf.keras's rules steps run operator by operator then."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from kcompile import keras as keras_2
from kcompile import tf_keras as keras
from kcompile.ir import NoTruthError
from kcompile.keras import backend as K
from kcompile.tf_keras import tensorflow as tf

X = np.random.RandomState(0).rand(24, 6).astype("float32")
Y = (X.sum(1, keepdims=True) > 3).astype("float32")


def by_numpy_function(y_true: Any, y_pred: Any) -> Any:
    return tf.numpy_function(lambda a, b: np.float32(np.abs(a - b).mean()), [y_true, y_pred], tf.float32)


def by_py_function(y_true: Any, y_pred: Any) -> Any:
    return tf.py_function(lambda a, b: np.abs(a.numpy() - b.numpy()).mean(), (y_true, y_pred), tf.double)


def by_truth(y_true: Any, y_pred: Any) -> Any:
    if K.sum(y_true) > 1e6:
        return K.constant(0.0)
    return K.mean(K.abs(y_true - y_pred))


FUNCTIONS = [by_numpy_function, by_py_function, by_truth]


def layers(front_end: Any) -> list[Any]:
    return [front_end.layers.Dense(5, activation="relu"), front_end.layers.Dense(1, activation="sigmoid")]


def built(front_end: Any) -> Any:
    return front_end.Sequential([front_end.layers.Input((6,)), *layers(front_end)])


class Subclassed(keras.Model):
    """Knows its inputs when it is first called."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = layers(keras)

    def call(self, x: Any) -> Any:
        return self.parts[1](self.parts[0](x))


def trained(model: Any, metric: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.compile("adam", "binary_crossentropy", metrics=[metric, "accuracy"])
        model.fit(X, Y, batch_size=8, epochs=2, validation_split=0.25, verbose=0)
        return model.evaluate(X, Y, verbose=0, return_dict=True), model.train_on_batch(X, Y)


@pytest.mark.parametrize("make", [lambda: built(keras), Subclassed], ids=["built", "subclassed"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_a_metric_that_python_computes_is_reported(function: Any, make: Any) -> None:
    model = make()
    found, by_batch = trained(model, function)
    error = np.abs(model.predict(X, verbose=0) - Y).mean()
    assert list(found) == ["loss", function.__name__, "accuracy"] and len(by_batch) == 3
    assert f"val_{function.__name__}" in model.history.history
    model.compile("adam", "mae")
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), error, rtol=1e-5)


def test_such_a_metric_sees_the_predictions() -> None:
    model = built(keras)
    with pytest.warns(UserWarning, match="runs eagerly"):
        model.compile("sgd", "mse", metrics=[by_numpy_function])
        found = model.evaluate(X, Y, verbose=0)
    np.testing.assert_allclose(found[1], np.abs(model.predict(X, verbose=0) - Y).mean(), rtol=1e-5)


def test_a_loss_may_ask_for_the_truth_of_a_tensor() -> None:
    model, other = built(keras), built(keras)
    other.set_weights(model.get_weights())
    with pytest.warns(UserWarning, match="runs eagerly"):
        model.compile("adam", by_truth)
        history = model.fit(X, Y, epochs=2, shuffle=False, verbose=0).history
    other.compile("adam", "mae")
    expected = other.fit(X, Y, epochs=2, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-5)


def test_a_model_that_a_batch_builds_trains_so_too() -> None:
    model = Subclassed()
    model.compile("adam", "mse", metrics=[by_truth])
    with pytest.warns(UserWarning, match="runs eagerly"):
        assert len(model.train_on_batch(X, Y)) == 2


def test_compiling_anew_without_it_steps_are_graphs_again() -> None:
    model = built(keras)
    trained(model, by_numpy_function)
    model.compile("adam", "mse", metrics=["mae"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y, verbose=0)


def test_keras_2_refuses_to_ask_for_the_truth_of_a_tensor() -> None:
    with pytest.raises(NoTruthError):
        built(keras_2).compile("adam", by_truth)


def test_an_embedding_takes_inputs_of_other_lengths_than_it_was_told() -> None:
    words = np.array([1, 3, 2])
    layer = keras.layers.Embedding(5, 4, input_length=1)
    assert layer(tf.constant(words)).shape == (3, 4)
    inputs = keras.Input((), dtype="int32")
    model = keras.Model(inputs, layer(inputs))
    np.testing.assert_array_equal(model.predict(words, verbose=0), layer.get_weights()[0][words])
