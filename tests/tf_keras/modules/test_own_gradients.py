"""Functions with gradients of their own that read variables."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import tf_keras as keras
from kcompile.tf_keras import tensorflow as tf
from kcompile.tf_keras.python_modules import ops


def scaled_by(variable):
    """``x * variable``, whose gradients are said to be 3 and 7 times what arrives."""

    @tf.custom_gradient
    def scaled(x):
        def gradient(dy, variables=None):
            assert variables == [variable]
            return dy * 3.0, [tf.reduce_sum(dy) * 7.0 for _ in variables]

        return x * variable, gradient

    return scaled


@pytest.mark.parametrize("traced", [False, True])
def test_gradients_of_variables_are_those_that_the_function_says(traced):
    variable = tf.Variable(2.0)
    scaled = scaled_by(variable)

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = scaled(x)
        return y, tape.gradient(y, [x, variable])

    y, (of_x, of_variable) = (tf.function(step) if traced else step)(tf.constant(5.0))
    assert (float(y), float(of_x), float(of_variable)) == (10.0, 3.0, 7.0)


@pytest.mark.parametrize("eager", [False, True])
def test_models_train_by_gradients_that_the_function_says(eager):
    class Scaled(keras.layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")

        def call(self, x):
            return scaled_by(self.scale)(x)

    layer = Scaled()
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones"), layer])
    model.compile(keras.optimizers.SGD(0.01), lambda y, p: tf.reduce_sum(p), run_eagerly=eager)
    model.fit(np.ones((4, 2), "float32"), np.ones((4, 1), "float32"), batch_size=4, verbose=0)
    assert float(layer.scale.numpy()) == pytest.approx(1 - 0.01 * 4 * 7)
    np.testing.assert_allclose(model.layers[0].kernel.numpy(), 1 - 0.01 * 4 * 3, rtol=1e-6)


def test_a_function_that_reads_variables_says_their_gradients():
    variable = tf.Variable(2.0)
    doubled = tf.custom_gradient(lambda x: (x * variable, lambda dy: dy))
    with pytest.raises(TypeError, match=r"takes variables=.*Variable"):
        doubled(tf.constant(1.0))


def test_the_private_function_of_graphs_is_that_of_custom_gradient():
    def doubled(x, factor=1.0):
        return x * factor, lambda upstream: upstream * 2.0

    x = tf.constant([1.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.custom_gradient._graph_mode_decorator(doubled, (x,), {"factor": 5.0})
    np.testing.assert_array_equal(y, [5, 15])
    np.testing.assert_array_equal(tape.gradient(y, x), [2, 2])
