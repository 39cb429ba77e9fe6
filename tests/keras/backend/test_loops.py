"""Loops, branches and gradients of one's own in graphs: what they compute at once, they train, predict and
export.
"""

from __future__ import annotations

import warnings

import numpy as np
import onnx
import pytest

from kcompile import tf_keras as keras
from kcompile.keras import backend as K
from kcompile.keras import ops
from kcompile.keras.backend import loops
from kcompile.tf_keras import tensorflow as tf

X = np.random.default_rng(0).random((6, 4)).astype("float32")


@tf.custom_gradient
def clipped(x):
    return x * x, lambda upstream: 3 * tf.clip_by_value(upstream, -0.01, 0.01)


@tf.custom_gradient
def log1pexp(x):
    e = tf.exp(x)
    return tf.math.log(1 + e), lambda upstream: upstream * (1 - 1 / (1 + e))


@tf.custom_gradient
def crossed(x):
    """Two results."""
    return (x * 2, x * 3), lambda a, b: a + 10 * b


def averaged(x):
    """A running mean, written step by step."""
    steps = tf.shape(x)[0]

    def turn(i, mean, written):
        mean = 0.5 * mean + x[i]
        return i + 1, mean, written.write(i, mean)

    start = tf.constant(0), tf.zeros_like(x[0]), tf.TensorArray(tf.float32, size=steps)
    return tf.while_loop(lambda i, *_: i < steps, turn, start)[2].stack()


def turned(x):
    """The rows from the last to the first, read from one array and written to another that grows."""
    given = tf.TensorArray(tf.float32, size=tf.shape(x)[0]).unstack(x)

    def turn(i, written):
        return i + 1, written.write(i, given.read(given.size() - 1 - i) * 2.0)

    start = tf.constant(0), tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    return tf.while_loop(lambda i, _: i < given.size(), turn, start)[1].stack()


def until_large(x):
    """Doubled as often as a value says; the rows after it stay zero. Beside it an array that nobody writes,
    and one that was written before."""
    first = tf.TensorArray(tf.float32, size=9).write(0, x)
    unused = tf.TensorArray(tf.float32, size=1)

    def turn(i, arrays):
        y = arrays["kept"].read(i) * 2.0
        return i + 1, {"kept": arrays["kept"].write(i + 1, y), "unused": arrays["unused"]}

    found = tf.while_loop(
        lambda i, arrays: tf.reduce_max(arrays["kept"].read(i)) < 20.0,
        turn,
        (tf.constant(0), {"kept": first, "unused": unused}),
    )[1]["kept"]
    return tf.reduce_sum(found.stack(), axis=0) + found.gather([1, 0])[0]


def scattered(x):
    """At places that a tensor says, and joined along the rows."""
    places = tf.argsort(tf.reduce_sum(x, axis=1))
    written = tf.TensorArray(tf.float32, size=tf.shape(x)[0]).scatter(places, x[:, None])
    return written.concat() * tf.cast(written.size(), tf.float32)


