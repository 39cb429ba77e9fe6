"""tf.function: one graph for arguments of a form, constants as keys, and eager where it cannot be traced."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from kcompile.tf_keras import tensorflow as tf


def counted():
    seen = []

    @tf.function
    def square(x, times=1):
        seen.append((x.shape, times))
        return times * x * x

    return square, seen


def test_a_function_is_traced_once_for_each_type_and_rank_and_constant():
    square, seen = counted()
    for x in ([1.0, 2.0], [3.0, 4.0]):
        assert square(tf.constant(x)).numpy().tolist() == [x[0] ** 2, x[1] ** 2]
    assert len(seen) == 1
    assert square(tf.constant([2.0, 2.0]), times=3).numpy().tolist() == [12, 12]
    assert square(tf.constant([[2.0]])).numpy().tolist() == [[4]]
    assert square(tf.constant([2, 3])).numpy().tolist() == [4, 9]
    assert len(seen) == 4


def test_sizes_that_change_are_open_from_then_on():
    square, seen = counted()
    for n in (2, 3, 4, 5, 2):
        assert square(np.full(n, 3.0, "float32")).numpy().tolist() == [9.0] * n
    assert [tuple(shape) for shape, _ in seen] == [(2,), (None,)]


def test_variables_are_read_and_assigned_in_the_order_of_the_program():
    v = tf.Variable(1.0)

    @tf.function
    def step(x):
        v.assign_add(x)
        doubled = v * 2.0
        v.assign(doubled + 1.0)
        return doubled, {"v": v + 0.0}

    doubled, after = step(tf.constant(2.0))
    assert float(doubled) == 6.0 and float(after["v"]) == 7.0 == float(v)
    step(tf.constant(1.0))
    assert float(v) == 17.0


def test_results_are_tensors_numbers_and_text_too():
    @tf.function
    def several(x):
        return [x + 1.0, (x, "text", 3, None)]

    first, (second, text, number, nothing) = several(tf.constant([1.0]))
    assert tf.is_tensor(first) and first.numpy()[0] == 2.0 and second.numpy()[0] == 1.0
    assert (text.numpy(), number.numpy(), number.dtype, nothing) == (b"text", 3, tf.int32, None)


@pytest.mark.parametrize(
    ("value", "returned"), [(1, 1), (-1, 0)], ids=["one branch returns a tensor", "the other a number"]
)
def test_a_number_that_a_branch_returns_is_a_tensor(value, returned):
    @tf.function
    def relu(x):
        return x if tf.greater(x, 0) else 0

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert relu(tf.constant(value)).numpy() == returned


def test_functions_of_text_run_as_they_are():
    @tf.function
    def double(a):
        return a + a

    assert double(tf.constant("ab")).numpy() == b"abab"


def test_a_method_has_graphs_for_each_object():
    class Scale:
        def __init__(self, by):
            self.by = by

        @tf.function
        def __call__(self, x):
            return x * self.by

        @tf.function(reduce_retracing=True)
        def twice(self, x):
            return self(self(x))

    three, five = Scale(3.0), Scale(5.0)
    assert float(three(tf.constant(2.0))) == 6.0 and float(five(tf.constant(2.0))) == 10.0
    assert float(three.twice(tf.constant(1.0))) == 9.0 and float(five.twice(tf.constant(1.0))) == 25.0
    assert three.twice.python_function.__name__ == "twice"


def test_what_cannot_be_traced_runs_eagerly_and_says_so_once():
    @tf.function
    def sign(x):
        return 1 if x > 0 else -1

    with pytest.warns(UserWarning, match=r"The tf.function sign runs eagerly.*test_traced_functions.py:\d+"):
        assert sign(tf.constant(2.0)) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sign(tf.constant(-2.0)) == -1


def test_errors_of_the_function_are_its_own():
    @tf.function
    def broken(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        broken(tf.constant(1.0))


def test_gradients_flow_through_a_function_within_a_tape():
    v = tf.Variable(3.0)
    cube = tf.function(lambda x: v * x**3)
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = cube(x)
    assert [float(g) for g in tape.gradient(y, [x, v])] == [36.0, 8.0]


def test_random_numbers_are_drawn_anew_by_each_call():
    draw = tf.function(lambda x: tf.reduce_sum(tf.keras.backend.random_normal((3,))) + 0.0 * x)
    assert len({float(draw(tf.constant(0.0))) for _ in range(3)}) == 3


def test_metrics_that_a_function_updates_are_numbers():
    metric = tf.keras.metrics.Mean()
    tf.function(metric.update_state)(tf.constant([1.0, 3.0]))
    assert "2" in repr(metric.result()) and f"{metric.result():.2f}" == "2.00"
