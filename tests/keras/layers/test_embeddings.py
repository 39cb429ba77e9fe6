"""Embedding behaves as in Keras 2.3.1."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import layers
from kcompile_runtime import ExecutionError, Executor
from tests.keras.layers.golden_layers import golden_tests

test_layer_equals_keras, test_training_equals_keras = golden_tests("Embedding")


# --- beyond the golden cases ---


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32"])
def test_numbers_of_any_type_are_indices(dtype):
    inputs = layers.Input((2,), dtype=dtype)
    layer = layers.Embedding(5, 3)
    model = keras.models.Model(inputs, layer(inputs))
    found = model.predict(np.array([[0, 4], [3, 3]], dtype))
    np.testing.assert_array_equal(found, layer.get_weights()[0][[[0, 4], [3, 3]]])


def test_zero_is_masked_where_asked_for():
    inputs = layers.Input((4,), dtype="int32")
    assert layers.Embedding(5, 3)(inputs)._keras_mask is None
    embedded = layers.Embedding(5, 3, mask_zero=True)(inputs)
    (mask,) = K.function([inputs], [embedded._keras_mask])([np.array([[0, 1, 0, 4]], "int32")])
    assert mask.tolist() == [[False, True, False, True]]


@pytest.mark.parametrize(
    "kwargs, expected",
    [
        ({}, (None, None, 3)),
        ({"input_length": 4}, (None, 4, 3)),
        ({"input_length": (2, None)}, (None, 2, None, 3)),
    ],
)
def test_as_first_layer_it_says_its_input(kwargs, expected):
    model = keras.models.Sequential([layers.Embedding(5, 3, **kwargs)])
    assert model.output_shape == expected


def test_input_length_adds_what_the_input_leaves_open():
    inputs = layers.Input((None,), dtype="int32")
    assert K.int_shape(layers.Embedding(5, 3, input_length=4)(inputs)) == (None, 4, 3)


def test_only_rows_that_were_read_are_trained():
    model = keras.models.Sequential([layers.Embedding(6, 3, input_length=2)])
    before = model.get_weights()[0]
    model.compile(keras.optimizers.SGD(1.0), "mse")
    model.train_on_batch(np.array([[1, 4]]), np.ones((1, 2, 3)))
    changed = (model.get_weights()[0] != before).any(axis=1)
    assert changed.tolist() == [False, True, False, False, True, False]


def test_a_number_beyond_the_last_row_is_an_error_not_a_crash():
    model = keras.models.Sequential([layers.Embedding(6, 3, input_length=2)])
    with pytest.raises(Exception, match="(?i)out of (data )?(bounds|range)"):
        model.predict(np.array([[1, 6]]))


@pytest.mark.parametrize(
    "make, problem",
    [
        (lambda: layers.Embedding(0, 3), r"`input_dim` must be a positive integer, found 0"),
        (lambda: layers.Embedding(3, "4"), r"`output_dim` must be a positive integer, found '4'"),
        (
            lambda: layers.Embedding(3, 4, input_length=5)(layers.Input((4,))),
            r'"input_length" is 5, but .* \(None, 4\)',
        ),
        (
            lambda: layers.Embedding(3, 4, input_length=5)(layers.Input((5, 2))),
            r'"input_length" is 5, but received',
        ),
    ],
)
def test_bad_arguments_and_inputs_are_refused_by_one_clear_error(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()


def looked_up_by(how, index, tmp_path, dtype):
    """Looks an index up in an embedding of 5 rows."""
    x = np.array([[0, index]])
    ids = layers.Input((2,), dtype=dtype)
    model = keras.Model(ids, layers.Embedding(5, 3)(ids))
    model.compile("sgd", "mse")
    if how == "predict":
        return model.predict(x)
    if how == "fit":
        return model.fit(x, np.zeros((1, 2, 3)), verbose=0)
    if how == "evaluate":
        return model.evaluate(x, np.zeros((1, 2, 3)), verbose=0)
    if how == "K.function":
        return K.function([ids], model.outputs)([x.astype(dtype)])
    model.export(tmp_path / "m.onnx", opset=15 if how == "opset 15" else 21)
    return Executor(tmp_path / "m.onnx").predict(x)


@pytest.mark.parametrize("how", ["predict", "fit", "evaluate", "K.function", "Executor", "opset 15"])
@pytest.mark.parametrize("dtype", ["float32", "int32", "int64"])
def test_an_index_outside_the_table_is_refused_everywhere(how, dtype, tmp_path):
    looked_up_by(how, 4, tmp_path, dtype)
    for index in (-1, -5, 5, -(2**31), 2**31 - 1):
        with pytest.raises((IndexError, RuntimeError)):
            looked_up_by(how, index, tmp_path, dtype)


def test_the_message_names_lookup_index_and_table(tmp_path):
    with pytest.raises(ExecutionError, match=r"embedding_\d+/Gather looks up the index -1, .* 0 to 4"):
        looked_up_by("Executor", -1, tmp_path, "int32")
    with pytest.raises(IndexError, match=r"index -1 at .* the layer 'embedding_\d+': .* indices 0 to 4"):
        looked_up_by("predict", -1, tmp_path, "int32")


def test_one_index_of_all_samples_gives_one_vector():
    table = layers.Embedding(4, 3)
    i = layers.Input((None, 2))
    steps = layers.Lambda(lambda x: K.shape(x)[1])(i)
    model = keras.Model(i, i[:, :, :1] + table(steps))
    assert K.int_shape(table(steps)) == (3,)
    x = np.zeros((2, 3, 2))
    np.testing.assert_allclose(model.predict(x), np.broadcast_to(table.get_weights()[0][3], (2, 3, 3)))