#: name -> (function of a tensor (6, 4), the operators that its file has)
FUNCTIONS = {
    "while_loop by a value": (
        lambda x: tf.while_loop(lambda y: tf.reduce_max(y) > 0.1, lambda y: y * 0.5, [x])[0],
        {"Loop"},
    ),
    "while_loop that counts to few": (
        lambda x: tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 0.9), (tf.constant(0), x))[1],
        set(),
    ),
    "while_loop that counts to many": (
        lambda x: tf.while_loop(lambda i, y: i < 30, lambda i, y: (i + 1, y * 0.9), (tf.constant(0), x))[1],
        {"Loop"},
    ),
    "while_loop at most some times": (
        lambda x: tf.while_loop(
            lambda y: tf.reduce_sum(y) < 1e6, lambda y: y + x, [x], maximum_iterations=20
        )[0],
        {"Loop"},
    ),
    "while_loop over rows that grow": (
        lambda x: tf.while_loop(lambda y: tf.shape(y)[0] < 20, lambda y: tf.concat([y, y * 0.5], 0), [x])[0],
        {"Loop"},
    ),
    "scan": (lambda x: tf.scan(lambda a, row: a * 0.5 + row, x, initializer=tf.zeros((4,))), {"Scan"}),
    "scan without a first value": (lambda x: tf.scan(lambda a, row: a * row + row, x), {"Scan"}),
    "scan backwards": (lambda x: tf.scan(lambda a, row: a * row + row, x, reverse=True), {"Scan"}),
    "scan of a few": (
        lambda x: tf.transpose(tf.scan(lambda a, row: a * 0.5 + row, tf.transpose(x))),
        set(),
    ),
    "a TensorArray of all steps": (averaged, {"Loop"}),
    "TensorArrays that are read, and that grow": (turned, {"Loop"}),
    "a TensorArray written as far as a value says": (until_large, {"Loop"}),
    "a TensorArray of computed places": (scattered, set()),
    "cond": (lambda x: tf.cond(tf.reduce_sum(x) > 3.0, lambda: tf.math.log(x + 1), lambda: x * 2), {"If"}),
    "cond, otherwise": (
        lambda x: tf.cond(tf.reduce_sum(x) > 300.0, lambda: tf.math.log(x), lambda: x * 2),
        {"If"},
    ),
    "cond of another shape": (
        lambda x: tf.cond(tf.reduce_sum(x) > 3.0, lambda: x[:2], lambda: x),
        {"If"},
    ),
    "ops.while_loop": (
        lambda x: ops.while_loop(lambda y: ops.max(y) > 0.1, lambda y: (y * 0.5,), x),
        {"Loop"},
    ),
    "ops.fori_loop": (lambda x: ops.fori_loop(0, 40, lambda i, y: y * 0.95, x), {"Loop"}),
    "ops.fori_loop to a value": (
        lambda x: ops.fori_loop(0, ops.cast(ops.sum(x) * 2, "int32"), lambda i, y: y * 0.9, x),
        {"Loop"},
    ),
    "ops.scan": (lambda x: ops.scan(lambda c, e: (c + e, c * e), ops.zeros((4,)), x)[1], {"Scan"}),
    "ops.scan, the last": (lambda x: ops.scan(lambda c, e: (c + e, c * e), ops.zeros((4,)), x)[0], {"Scan"}),
    "ops.scan backwards": (
        lambda x: ops.scan(lambda c, e: (c + e, c * e), ops.zeros((4,)), x, reverse=True)[1],
        {"Scan"},
    ),
    "ops.scan of a dict": (
        lambda x: ops.scan(
            lambda c, e: ({"a": c["a"] + e[0]}, (c["a"] * e[1],)), {"a": ops.zeros((4,))}, (x, x * 2)
        )[1][0],
        {"Scan"},
    ),
    "ops.scan of steps alone": (
        lambda x: ops.scan(lambda c, _: (c * 0.9, ops.sum(c)), x, length=20)[1],
        {"Loop"},
    ),
    "ops.map": (lambda x: ops.map(lambda e: e * e, x), {"Scan"}),
    "ops.associative_scan": (lambda x: ops.associative_scan(lambda a, b: a * b, x), {"Scan"}),
    "ops.associative_scan of the last axis": (
        lambda x: ops.associative_scan(lambda a, b: a * b, x, reverse=True, axis=-1),
        set(),
    ),
    "ops.switch": (
        lambda x: ops.switch(
            ops.cast(ops.sum(x) * 0 + 1, "int32"), [lambda y: y, lambda y: y * 3, lambda y: y * 4], x
        ),
        {"If"},
    ),
    "a gradient that is clipped": (clipped, set()),
    "a gradient that is exact": (log1pexp, set()),
    "a gradient of two results": (lambda x: tf.add_n(crossed(x)), set()),
}


