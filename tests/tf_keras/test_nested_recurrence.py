"""Recurrent layers over users' cells whose inputs, states and outputs are nests, beside tf_keras 2.21."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from kcompile import keras, tf_keras
from kcompile.tf_keras import tensorflow as tf
from tests.golden import nested_recurrence_programs as programs

GOLDEN = json.loads((Path(programs.__file__).parent / "nested_recurrence.json").read_text())


@pytest.mark.parametrize("case", sorted(programs.CASES))
def test_a_nested_cell_predicts_and_trains_as_in_tf_keras(case):
    found, expected = programs.answers(tf_keras, tf, case), GOLDEN[case]
    assert found["shapes"] == expected["shapes"]
    for key in ("before", "loss", "after"):
        np.testing.assert_allclose(found[key], expected[key], rtol=2e-5, atol=2e-5, err_msg=key)


@pytest.mark.parametrize("case", ["sequences", "backwards", "masked", "initial", "stacked"])
def test_unrolled_a_nested_cell_computes_what_its_loop_does(case):
    """tf_keras refuses to unroll nests of outputs."""
    found = []
    for unroll in (False, True):
        model, arrays = programs.model(tf_keras, tf, **programs.CASES[case][1], unroll=unroll)
        model.set_weights([np.full(w.shape, 0.1 * (i + 1)) for i, w in enumerate(model.get_weights())])
        found.append(model.predict(arrays, batch_size=programs.BATCH))
    for looped, unrolled in zip(*found, strict=True):
        np.testing.assert_allclose(unrolled, looped, rtol=1e-5, atol=1e-6)


def _by_file(path, model, arrays):
    session = onnxruntime.InferenceSession(path)
    names = [given.name for given in session.get_inputs()]
    return session.run(None, dict(zip(names, arrays, strict=True)))


@pytest.mark.parametrize("case", sorted(set(programs.CASES) - {"stateful", "table_stateful"}))
def test_an_exported_nested_cell_predicts_the_same(case, tmp_path):
    make, options = programs.CASES[case]
    model, arrays = make(tf_keras, tf, **options)
    path = str(tmp_path / "m.onnx")
    model.export(path)
    predicted = model.predict(arrays, batch_size=programs.BATCH)
    predicted = predicted if isinstance(predicted, list | tuple) else [predicted]
    for found, expected in zip(_by_file(path, model, arrays), predicted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", ["tuple", "dict", "initial", "stacked", "table"])
@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_files_keep_how_the_inputs_of_a_layer_are_nested(case, ending, tmp_path):
    make, options = programs.CASES[case]
    model, arrays = make(tf_keras, tf, **options)
    path = tmp_path / f"m.{ending}"
    model.save(path)
    again = tf_keras.models.load_model(path, custom_objects=programs.cells(tf_keras, tf))
    pair = [m.predict(arrays, batch_size=programs.BATCH) for m in (model, again)]
    for expected, found in zip(*(p if isinstance(p, list) else [p] for p in pair), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("case", ["tuple", "dict", "initial"])
def test_files_of_keras_3_keep_it_too(case, tmp_path):
    make, options = programs.CASES[case]
    model, arrays = make(keras, tf, **options)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras", custom_objects=programs.cells(keras, tf))
    pair = [m.predict(arrays, batch_size=programs.BATCH) for m in (model, again)]
    for expected, found in zip(*pair, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_model_with_a_nested_cell_is_called_on_other_inputs():
    model, arrays = programs.model(tf_keras, tf, nest="named")
    inputs = [tf_keras.Input(batch_shape=x.shape) for x in arrays]
    outer = tf_keras.Model(inputs, model(inputs))
    for found, expected in zip(outer.predict(arrays), model.predict(arrays), strict=True):
        np.testing.assert_array_equal(found, expected)


class _Sum(tf_keras.layers.Layer):
    """Takes nests; says in what form."""

    def build(self, input_shape):
        self.built_for = input_shape
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones")

    def call(self, inputs):
        return self.scale * sum(tf.nest.flatten(inputs))


NESTS = {
    "dict": lambda a, b, c: {"z": a, "b": b, "a": c},
    "dict_of_lists": lambda a, b, c: {"x": a, "y": [b, c]},
    "list_of_lists": lambda a, b, c: [a, [b, c]],
    "named": lambda a, b, c: [programs.Features(a, b), c],
}


@pytest.mark.parametrize("nest", sorted(NESTS))
def test_a_users_layer_is_called_on_a_nest(nest, tmp_path):
    layer, inputs = _Sum(), [tf_keras.Input((2,)) for _ in range(3)]
    model = tf_keras.Model(inputs, layer(NESTS[nest](*inputs)))
    assert layer.built_for == NESTS[nest](*[(None, 2)] * 3)
    arrays = [np.full((4, 2), i, "float32") for i in range(3)]
    np.testing.assert_array_equal(model.predict(arrays), np.full((4, 2), 3))
    np.testing.assert_array_equal(layer(NESTS[nest](*arrays)), np.full((4, 2), 3))
    model.compile("sgd", "mse")
    model.fit(arrays, np.zeros((4, 2)), verbose=0)
    assert layer.get_weights()[0] < 1
    model.save(tmp_path / "m.h5")
    again = tf_keras.models.load_model(tmp_path / "m.h5", custom_objects={"_Sum": _Sum})
    np.testing.assert_array_equal(again.predict(arrays), model.predict(arrays))


def test_a_clone_calls_its_layers_on_the_same_nests():
    model, arrays = programs.model(tf_keras, tf, nest="dict", return_state=True)
    clone = tf_keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for found, expected in zip(clone.predict(arrays), model.predict(arrays), strict=True):
        np.testing.assert_array_equal(found, expected)
