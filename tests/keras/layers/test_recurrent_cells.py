"""Cells of users, several stacked into one, and constants."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras.layers import (
    GRU,
    LSTM,
    RNN,
    GRUCell,
    Input,
    Layer,
    LSTMCell,
    Masking,
    SimpleRNN,
    SimpleRNNCell,
)
from kcompile.keras.models import Model, Sequential, model_from_json

from .recurrence import BATCH, FEATURES, STEPS, UNITS, X, draw, node_types


class MinimalCell(Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight("kernel", (input_shape[-1], self.units))
        self.recurrent_kernel = self.add_weight("recurrent_kernel", (self.units, self.units))
        self.built = True

    def call(self, inputs, states):
        output = K.tanh(K.dot(inputs, self.kernel) + K.dot(states[0], self.recurrent_kernel))
        return output, [output]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class ConditionedCell(MinimalCell):
    def build(self, input_shape):
        super().build(input_shape[0])
        self.constant_kernel = self.add_weight("constant_kernel", (input_shape[1][-1], self.units))

    def call(self, inputs, states, constants):
        output = K.dot(inputs, self.kernel) + states[0] + K.dot(constants[0], self.constant_kernel)
        return output, [output]


CUSTOM = {"MinimalCell": MinimalCell, "ConditionedCell": ConditionedCell}


def test_a_cell_of_the_user_equals_the_layer_that_it_writes_down(tmp_path):
    model = Sequential([RNN(MinimalCell(UNITS), return_sequences=True, input_shape=(None, FEATURES))])
    same = Sequential([SimpleRNN(UNITS, use_bias=False, return_sequences=True, input_shape=(None, FEATURES))])
    same.set_weights(model.get_weights())
    np.testing.assert_allclose(model.predict(X), same.predict(X), rtol=1e-5, atol=1e-6)
    target = draw(BATCH, STEPS, UNITS, seed=5)
    for m in (model, same):
        m.compile("adam", "mse")
    losses = [[m.train_on_batch(X, target) for _ in range(5)] for m in (model, same)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    model.export(str(tmp_path / "m.onnx"))
    assert node_types(str(tmp_path / "m.onnx")).count("Scan") == 1


def test_cells_without_layers_work():
    class Sum:
        state_size = FEATURES

        def call(self, inputs, states):
            return inputs + states[0], [inputs + states[0]]

        def get_config(self):
            return {}

    model = Sequential([RNN(Sum(), return_sequences=True, input_shape=(STEPS, FEATURES))])
    np.testing.assert_allclose(model.predict(X), np.cumsum(X, 1), rtol=1e-5, atol=1e-6)


def test_constants_reach_each_step_and_files():
    x, constant = Input((STEPS, FEATURES)), Input((2,))
    model = Model([x, constant], RNN(ConditionedCell(UNITS))(x, constants=constant))
    values = draw(BATCH, 2, seed=7)
    kernel, _, constant_kernel = model.get_weights()
    expected = (X @ kernel).sum(1) + STEPS * values @ constant_kernel
    np.testing.assert_allclose(model.predict([X, values]), expected, rtol=1e-4, atol=1e-5)
    again = model_from_json(model.to_json(), custom_objects=CUSTOM)
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict([X, values]), model.predict([X, values]))
    assert again.layers[-1].get_config()["num_constants"] == 1


def test_stacked_cells_equal_stacked_layers():
    cells = Sequential([RNN([LSTMCell(4), GRUCell(3), SimpleRNNCell(2)], input_shape=(STEPS, FEATURES))])
    layers = Sequential(
        [
            LSTM(4, return_sequences=True, input_shape=(STEPS, FEATURES)),
            GRU(3, return_sequences=True),
            SimpleRNN(2),
        ]
    )
    layers.set_weights(cells.get_weights())
    np.testing.assert_allclose(cells.predict(X), layers.predict(X), rtol=1e-5, atol=1e-6)
    assert len({weight.name for weight in cells.weights}) == 9


@pytest.mark.parametrize("reverse", [False, True])
def test_states_of_stacked_cells_come_in_the_order_asked_for(reverse):
    stack = keras.layers.StackedRNNCells([LSTMCell(4), GRUCell(3)], reverse_state_order=reverse)
    assert stack.state_size == ((3, 4, 4) if reverse else (4, 4, 3))
    x = Input((STEPS, FEATURES))
    model = Model(x, RNN(stack, return_state=True)(x))
    output, *states = model.predict(X)
    assert [state.shape[1] for state in states] == list(stack.state_size)
    np.testing.assert_array_equal(output, states[0 if reverse else 2])
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(X)[0], output)


def test_a_cell_may_find_its_sizes_when_it_is_built():
    class Counter(Layer):
        def __init__(self):
            self.state_size = None
            self.output_size = None
            super().__init__()

        def build(self, input_shape):
            self.state_size = self.output_size = input_shape[-1]

        def call(self, inputs, states):
            return inputs, [s + 1 for s in states]

    x, start = Input((4, 3)), Input((3,))
    last, count = RNN(Counter(), return_state=True)(Masking()(x), initial_state=start)
    steps = np.random.default_rng(0).random((5, 4, 3))
    steps[0, -1] = 0
    found, counted = Model([x, start], [last, count]).predict([steps, np.zeros((5, 3))])
    np.testing.assert_allclose(found[0], steps[0, -2], rtol=1e-6)
    np.testing.assert_allclose(found[1:], steps[1:, -1], rtol=1e-6)
    assert counted[:, 0].tolist() == [3, 4, 4, 4, 4]


@pytest.mark.parametrize("size", [1, 32, 33, 64, 65])
def test_a_cell_may_read_a_constant_of_any_size(size, tmp_path):
    factor = np.linspace(0.1, 1, size, dtype="float32")

    class Scaled(Layer):
        state_size = output_size = size

        def call(self, inputs, states):
            y = K.tanh(inputs + states[0]) * K.constant(factor)
            return y, [y]

    model = Sequential([RNN(Scaled(), input_shape=(3, size))])
    steps = np.random.default_rng(0).random((2, 3, size), dtype="float32")
    expected = np.zeros((2, size))
    for step in steps.transpose(1, 0, 2):
        expected = np.tanh(step + expected) * factor
    np.testing.assert_allclose(model.predict(steps), expected, rtol=1e-5)
    model.export(tmp_path / "m.onnx")
