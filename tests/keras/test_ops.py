"""keras.ops, keras.random and keras.saving: the names of Keras 3 over the table of operations."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import layers as L
from kcompile.keras import ops
from kcompile.keras.operations.rows import ROWS

GOLDEN = Path(__file__).parents[1] / "golden/keras_ops"
FOUND = json.loads((GOLDEN / "keras_ops.json").read_text())
#: What is not in the table.
MISSING = set(
    """adaptive_average_pool adaptive_max_pool allclose argpartition bartlett bincount blackman
    cholesky cholesky_inverse conv_transpose correlate ctc_decode ctc_loss custom_gradient eig eigh
    fold gcd hamming hanning histogram i0 inv istft jvp kaiser lcm lstsq lu_factor matrix_rank
    nanmedian nanpercentile nanquantile nextafter nonzero pinv polar qr rearrange segment_max
    segment_min segment_prod slogdet solve solve_triangular svd unfold unique unravel_index
    vectorize view view_as_complex view_as_real""".split()
)
HERE = [name for name in FOUND["ops"] if name not in MISSING]


def written(function):
    parameters = inspect.signature(function).parameters.values()
    kept = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
    return [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in kept]


@pytest.mark.parametrize("name", HERE)
def test_functions_have_the_arguments_of_keras_3(name):
    own = written(getattr(ops, name))
    extra = [argument for argument in own if argument not in FOUND["ops"][name]]
    assert [argument for argument in own if argument not in extra] == FOUND["ops"][name]
    assert all(argument.endswith("=None") for argument in extra)  # such as the dtype of sums in files


@pytest.mark.parametrize("name", sorted(MISSING))
def test_what_is_not_in_the_table_is_said_to_be_missing(name):
    assert name in FOUND["ops"]
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
        getattr(ops, name)


def test_the_nearest_name_is_said():
    with pytest.raises(AttributeError, match="Did you mean 'matmul'"):
        ops.matmull  # noqa: B018
    with pytest.raises(AttributeError, match="Did you mean 'uniform'"):
        keras.random.unifrom  # noqa: B018


def test_every_operation_of_the_table_has_its_function():
    named = {name for name in ROWS if name.isidentifier() and name[:1].isupper()}
    reached = {id(ops._row_of(name)) for name in [*dir(ops), *ops._IMAGES] if ops._row_of(name) is not None}
    assert {name for name in named if id(ROWS[name]) not in reached} <= {"Abs"}


@pytest.mark.parametrize("name", sorted(set(FOUND["image"]) & set(ops._IMAGES)))
def test_functions_of_images(name):
    assert set(FOUND["image"][name]) >= {a for a in written(getattr(ops.image, name)) if "=" not in a}


X = np.arange(6, dtype="float32").reshape(2, 3)
VALUES = {
    "mean": (lambda k: k.mean(X, axis=1, keepdims=True), X.mean(1, keepdims=True)),
    "numbers": (lambda k: k.add(X, 1), X + 1),
    "arrays": (lambda k: k.concatenate([X, X], axis=0), np.concatenate([X, X])),
    "stack": (lambda k: k.stack([X, X], 1), np.stack([X, X], 1)),
    "einsum": (lambda k: k.einsum("ij,kj->ik", X, X), X @ X.T),
    "where": (lambda k: k.where(X > 2, X, 0.0), np.where(X > 2, X, 0)),
    "average": (lambda k: k.average(X, 1, np.array([1.0, 2, 1], "f")), np.average(X, 1, [1, 2, 1])),
    "full": (lambda k: k.full((2, 2), 7), np.full((2, 2), 7.0)),
    "eye": (lambda k: k.eye(2, 3, k=1), np.eye(2, 3, 1)),
    "tri": (lambda k: k.tri(3), np.tri(3)),
    "arange": (lambda k: k.arange(1, 7, 2), np.arange(1, 7, 2)),
    "cond": (lambda k: k.cond(True, lambda: k.abs(-X), lambda: X), X),
    "nn": (lambda k: k.nn.relu(X - 2), np.maximum(X - 2, 0)),
    "linalg": (lambda k: k.linalg.norm(X), np.linalg.norm(X)),
    "cast": (lambda k: k.cast(X, "int32"), X.astype("int32")),
    "broadcast_to": (lambda k: k.broadcast_to(X[:1], (2, 3)), np.broadcast_to(X[:1], (2, 3))),
}


@pytest.mark.parametrize("name", list(VALUES))
def test_functions_of_numbers_give_numbers(name):
    compute, expected = VALUES[name]
    found = ops.convert_to_numpy(compute(ops))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype.kind == expected.dtype.kind or expected.dtype.kind == "f"


@keras.saving.register_keras_serializable("tests", "Mixed")
class Mixed(L.Layer):
    """A layer as Keras 3's users write them."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.seeds = keras.random.SeedGenerator(1)

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="ones")
        super().build(input_shape)

    def call(self, inputs, training=None):
        x = ops.matmul(inputs, self.kernel)
        if training:
            x = x + keras.random.normal(ops.shape(x), stddev=1e-6, seed=self.seeds)
        flat = ops.reshape(x, (ops.shape(x)[0], -1))
        return ops.softmax(ops.concatenate([flat, ops.zeros_like(flat)], axis=-1))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def expected(x):
    flat = np.concatenate([(x @ np.ones((3, 2), "f")), np.zeros((len(x), 2), "f")], 1)
    return np.exp(flat) / np.exp(flat).sum(1, keepdims=True)


