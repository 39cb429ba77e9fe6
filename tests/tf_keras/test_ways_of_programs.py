"""What published programs of tf.keras do beside the examples of its documentation."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from kcompile import keras, tf_keras
from kcompile.keras import rules
from kcompile.tf_keras import tensorflow as tf

ONES = np.ones((2, 2))


@pytest.fixture
def tf_keras_rules():
    """All code follows tf.keras for one test, as under ``kcompile run``."""
    rules.follow(rules.TF_KERAS)
    yield
    rules.follow(None)


def _batches():
    return tf.data.Dataset.from_tensor_slices((np.ones((4, 2)), np.ones((4, 1)))).batch(2)


def _generator():
    while True:
        yield np.ones((2, 2)), np.ones((2, 1))


class _Sequence(keras.utils.Sequence):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return np.ones((2, 2)), np.ones((2, 1))


@pytest.mark.parametrize("make", [_batches, _generator, _Sequence])
def test_fit_ignores_a_batch_size_beside_batches(make, tf_keras_rules):
    model = tf_keras.Sequential([tf_keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(make(), batch_size=3, steps_per_epoch=2, verbose=0)
    assert model.optimizer.iterations.numpy() == 2


def test_whole_numbers_behind_filters_are_window_and_strides(tf_keras_rules):
    assert tf_keras.layers.Conv2D(8, 3, 2, padding="same").strides == (2, 2)
    assert tf_keras.layers.Conv2D(8, 3, 3).strides == (3, 3)


def test_a_model_is_compiled_without_a_loss_and_evaluated_but_not_trained(tf_keras_rules):
    model = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(2,))])
    model.compile()
    assert model.evaluate(ONES, ONES[:, :1], verbose=0) == 0
    with pytest.raises(ValueError, match="no gradient"):
        model.fit(ONES, ONES[:, :1], verbose=0)


def test_resnet50_names_its_layers_as_resnet101_does(tf_keras_rules):
    model = tf_keras.applications.ResNet50(weights=None, include_top=False, input_shape=(32, 32, 3))
    assert model.get_layer("conv4_block6_2_relu").output.shape == (None, 2, 2, 256)


def test_outputs_lie_in_lists_as_the_model_was_given_them():
    x = tf_keras.Input((2,))
    a, b = (tf_keras.layers.Dense(n)(x) for n in (3, 4))
    model = tf_keras.Model(x, [[a, b], a])
    for found in (model(ONES), model.predict(ONES, verbose=0), model.output):
        (first, second), third = found
        assert [tuple(y.shape)[-1] for y in (first, second, third)] == [3, 4, 3]


@pytest.mark.parametrize(
    "layer",
    ["Dense", "Conv1D", "Conv2D", "Conv2DTranspose", "SeparableConv2D", "DepthwiseConv2D", "EinsumDense"],
)
def test_an_activation_that_is_taken_away_is_not_computed(layer):
    settings = {
        "Dense": dict(units=2),
        "DepthwiseConv2D": dict(kernel_size=1),
        "EinsumDense": dict(equation="abcd,de->abce", output_shape=(4, 4, 2)),
    }.get(layer, dict(filters=2, kernel_size=1))
    made = getattr(tf_keras.layers, layer)(activation="relu", **settings)
    x = np.random.RandomState(0).normal(size=(1, 4, 3) if layer == "Conv1D" else (1, 4, 4, 3))
    x = np.concatenate([x, -x]).astype("float32")
    made(x)
    made.activation = None
    assert np.min(made(x)) < 0


class _Images(tf_keras.layers.Layer):
    """A cell whose inputs are images."""

    state_size = output_size = 4

    def call(self, x, states):
        new = tf.reduce_mean(x, 1) + states[0]
        return new, [new]


def test_a_users_cell_takes_more_than_vectors():
    assert tf_keras.layers.RNN(_Images())(np.ones((2, 3, 5, 4), "float32")).shape == (2, 4)


def test_a_tape_records_what_models_compute_of_arrays():
    x = tf_keras.Input((2,))
    hidden = tf_keras.layers.Dense(3, name="hidden")(x)
    model = tf_keras.Model([x], [hidden, tf_keras.layers.Dense(2, use_bias=False)(hidden)])
    with tf.GradientTape() as tape:
        within, out = model(ONES)
        chosen = out[:, tf.argmax(out[0])]
    grads = tape.gradient(chosen, within)
    column = model.layers[-1].kernel.numpy()[:, int(tf.argmax(out[0]))]
    np.testing.assert_allclose(grads.numpy(), [column, column], rtol=1e-6)


COUNTS = {
    "of entries": (lambda: tf.repeat(tf.constant([1, 2, 3]), tf.constant([2, 0, 1])), [1, 1, 3]),
    "of columns": (lambda: tf.repeat([[1, 2]], tf.constant([1, 2]), axis=1), [[1, 2, 2]]),
    "one for all": (lambda: tf.repeat(tf.constant([1, 2]), tf.constant(2)), [1, 1, 2, 2]),
    "none": (lambda: tf.repeat(tf.constant([1, 2]), tf.constant([0, 0])), []),
}


@pytest.mark.parametrize("case", COUNTS)
def test_repeat_takes_counts_that_are_computed(case):
    compute, expected = COUNTS[case]
    assert compute().numpy().tolist() == expected


MIXED = {
    "matmul": lambda x, n: tf.matmul(x, n),
    "add": lambda x, n: tf.add(x, n),
    "maximum": lambda x, n: tf.maximum(n, x),
    "concat": lambda x, n: tf.concat([n, x], 0),
    "stack": lambda x, n: tf.stack([x, n]),
    "einsum": lambda x, n: tf.einsum("ab,bc->ac", n, x),
    "where": lambda x, n: tf.where(x > 0, n, x),
    "clip_by_value": lambda x, n: tf.clip_by_value(x, n, n),
    "tensor_scatter_nd_update": lambda x, n: tf.tensor_scatter_nd_update(x, [[0]], n[:1]),
}


@pytest.mark.parametrize("dtype", ["float64", "int64"])
@pytest.mark.parametrize("name", MIXED)
def test_arrays_take_the_element_type_of_the_tensors_beside_them(name, dtype):
    assert MIXED[name](tf.ones((2, 2)), ONES.astype(dtype)).dtype == "float32"


def test_ragged_rows_come_from_an_array_of_lists_or_of_arrays():
    for rows in ([["a", "b"], ["c"]], [np.array(["a", "b"]), np.array(["c"])]):
        column = np.empty(2, object)
        column[:] = rows
        assert tf.ragged.constant(column).to_list() == [[b"a", b"b"], [b"c"]]


def test_sizes_that_are_known_are_numbers_while_a_graph_is_built():
    x = tf_keras.Input((7, 5))
    assert int(tf.shape(x)[1]) == 7
    assert list(range(tf.shape(x)[2] - 1)) == [0, 1, 2, 3]
    assert tf.reshape(x, (-1, tf.shape(x)[1] * tf.shape(x)[2])).shape == (None, 35)
    with pytest.raises(TypeError, match="symbolic"):
        int(tf.shape(x)[0])


ROWS = {
    "StringLookup": ([["a", "b"], ["c"], []], ["a", "b"]),
    "IntegerLookup": ([[1, 2], [9], []], [1, 2]),
}


@pytest.mark.parametrize("mode", ["int", "multi_hot", "count"])
@pytest.mark.parametrize("kind", ROWS)
def test_lookups_take_rows_of_unequal_lengths(kind, mode):
    rows, vocabulary = ROWS[kind]
    layer = getattr(tf_keras.layers, kind)(vocabulary=vocabulary, output_mode=mode)
    found = layer(tf.ragged.constant(rows))
    if mode == "int":
        assert found.to_list() == [[1, 2], [0], []]
    else:
        assert found.numpy().tolist() == [[0, 1, 1], [1, 0, 0], [0, 0, 0]]


def test_lookups_are_adapted_to_rows_of_unequal_lengths():
    layer = tf_keras.layers.StringLookup()
    layer.adapt(tf.ragged.constant([["a", "b"], ["b"], []]))
    assert layer.get_vocabulary() == ["[UNK]", "b", "a"]


class _Tree(tf_keras.Model):
    def __init__(self, rate):
        super().__init__()
        self.rate, self.inner = rate, tf_keras.layers.Dense(2)

    def call(self, x):
        return self.inner(x) * self.rate


def test_a_model_with_a_subclassed_one_in_it_is_exported(tmp_path):
    x = tf_keras.Input((3,))
    model = tf_keras.Model(x, tf_keras.layers.Dense(1)(_Tree(2.0)(x)))
    path = str(tmp_path / "model.onnx")
    model.export(path)
    session = onnxruntime.InferenceSession(path)
    given = np.ones((2, 3), "float32")
    (found,) = session.run(None, {session.get_inputs()[0].name: given})
    np.testing.assert_allclose(found, model.predict(given, verbose=0), rtol=1e-5)
