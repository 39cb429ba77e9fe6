"""What cells begin with: ``get_initial_state`` of built-in cells, and of users' in a recurrent layer."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.tf_keras.tensorflow as tf
from kcompile import keras
from kcompile.keras import layers

#: Shapes of the states for a batch of 2, nested as tf_keras 2.21 has them.
SHAPES = {
    "SimpleRNN": (lambda: layers.SimpleRNNCell(3), (2, 3)),
    "GRU": (lambda: layers.GRUCell(3), (2, 3)),
    "LSTM": (lambda: layers.LSTMCell(3), [(2, 3), (2, 3)]),
    "stack": (
        lambda: layers.StackedRNNCells([layers.LSTMCell(3), layers.GRUCell(4)]),
        ([(2, 3), (2, 3)], (2, 4)),
    ),
}


def shapes_of(states):
    if isinstance(states, list | tuple):
        return type(states)(map(shapes_of, states))
    assert not np.any(np.asarray(states))
    return tuple(states.shape)


@pytest.mark.parametrize("case", sorted(SHAPES))
def test_built_in_cells_begin_with_zeros(case):
    make, expected = SHAPES[case]
    assert shapes_of(make().get_initial_state(batch_size=2, dtype="float32")) == expected
    assert shapes_of(make().get_initial_state(inputs=tf.ones((2, 5)))) == expected
    assert shapes_of(make().get_initial_state(batch_size=2, dtype=tf.float32)) == expected


def test_a_loop_over_a_cell_is_the_layer():
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    layer = layers.LSTM(5)
    expected = np.asarray(layer(tf.constant(x)))
    states = layer.cell.get_initial_state(batch_size=2, dtype="float32")
    for step in range(4):
        output, states = layer.cell(tf.constant(x[:, step]), states)
    np.testing.assert_allclose(np.asarray(output), expected, rtol=1e-4, atol=1e-6)


class Counting(layers.Layer):
    """A cell that adds up its inputs, from ones on."""

    state_size = 3

    def call(self, inputs, states):
        total = states[0] + inputs
        return total, [total]

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        return tf.ones((batch_size, 3), dtype)


@pytest.mark.parametrize("unroll", [False, True])
def test_a_cell_says_what_its_states_begin_with(unroll):
    inputs = keras.Input((4, 3))
    model = keras.Model(inputs, layers.RNN(Counting(), unroll=unroll)(inputs))
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    np.testing.assert_allclose(model.predict(x), 1 + x.sum(1), rtol=1e-5)
    given = layers.RNN(Counting(), unroll=unroll)(tf.constant(x), initial_state=tf.zeros((2, 3)))
    np.testing.assert_allclose(np.asarray(given), x.sum(1), rtol=1e-5)
