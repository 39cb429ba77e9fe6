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
    assert made.get_config()["activation"] == "linear"


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


class _Distance(tf_keras.layers.Layer):
    def call(self, a, b, more=None):
        return tf.reduce_sum(tf.square(a - b), -1) + (0.0 if more is None else more["also"])


@pytest.mark.parametrize("place", ["all", "first", "second", "in a dict"])
def test_arguments_that_operators_computed_belong_to_the_model(place):
    embed = tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=(3,))])
    a, b = tf_keras.Input((3,)), tf_keras.Input((3,))
    first = embed(a * 2.0 if place in ("all", "first") else a)
    second = embed(b * 2.0) if place == "all" else b[:, :2] if place == "second" else embed(b)
    more = {"also": tf.reduce_sum(b * 3.0, -1)} if place == "in a dict" else None
    model = tf_keras.Model([a, b], _Distance()(first, second, more))
    x, y = np.random.RandomState(0).normal(size=(2, 4, 3)).astype("float32")
    found = model([tf.constant(x), tf.constant(y)])
    assert hasattr(found, "interpreter")
    np.testing.assert_allclose(found.numpy(), model.predict([x, y], verbose=0), rtol=1e-4, atol=1e-4)


def test_a_layer_that_is_added_twice_counts_once_where_no_input_is_known(tf_keras_rules):
    normal = tf_keras.layers.BatchNormalization()
    layers = [normal, tf_keras.layers.Dense(4), normal, tf_keras.layers.Dense(2)]
    model = tf_keras.Sequential(layers)
    assert model(ONES).shape == (2, 2) and len(model.layers) == 3
    known = tf_keras.Sequential(
        [tf_keras.layers.Dense(2, input_shape=(2,)), dense := tf_keras.layers.Dense(2), dense]
    )
    x = np.array([[1.0, 2.0]], "float32")
    first, (kernel, bias) = known.layers[0].get_weights(), dense.get_weights()
    expected = ((x @ first[0] + first[1]) @ kernel + bias) @ kernel + bias
    np.testing.assert_allclose(known.predict(x, verbose=0), expected, rtol=1e-5)


class _Block(tf_keras.layers.Layer):
    def __init__(self):
        super().__init__()
        keys = tf.lookup.KeyValueTensorInitializer(["a", "b"], [3, 1])
        self.table = tf.lookup.StaticHashTable(keys, default_value=0)

    def call(self, text):
        return self.table.lookup(text)


def test_a_table_of_text_is_part_of_a_model_and_of_its_file(tmp_path):
    text = tf_keras.Input((), dtype="string", name="text")
    model = tf_keras.Model(text, tf_keras.layers.Embedding(4, 2)(_Block()(text)))
    words = np.array(["b", "a", "?"], object)
    found = model.predict(words, verbose=0)
    np.testing.assert_array_equal(found, model.layers[-1].get_weights()[0][[1, 3, 0]])
    path = str(tmp_path / "model.onnx")
    with pytest.warns(UserWarning, match="not compared"):
        model.export(path)
    np.testing.assert_array_equal(onnxruntime.InferenceSession(path).run(None, {"text": words})[0], found)


def _by_cond(seen):
    return lambda loss: tf.cond(tf.less(seen, 2.5), lambda: loss, lambda: loss * 0.0)


def _by_case(seen):
    return lambda loss: tf.case([(seen < 2.5, lambda: loss)], default=lambda: loss * 0.0)


def _by_index(seen):
    return lambda loss: tf.switch_case(tf.cast(seen // 3.0, "int32"), [lambda: loss, lambda: loss * 0.0])


def _by_loop(seen):
    return lambda loss: tf.while_loop(
        lambda i, total: i < tf.maximum(0.0, 3.0 - seen) / 3.0,
        lambda i, total: (i + 1.0, total + loss),
        (0.0, loss * 0),
    )[1]


@pytest.mark.parametrize("chosen", [_by_cond, _by_case, _by_index, _by_loop])
def test_a_loss_that_counts_its_batches_asks_the_count_of_each(chosen):
    """The condition depends on a variable alone, which a graph outlives."""
    seen = tf.Variable(0.0, trainable=False)

    def loss(y_true, y_pred):
        return chosen(seen)(keras.backend.mean(keras.backend.square(y_pred - y_true)))

    model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="zeros", input_shape=(2,))])
    model.compile(keras.optimizers.SGD(0.0), loss)
    found = []
    while len(found) < 4:
        found.append(float(model.train_on_batch(ONES, ONES[:, :1])))
        seen.assign_add(1.0)
    assert found == [1.0, 1.0, 1.0, 0.0]
