"""Layers whose ``call`` returns lists within its outputs, as cells do: called at once, in models, trained."""

from __future__ import annotations

import numpy as np
import pytest

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


class Nests(layers.Layer):
    def call(self, inputs):
        return {"b": [inputs, (inputs + 1, [inputs + 2])], "a": inputs * 2}


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


def test_a_dict_holds_tensors_alone():
    with pytest.raises(ValueError, match="entry 'b' is list; tensors by name were expected"):
        Nests()(Input((3,)))
