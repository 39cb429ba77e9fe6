"""tf.GradientTape: gradients of numbers and of traced graphs, with respect to weights, variables, tensors."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.ir import Graph, Value
from kcompile.tf_keras import tensorflow as tf
from kcompile.torch_bridge import lower, run

keras = tf.keras


def test_gradients_reach_variables_layers_and_watched_tensors():
    v, x = tf.Variable(3.0), tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = v * v * tf.reduce_sum(x) + tf.sin(v)
    of_v, of_x = tape.gradient(y, [v, x])
    assert float(of_v) == pytest.approx(18 + np.cos(3)) and of_x.numpy().tolist() == [9, 9]


def test_tapes_within_tapes_give_second_derivatives():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(x**3)
        first = inner.gradient(y, x)
    assert first.numpy().tolist() == [3, 12] and outer.gradient(first, x).numpy().tolist() == [6, 12]


def test_what_a_target_does_not_depend_on_has_none_or_zeros():
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([3.0])
    with tf.GradientTape(persistent=True) as tape:
        y = tf.reduce_sum(v)
    assert tape.gradient(y, {"v": v, "w": w})["w"] is None
    assert tape.gradient(y, w, unconnected_gradients="zero").numpy().tolist() == [0]


def test_gradients_are_weighted_by_those_given_and_jacobians_have_a_row_for_each_element():
    x = tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    assert tape.gradient(y, x, output_gradients=tf.constant([1.0, 0.0, 2.0])).numpy().tolist() == [2, 0, 12]
    np.testing.assert_allclose(tape.jacobian(y, x).numpy(), np.diag([2.0, 4.0, 6.0]))
    rows = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape() as tape:
        tape.watch(rows)
        y = rows * rows
    np.testing.assert_allclose(tape.batch_jacobian(y, rows).numpy(), [[[2, 0], [0, 4]], [[6, 0], [0, 8]]])


def test_the_gradients_of_a_model_s_loss_are_those_of_the_traced_one():
    model = keras.Sequential([
        keras.layers.Dense(4, activation="tanh", kernel_regularizer="l2", input_shape=(3,)),
        keras.layers.Dense(1),
    ])  # fmt: skip

    def gradients(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - 1.0)) + sum(model.losses)
        return tape.gradient(loss, model.trainable_variables)

    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    symbolic = Value("float32", (8, 3), "x")
    expected = run(lower(Graph(gradients(symbolic), [symbolic], phase="train")), x)
    for found, wanted in zip(gradients(tf.constant(x)), expected, strict=True):
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-4, atol=1e-6)


def test_a_loop_of_one_s_own_trains():
    tf.random.normal([1])
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,), kernel_initializer="zeros")])
    x = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    y = x @ np.float32([[2.0], [-1.0]])
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(tf.constant(x)) - y))
        for weight, gradient in zip(
            model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
        ):
            weight.assign_sub(0.2 * gradient)
    np.testing.assert_allclose(model.get_weights()[0], [[2.0], [-1.0]], atol=1e-3)


def test_a_variable_computes_at_once_and_is_assigned():
    v = tf.Variable([1.0, 2.0], name="v")
    old = v + 1.0
    v.assign_add([1.0, 1.0])
    assert old.numpy().tolist() == [2, 3] and v.numpy().tolist() == [2, 3]
    assert isinstance(v, tf.Variable) and isinstance(keras.layers.Dense(1), keras.layers.Layer)
    with pytest.raises(ValueError, match="shape"):
        v.assign([1.0])


def test_gradients_are_of_weights_as_they_were_read():
    v, w = tf.Variable([3.0]), tf.Variable([2.0])
    with tf.GradientTape(persistent=True) as tape:
        early = tf.reduce_sum(v * w * w)
    v.assign([100.0])
    with tape:
        late = tf.reduce_sum(v * w)
    assert tape.gradient(early, w).numpy().tolist() == [12] and tape.gradient(late, w).numpy().tolist() == [
        100
    ]
    assert tape.gradient(early + late, v).numpy().tolist() == [6]


def test_an_update_between_two_gradients_does_not_disturb_the_second():
    first = keras.Sequential([keras.layers.Dense(3, input_shape=(2,))])
    second = keras.Sequential([keras.layers.Dense(1, input_shape=(3,))])
    x = tf.constant(np.ones((4, 2), "float32"))
    with tf.GradientTape(persistent=True) as one, tf.GradientTape() as two:
        loss = tf.reduce_mean(second(first(x)) ** 2)
    wanted = [g.numpy() for g in one.gradient(loss, first.trainable_weights)]
    gradients = two.gradient(loss, second.trainable_weights)
    keras.optimizers.Adam(0.5).apply_gradients(zip(gradients, second.trainable_weights, strict=True))
    for found, own in zip(one.gradient(loss, first.trainable_weights), wanted, strict=True):
        np.testing.assert_allclose(found.numpy(), own)


def traced_or_not(function, traced):
    return (tf.function(function) if traced else function)()


@pytest.mark.parametrize("traced", [False, True], ids=["eager", "traced"])
def test_nothing_is_recorded_where_recording_is_stopped(traced):
    x = tf.Variable(3.0)

    def gradient():
        with tf.GradientTape() as tape:
            y = x * x
            with tape.stop_recording():
                apart = x * y
            z = apart + y
        return z, tape.gradient(z, x)

    z, found = traced_or_not(gradient, traced)
    assert float(z) == 36 and float(found) == 6


def test_a_tape_knows_the_variables_that_were_read_and_watches_those_that_it_is_to():
    x, y, other = tf.Variable(3.0), tf.Variable(2.0), tf.Variable(1.0)
    fixed = tf.Variable(5.0, trainable=False)
    with tf.GradientTape() as tape:
        z = x * x + y * fixed
        with tape.stop_recording():
            z = z + other
    assert [v is w for v, w in zip(tape.watched_variables(), (x, y), strict=True)] == [True, True]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(y)
        z = x * y
    assert tape.watched_variables()[0] is y and len(tape.watched_variables()) == 1
    of_x, of_y = tape.gradient(z, [x, y])
    assert of_x is None and float(of_y) == 3


def test_variables_of_traced_steps_are_known_too():
    dense, seen = keras.layers.Dense(2), []
    dense.build((None, 3))

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(dense(x))
        seen.append([v.name for v in tape.watched_variables()])
        return tape.gradient(loss, dense.trainable_variables)

    assert step(tf.ones((4, 3)))[1].numpy().tolist() == [4, 4]
    assert seen[0] == [v.name for v in dense.trainable_variables]


def test_only_a_persistent_tape_gives_gradients_more_than_once():
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    for again in (tape.gradient, tape.jacobian):
        with pytest.raises(RuntimeError, match="non-persistent GradientTape can only be used"):
            again(y, x)
    with tf.GradientTape(persistent=True) as tape:
        y = x * x
        z = y * y
    assert [float(tape.gradient(t, x)) for t in (y, z, y)] == [6, 108, 6]


def test_jacobians_of_what_a_target_does_not_depend_on():
    x, w = tf.Variable([1.0, 2.0]), tf.Variable([[1.0], [2.0]])
    with tf.GradientTape(persistent=True) as tape:
        y = x * x
    whole, none = tape.jacobian(y, [x, w])
    assert whole.numpy().tolist() == [[2, 0], [0, 4]] and none is None
    zeros = tape.jacobian(y, w, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert zeros.numpy().tolist() == np.zeros((2, 2, 1)).tolist()
    assert tape.batch_jacobian(y, w) is None


def test_parts_of_variables_are_assigned():
    v = tf.Variable([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    v[1].assign([7.0, 8.0, 9.0])
    v[:, 0].assign_add([1.0, 1.0])
    v[0, 1:].assign_sub(tf.constant([2.0, 2.0]))
    assert v.numpy().tolist() == [[2, 0, 1], [8, 8, 9]] and float(v[1, 2]) == 9
    with pytest.raises(AttributeError, match="'EagerTensor' object has no attribute 'assign'"):
        tf.constant([1.0]).assign([2.0])
    with pytest.raises(TypeError, match="item assignment"):
        tf.constant([1.0])[0] = 2.0


#: type -> is_floating, is_integer, is_unsigned, is_complex, is_bool, size, real_dtype: what tensorflow says
DTYPES = {
    "float32": (True, False, False, False, False, 4, "float32"),
    "bfloat16": (True, False, False, False, False, 2, "bfloat16"),
    "int64": (False, True, False, False, False, 8, "int64"),
    "uint8": (False, True, True, False, False, 1, "uint8"),
    "bool": (False, False, False, False, True, 1, "bool"),
    "complex64": (False, False, False, True, False, 8, "float32"),
}


@pytest.mark.parametrize("name", DTYPES)
def test_element_types_say_what_they_are(name):
    dtype = getattr(tf, name)
    questions = "is_floating is_integer is_unsigned is_complex is_bool size real_dtype".split()
    assert tuple(getattr(dtype, question) for question in questions) == DTYPES[name]
    assert dtype.is_compatible_with(name) and not dtype.is_compatible_with("float64")
    assert tf.uint8.limits == (0, 255) and not dtype.is_quantized


def test_programs_that_trace_for_tensorboard_are_told_what_there_is():
    with pytest.warns(UserWarning, match="nothing is traced for TensorBoard"):
        tf.summary.trace_on(graph=True, profiler=True)
    tf.summary.trace_export("name", step=0)
