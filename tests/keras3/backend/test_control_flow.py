"""Loops, branches and gradients of one's own in the graphs of stock Keras 3."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tests.keras3.backend.graphs import in_a_graph, listed

X = np.random.RandomState(0).random_sample((6, 4)).astype("float32")
FUNCTIONS = {
    "while_loop": lambda x: ops.while_loop(lambda y: ops.max(y) > 0.1, lambda y: (y * 0.5,), (x,))[0],
    "while_loop, at most": lambda x: ops.while_loop(
        lambda y: ops.max(y) > 0.0, lambda y: y * 0.5, x, maximum_iterations=20
    ),
    "fori_loop": lambda x: ops.fori_loop(0, 30, lambda i, y: y * 0.9, x),
    "fori_loop to a size": lambda x: ops.fori_loop(0, ops.shape(x)[0], lambda i, y: y + 1.0, x),
    "cond": lambda x: ops.cond(ops.sum(x) > 3.0, lambda: ops.log(x + 1.0), lambda: x * 2.0),
    "scan": lambda x: ops.scan(lambda c, e: (c + e, c * e), ops.zeros((4,)), x),
    "scan backwards": lambda x: ops.scan(lambda c, e: (c + e, c * e), ops.zeros((4,)), x, reverse=True),
    "scan without results": lambda x: ops.scan(lambda c, e: (c + e, None), ops.zeros((4,)), x),
    "map": lambda x: ops.map(lambda e: e * ops.sum(e), x),
    "vectorized_map": lambda x: ops.vectorized_map(lambda e: e * ops.sum(e), x),
    "associative_scan": lambda x: ops.associative_scan(lambda a, b: a * b, x),
    "switch": lambda x: ops.switch(
        ops.cast(ops.sum(x) > 3.0, "int32") + 1, [lambda y: y, lambda y: y * 3, lambda y: y * 4], x
    ),
}


@pytest.mark.parametrize("batch", [None, 6])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_graph_computes_what_is_computed_at_once(name, batch):
    expected = listed(FUNCTIONS[name](ops.convert_to_tensor(X)))
    found = in_a_graph(FUNCTIONS[name], [X], {}, batch)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(b, ops.convert_to_numpy(a), rtol=1e-5)


@ops.custom_gradient
def clipped(x):
    def gradient(*args, upstream=None):
        return ops.clip(upstream, -0.01, 0.01) * 3

    return x * x, gradient


@pytest.mark.parametrize("function", [clipped, FUNCTIONS["while_loop"], FUNCTIONS["cond"]])
def test_gradients_of_a_traced_step_are_those_of_an_eager_one(function):
    found = []
    for run_eagerly in (False, True):
        keras.utils.set_random_seed(1)

        class Applied(keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = keras.layers.Dense(4, kernel_initializer="identity")

            def call(self, x):
                return function(self.dense(x))

        model = Applied()
        model.compile("sgd", "mse", run_eagerly=run_eagerly)
        model.fit(X, X * 0 + 2, batch_size=3, shuffle=False, verbose=0)
        found.append(model.get_weights())
    for a, b in zip(*found, strict=True):
        assert not np.allclose(a, np.eye(4)) or a.ndim == 1
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