def test_what_is_no_number_stays_so_in_heaviside_and_is_passed_over_by_fmax_and_fmin():
    some, others = np.array([np.nan, -1.0, 0.0, 2.0], "float32"), np.array([3.0, np.nan, 0.5, 1.0], "float32")
    np.testing.assert_array_equal(np.asarray(ops.heaviside(some, others)), np.heaviside(some, others))
    np.testing.assert_array_equal(np.asarray(ops.fmax(some, others)), np.fmax(some, others))
    np.testing.assert_array_equal(np.asarray(ops.fmin(some, others)), np.fmin(some, others))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_layer_of_ops_is_symbolic_trains_and_comes_back_from_a_file(tmp_path, suffix):
    model = keras.Sequential([L.Input((3,)), Mixed(2)])
    model.compile("sgd", "mse")
    np.testing.assert_allclose(model.predict(X), expected(X), rtol=1e-5)
    model.fit(X, np.zeros((2, 4)), verbose=0)
    assert not (model.get_weights()[0] == 1).all()
    path = str(tmp_path / f"model{suffix}")
    model.save(path)
    again = keras.saving.load_model(path)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_a_layer_of_ops_computes_at_once_on_eager_tensors():
    from kcompile.tf_keras import tensorflow as tf

    layer = Mixed(2)
    with tf.GradientTape() as tape:
        found = layer(tf.constant(X))
        loss = tf.reduce_sum(found[:, 0])
    np.testing.assert_allclose(found.numpy(), expected(X), rtol=1e-5)
    (gradient,) = tape.gradient(loss, layer.trainable_weights)
    assert gradient.shape == (3, 2) and np.abs(gradient.numpy()).max() > 0


def test_random_numbers_follow_their_distributions():
    draw = keras.random
    assert abs(np.asarray(draw.normal((4000,), 3.0, 2.0, seed=1)).mean() - 3) < 0.2
    assert set(np.asarray(draw.randint((200,), 2, 5, seed=1)).tolist()) == {2, 3, 4}
    assert abs(np.asarray(draw.truncated_normal((4000,), seed=1))).max() <= 2
    assert set(np.asarray(draw.binomial((300,), 2, 0.5, seed=1)).tolist()) == {0, 1, 2}
    assert sorted(np.asarray(draw.shuffle(np.arange(9), seed=1))) == list(range(9))
    assert np.asarray(draw.categorical(np.array([[0.0, -100.0]], "f"), 5)).tolist() == [[0] * 5]
    kept = np.asarray(draw.dropout(np.ones(4000, "f"), 0.25, seed=1))
    assert abs((kept == 0).mean() - 0.25) < 0.05 and abs(kept.max() - 4 / 3) < 1e-6
    first, second = (np.asarray(draw.uniform((3,), seed=seeds)) for seeds in [draw.SeedGenerator(4)] * 2)
    assert (first != second).any()
    with pytest.raises(ValueError, match="whole number"):
        draw.SeedGenerator("one")


@pytest.mark.parametrize(
    "made",
    [L.Dense(3, activation="relu"), keras.optimizers.Adam(0.5), keras.losses.MeanSquaredError(), Mixed(4)],
    ids=lambda made: type(made).__name__,
)
def test_objects_become_plain_data_and_come_back(made):
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(made)))
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(made)
    assert again.get_config() == made.get_config()


def test_names_of_registered_classes():
    assert keras.saving.get_registered_name(Mixed) == "tests>Mixed"
    assert keras.saving.get_registered_object("tests>Mixed") is Mixed
    assert keras.saving.get_registered_name(L.Dense) == "Dense"
    with pytest.raises(ValueError, match="NoSuch"):
        keras.saving.deserialize_keras_object({"class_name": "NoSuch", "config": {}})
