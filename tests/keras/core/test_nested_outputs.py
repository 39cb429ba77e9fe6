"""Layers whose ``call`` returns lists within its outputs, as cells do: called at once, in models, trained."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras as keras_2
from kcompile import tf_keras
from kcompile.keras import Input, layers
from kcompile.keras.models import Model
from kcompile.torch_bridge.arrays import as_tensor
from kcompile.torch_bridge.eager import TorchInterpreter

X = np.random.RandomState(0).rand(4, 5, 3).astype("float32")
CELLS = {
    "simple": lambda: layers.SimpleRNNCell(2),
    "gru": lambda: layers.GRUCell(2),
    "lstm": lambda: layers.LSTMCell(2),
    "stack": lambda: layers.StackedRNNCells([layers.LSTMCell(2), layers.GRUCell(4)]),
}


class Steps(Model):
    """An RNN over all steps but the last ones, which its cell takes itself."""

    def __init__(self, cell, steps=2):
        super().__init__()
        self.cell, self.steps = cell, steps
        self.rnn = layers.RNN(self.cell, return_state=True)

    def call(self, inputs, training=None):
        output, *states = self.rnn(inputs[:, : -self.steps])
        for step in range(inputs.shape[1] - self.steps, inputs.shape[1]):
            output, states = self.cell(inputs[:, step], states=states, training=training)
        return output


def eager(array):
    return TorchInterpreter().eager(as_tensor(array))


@pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)
def test_a_cell_called_from_step_to_step_computes_what_its_rnn_does(make):
    model, x = Steps(make()), Input((5, 3))
    at_once = model(eager(X)).numpy()
    whole = Model(x, layers.RNN(model.cell)(x)).predict(X)
    np.testing.assert_allclose(at_once, whole, atol=1e-6)
    np.testing.assert_allclose(model.predict(X), whole, atol=1e-6)
    again = Model(x, model(x))
    np.testing.assert_allclose(Model(x, again(x)).predict(X), whole, atol=1e-6)


@pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)
def test_a_model_that_calls_its_cell_learns(make):
    model = Steps(make())
    model.compile("sgd", "mse")
    target = np.ones((4, model.cell.output_size), "float32")
    losses = model.fit(X, target, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", ["simple", "gru"])
def test_the_one_state_of_a_cell_goes_and_comes_as_it_is_given(name):
    cell, x, h = CELLS[name](), eager(X[:, 0]), eager(X[:, 1, :2])
    output, state = cell(x, h)
    listed, (in_list,) = cell(x, [h])
    for found in (state, listed, in_list):
        np.testing.assert_allclose(found.numpy(), output.numpy())


class Passes(layers.Layer):
    def call(self, inputs, states):
        return inputs + 1, states


class Lists(layers.Layer):
    def call(self, inputs):
        return (inputs + 1, [{"z": inputs + 2, "y": inputs + 3}, (inputs + 4,)])


def test_outputs_come_nested_as_call_returned_them():
    found, (named, single) = Lists()(eager(X))
    assert list(named) == ["z", "y"] and isinstance(single, tuple)
    for i, tensor in enumerate([found, named["z"], named["y"], *single]):
        np.testing.assert_allclose(tensor.numpy(), X + i + 1, rtol=1e-6)


def test_a_state_that_is_passed_on_has_a_history_of_its_own():
    x, state = Input((3,)), Input((2,))
    layer = Passes()
    output, (passed,) = layer(x, states=[state])
    assert passed is not state and passed._keras_history.layer is layer
    found = Model([x, state], [output, passed]).predict([X[:, 0], X[:, 1, :2]])
    np.testing.assert_allclose(found[0], X[:, 0] + 1)
    np.testing.assert_allclose(found[1], X[:, 1, :2])


def shapes_and_numbers(found):
    """A nest of arrays with what is added to the input in place of each, or its factor."""
    if isinstance(found, dict):
        return {key: shapes_and_numbers(entry) for key, entry in found.items()}
    if isinstance(found, list | tuple):
        return type(found)(shapes_and_numbers(entry) for entry in found)
    number = float(np.asarray(found)[0, 0])
    return round(number, 3)


class Whole(tf_keras.Model):
    """A subclassed model that returns a nest."""

    def __init__(self, nest):
        super().__init__()
        self.nest = nest

    def call(self, x):
        return self.nest(x)


NESTS = {
    "dict of a list and a tuple": lambda x: {"b": [x, (x + 1, [x + 2])], "a": x * 4},
    "tuple in a tuple": lambda x: (x, (x + 1, x + 2)),
    "list of dicts": lambda x: [{"z": x + 1, "y": x + 2}, {"z": x}],
    "dict of dicts": lambda x: {"z": {"d": x + 1, "c": x + 2}, "y": x},
}


@pytest.mark.parametrize("name", NESTS)
@pytest.mark.parametrize("kind", ["functional", "subclassed"])
def test_predictions_come_nested_as_the_outputs_are(name, kind):
    make, ones = NESTS[name], np.ones((4, 3), "float32")
    x = tf_keras.Input((3,))
    model = tf_keras.Model(x, make(x)) if kind == "functional" else Whole(make)
    expected = shapes_and_numbers(make(ones))
    assert shapes_and_numbers(model.predict(ones, verbose=0)) == expected
    assert shapes_and_numbers(model.predict(ones, batch_size=2, verbose=2)) == expected
    assert shapes_and_numbers(model.predict_on_batch(ones)) == expected
    assert shapes_and_numbers(model(ones)) == expected
    assert shapes_and_numbers(tf_keras.Model(x, model(x)).predict(ones, verbose=0)) == expected


def test_a_plain_tuple_of_outputs_stays_one_by_the_rules_of_tf_keras():
    for keras, kind in ((tf_keras, tuple), (keras_2, list)):
        x = keras.layers.Input((3,))
        assert type(keras.models.Model(x, (x + 1, x + 2)).predict(X[:, 0])) is kind
