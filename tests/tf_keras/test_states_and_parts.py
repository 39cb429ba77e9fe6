"""States that calls change, parts of variables, and the precision of inputs, as in tf.keras."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras as keras_2
from kcompile import tf_keras as keras
from kcompile.tf_keras import tensorflow as tf

L = keras.layers
X = np.arange(8, dtype="float32").reshape(4, 2)


class Counting(L.Layer):
    """Counts its calls."""

    def __init__(self):
        super().__init__()
        self.count = self.add_weight(name="count", shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.count.assign_add(1.0)
        return x * self.count


# --- calls on arrays ---


def test_calls_of_a_subclassed_model_on_arrays_do_its_assignments():
    class Counted(keras.Model):
        def __init__(self):
            super().__init__()
            self.count, self.layer = tf.Variable(0.0, trainable=False), Counting()

        def call(self, x):
            self.count.assign_add(1.0)
            return self.layer(x)

    model = Counted()
    found = [np.asarray(model(x)) for x in (X, X, tf.constant(X))]
    assert float(model.count) == float(model.layer.count.numpy()) == 3.0
    np.testing.assert_array_equal(found[2], X * 3)


def test_a_call_in_training_on_arrays_moves_statistics():
    layer = L.BatchNormalization()
    model = keras.Sequential([layer])
    for times, call in ((1, layer), (2, model)):
        call(X, training=True)
        expected = X.mean(axis=0) * (1 - 0.99**times)
        np.testing.assert_allclose(layer.moving_mean.numpy(), expected, rtol=1e-4)
    layer(X)
    np.testing.assert_allclose(layer.moving_mean.numpy(), expected, rtol=1e-4)


@pytest.mark.parametrize("make", [lambda x: x, tf.constant], ids=["array", "tensor"])
def test_what_a_layer_assigns_is_assigned_in_each_call(make):
    layer = Counting()
    found = [float(layer(make(np.ones(1, "float32")))[0]) for _ in range(3)]
    assert found == [1, 2, 3] and float(layer.count) == 3


def test_a_model_of_such_layers_called_on_arrays_assigns_too():
    inputs = keras.Input((1,))
    layer = Counting()
    model = keras.Model(inputs, layer(inputs))
    found = [float(model(np.ones((1, 1), "float32"))[0, 0]) for _ in range(2)]
    assert found == [1, 2] and float(layer.count) == 2


def test_by_the_rules_of_keras_2_a_call_on_arrays_changes_nothing():
    layer = keras_2.layers.BatchNormalization()
    layer(X)
    assert np.asarray(layer.moving_mean).tolist() == [0, 0]


# --- parts of variables ---

PARTS = {
    "rows": (lambda v: v[1:3].assign([[1.0, 2.0], [3.0, 4.0]]), [[0, 0], [1, 2], [3, 4], [0, 0]]),
    "a row, added": (lambda v: v[0].assign_add([1.0, 2.0]), [[1, 2], [0, 0], [0, 0], [0, 0]]),
    "a column, subtracted": (
        lambda v: v[:, 1].assign_sub([1.0, 2.0, 3.0, 4.0]),
        [[0, -1], [0, -2], [0, -3], [0, -4]],
    ),
    "one number for all": (lambda v: v[::2].assign(5.0), [[5, 5], [0, 0], [5, 5], [0, 0]]),
    "scatter_nd_update": (
        lambda v: v.scatter_nd_update([[3]], [[7.0, 8.0]]),
        [[0, 0], [0, 0], [0, 0], [7, 8]],
    ),
    "scatter_nd_add": (
        lambda v: v.scatter_nd_add([[0, 1], [0, 1]], [1.0, 2.0]),
        [[0, 3], [0, 0], [0, 0], [0, 0]],
    ),
    "scatter_nd_sub": (lambda v: v.scatter_nd_sub([[2]], [[1.0, 2.0]]), [[0, 0], [0, 0], [-1, -2], [0, 0]]),
    "scatter_nd_max": (lambda v: v.scatter_nd_max([[2]], [[1.0, -2.0]]), [[0, 0], [0, 0], [1, 0], [0, 0]]),
    "scatter_nd_min": (lambda v: v.scatter_nd_min([[2]], [[1.0, -2.0]]), [[0, 0], [0, 0], [0, -2], [0, 0]]),
    "scatter_update": (lambda v: v.scatter_update(rows([1])), [[0, 0], [5, 6], [0, 0], [0, 0]]),
    "scatter_add": (lambda v: v.scatter_add(rows([1])), [[0, 0], [5, 6], [0, 0], [0, 0]]),
    "scatter_sub": (lambda v: v.scatter_sub(rows([1])), [[0, 0], [-5, -6], [0, 0], [0, 0]]),
    "scatter_mul": (lambda v: v.scatter_mul(rows([1])), [[0, 0], [0, 0], [0, 0], [0, 0]]),
    "scatter_max": (lambda v: v.scatter_max(rows([3])), [[0, 0], [0, 0], [0, 0], [5, 6]]),
    "scatter_min": (lambda v: v.scatter_min(rows([3])), [[0, 0], [0, 0], [0, 0], [0, 0]]),
}


def rows(numbers):
    return tf.IndexedSlices(tf.constant([[5.0, 6.0]]), tf.constant(numbers))


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("traced", [False, True], ids=["at once", "traced"])
def test_parts_of_a_variable_are_assigned(name, traced):
    change, expected = PARTS[name]
    variable = tf.Variable(tf.zeros((4, 2)))

    def step(x):
        change(variable)
        return variable + x

    found = (tf.function(step) if traced else step)(tf.constant(1.0))
    assert variable.numpy().tolist() == expected
    assert (found.numpy() - 1).tolist() == expected


def test_a_part_is_chosen_by_a_tensor_of_the_step():
    variable = tf.Variable(tf.zeros((4,)))

    @tf.function
    def step(i):
        variable[i].assign(9.0)
        return variable + 0.0

    step(tf.constant(2))
    assert step(tf.constant(1)).numpy().tolist() == [0, 9, 9, 0]


# --- precision ---

LAYERS = {
    "Dense": (lambda **o: L.Dense(2, **o), (2, 3)),
    "Conv1D": (lambda **o: L.Conv1D(2, 1, **o), (2, 4, 3)),
    "LSTM": (lambda **o: L.LSTM(2, **o), (2, 4, 3)),
    "BatchNormalization": (lambda **o: L.BatchNormalization(**o), (2, 3)),
    "Rescaling": (lambda **o: L.Rescaling(2.0, **o), (2, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_take_numbers_in_their_own_precision(name):
    make, shape = LAYERS[name]
    array = np.ones(shape)
    for given in (array, tf.constant(array), array.astype("float16")):
        assert make()(given).dtype == "float32"
    inputs = keras.Input(shape[1:], dtype="float64")
    layer = make()
    model = keras.Model(inputs, layer(inputs))
    assert [type(x) for x in model.layers[1:]] == [type(layer)]  # and nothing that casts
    assert model.predict(array, verbose=0).dtype == "float32"
    model.compile("sgd", "mse")
    model.fit(array, np.asarray(model.predict(array, verbose=0)), verbose=0)
    assert make(dtype="float64")(array).dtype == "float64"


def test_a_layer_may_say_that_it_takes_what_it_is_given():
    class Plain(L.Layer):
        def call(self, x):
            return x * 2

    double = tf.constant(np.ones((1, 2)))
    assert Plain()(double).dtype == "float32" and Plain(autocast=False)(double).dtype == "float64"
    assert (keras.Input((2,), dtype="float64") * 2.0).dtype == "float64"


def test_legacy_optimizers_know_the_decay_that_they_were_given():
    legacy = keras.optimizers.legacy
    assert legacy.SGD(0.1, decay=0.01)._initial_decay == 0.01 and legacy.Adam()._initial_decay == 0


@pytest.mark.parametrize("traced", [False, True])
def test_parts_of_variables_are_read_by_number_and_index(traced):
    variable = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

    def read(numbers, places):
        with tf.GradientTape() as tape:
            rows = variable.sparse_read(numbers)
        return rows, variable.gather_nd(places), tape.gradient(rows, variable)

    call = tf.function(read) if traced else read
    rows, entries, gradient = call(tf.constant([2, 2, 0]), tf.constant([[1, 0], [2, 1]]))
    assert np.asarray(rows).tolist() == [[5, 6], [5, 6], [1, 2]]
    assert np.asarray(entries).tolist() == [3, 6]
    assert np.asarray(gradient).tolist() == [[1, 1], [0, 0], [2, 2]]


# --- results of metrics ---


@pytest.mark.parametrize("kind", ["Mean", "MeanSquaredError", "Precision", "AUC"])
def test_the_result_of_a_metric_is_a_tensor_with_a_number(kind):
    metric = getattr(keras.metrics, kind)()
    given = [[0.0, 1.0]] if kind == "Mean" else [[0.0, 1.0, 1.0], [0.25, 0.75, 0.5]]
    for found in (metric.result(), metric(*given), metric.result()):
        assert str(found).startswith("tf.Tensor(") and repr(found).startswith("<tf.Tensor: shape=()")
        assert f"{found:.2f}" == f"{float(found):.2f}"
    metric.reset_state()
    assert str(metric.result()).startswith("tf.Tensor(0.0")


def test_a_model_asked_for_the_result_of_its_metric_goes_on_counting():
    model = keras.Sequential([L.Dense(1, input_shape=(2,))])
    error = keras.metrics.MeanAbsoluteError()
    model.compile("sgd", "mse", metrics=[error])
    y = np.ones((4, 1), "float32")
    for _ in range(3):
        _, found = model.train_on_batch(X, y, reset_metrics=False)
        np.testing.assert_allclose(error.result().numpy(), found, rtol=1e-6)