class Applied(keras.layers.Layer):
    """A function of the inputs times a weight."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def build(self, shape):
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones")

    def call(self, x):
        return self.function(x * self.scale)


def gradient_at_once(function):
    scale = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(function(tf.constant(X) * scale)))
    return float(tape.gradient(loss, scale))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_graph_predicts_trains_and_exports_what_is_computed_at_once(name, tmp_path):
    function, operators = FUNCTIONS[name]
    expected = function(tf.constant(X)).numpy()
    inputs = keras.Input((4,))
    model = keras.Model(inputs, Applied(function)(inputs))
    np.testing.assert_allclose(model(X), expected, rtol=1e-5)
    model.export(str(tmp_path / "m.onnx"))
    found = {node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node}
    assert found & {"Loop", "Scan", "If"} == operators
    loss = K.mean(K.square(model.outputs[0]))
    model.add_loss(loss)
    model.compile(keras.optimizers.SGD(1.0))
    model.train_on_batch(X)
    np.testing.assert_allclose(1 - model.get_weights()[0], gradient_at_once(function), rtol=1e-4)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_traced_function_computes_it_and_its_gradient(name):
    function, _ = FUNCTIONS[name]
    scale = tf.Variable(1.0)

    @tf.function
    def traced(x):
        with tf.GradientTape() as tape:
            y = function(x * scale)
            loss = tf.reduce_mean(tf.square(y))
        return y, tape.gradient(loss, scale)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y, gradient = traced(tf.constant(X))
    np.testing.assert_allclose(y, function(tf.constant(X)), rtol=1e-5)
    np.testing.assert_allclose(float(gradient), gradient_at_once(function), rtol=1e-4)


def test_variables_that_a_loop_assigns_are_carried():
    count, total = tf.Variable(0.0), tf.Variable(0.0)

    @tf.function
    def traced(x):
        def body(y):
            count.assign_add(1.0)
            total.assign(total + count)
            return y + count

        last = tf.while_loop(lambda y: y < tf.reduce_sum(x), body, [tf.constant(0.0)])[0]
        return last, total * 1.0

    last, sum_now = traced(tf.constant(X))  # the sum of x is 12.0
    assert float(last) == float(sum_now) == float(total) == 15 and float(count) == 5


def test_of_the_assignments_of_two_branches_one_happens():
    chosen = tf.Variable(0.0)

    @tf.function
    def traced(x):
        tf.cond(x > 1.0, lambda: chosen.assign(1.0), lambda: chosen.assign(-1.0))
        return chosen * 2

    assert [float(traced(tf.constant(x))) for x in (2.0, 0.0)] == [2, -2] and float(chosen) == -1


def test_a_condition_on_a_variable_is_looked_at_in_each_call():
    switch = tf.Variable(0)
    traced = tf.function(lambda x: tf.cond(switch > 0, lambda: x * 2, lambda: x * 3))
    assert float(traced(tf.constant(1.0))) == 3
    switch.assign(1)
    assert float(traced(tf.constant(1.0))) == 2


def test_each_turn_draws_its_own_random_numbers():
    @tf.function
    def traced(x):
        def body(i, drawn):
            return i + 1, tf.concat([drawn, tf.random.uniform((1,))], axis=0)

        return tf.while_loop(lambda i, _: i < tf.shape(x)[0], body, (tf.constant(0), tf.zeros((0,))))[1]

    assert len(np.unique(traced(tf.constant(X)))) == 6


def test_what_does_not_change_is_computed_once_outside():
    x = K.placeholder((4, 4))
    y = loops.while_loop(
        lambda v: K.sum(v) < 10.0,
        lambda v: v + K.dot(x, x),
        K.zeros((4, 4)),
        lambda v: K.constant(v) if not hasattr(v, "dims") else v,
    )
    (body,) = [a for a in y.node.attributes.values() if hasattr(a, "sliced")]
    assert "MatMul" not in [node.op_type for node in body.sliced("inference").nodes]


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda x: tf.while_loop(lambda a, b: a < K.sum(x), lambda a, b: a + 1, [x[0], x]),
            "gives 1 tensors",
        ),
        (lambda x: tf.while_loop(lambda a: K.sum(a) < 9.0, lambda a: [a[0]], [x]), "in one step and"),
        (lambda x: tf.cond(K.sum(x) > 0, lambda: x, lambda: (x, x)), "give 1 and 2 tensors"),
    ],
)
def test_what_does_not_fit_together_is_an_error(make, message):
    with pytest.raises(ValueError, match=message):
        make(K.placeholder((3, 2)))
