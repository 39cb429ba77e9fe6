"""Models made of nested inputs are fed nests."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import tf_keras
from kcompile.tf_keras import tensorflow as tf

NESTS = {
    "dict_of_lists": lambda a, b, c: {"x": a, "y": [b, c]},
    "dict_of_dicts": lambda a, b, c: {"z": {"b": b, "a": a}, "y": c},
    "list_of_lists": lambda a, b, c: [a, [b, c]],
    "list_in_a_list": lambda a, b, c: [[a, b, c]],
    "list_with_dict": lambda a, b, c: [{"z": a, "b": b}, c],
}


def _tuples(nest):
    """Lists as tuples, as datasets have them."""
    if isinstance(nest, dict):
        return {key: _tuples(entry) for key, entry in nest.items()}
    return tuple(map(_tuples, nest)) if isinstance(nest, list) else nest


@pytest.fixture(params=sorted(NESTS))
def case(request):
    """How the inputs nest, a model of them, and arrays for the inputs a, b and c."""
    nest = NESTS[request.param]
    inputs = [tf_keras.Input((n + 2,), name=name) for n, name in enumerate("abc")]
    outputs = [
        tf_keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")(x) * 10.0**n
        for n, x in enumerate(inputs)
    ]
    model = tf_keras.Model(nest(*inputs), outputs[0] + outputs[1] + outputs[2])
    model.compile("sgd", "mse")
    return nest, model, [np.full((4, n + 2), n + 1, "float32") for n in range(3)]


EXPECTED = np.full((4, 1), 3 + 70 + 1300, "float32")


def test_predictions_calls_and_training_take_the_nest(case):
    nest, model, arrays = case
    np.testing.assert_allclose(model.predict(nest(*arrays), verbose=0), EXPECTED)
    np.testing.assert_allclose(model(nest(*arrays)), EXPECTED)
    np.testing.assert_allclose(model.predict(dict(zip("abc", arrays, strict=True)), verbose=0), EXPECTED)
    assert model.evaluate(nest(*arrays), EXPECTED, verbose=0) == 0
    assert model.train_on_batch(nest(*arrays), EXPECTED + 1) == 1
    history = model.fit(nest(*arrays), EXPECTED, validation_split=0.5, batch_size=2, verbose=0).history
    assert set(history) == {"loss", "val_loss"}


def test_data_sets_and_generators_have_the_nest(case):
    nest, model, arrays = case
    given = tf.data.Dataset.from_tensor_slices((_tuples(nest(*arrays)), EXPECTED)).batch(2)
    assert model.evaluate(given, verbose=0) == 0
    np.testing.assert_allclose(model.predict(given, verbose=0), EXPECTED)
    assert model.fit(given, verbose=0).history["loss"] == [0]
    batches = ((nest(*arrays), EXPECTED) for _ in range(2))
    assert model.fit(batches, steps_per_epoch=2, verbose=0).history["loss"] == [0]


def test_the_model_says_its_inputs_as_it_was_given_them(case):
    nest, model, _ = case
    a, b, c = (model.get_layer(name).output for name in "abc")
    pairs = zip(tf.nest.flatten(model.input), tf.nest.flatten(nest(a, b, c)), strict=True)
    assert all(found is own for found, own in pairs)
    assert model.input_shape == nest((None, 2), (None, 3), (None, 4))


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_files_clones_and_outer_models_keep_the_nest(case, ending, tmp_path):
    nest, model, arrays = case
    model.save(tmp_path / f"m.{ending}")
    again = tf_keras.models.load_model(tmp_path / f"m.{ending}")
    clone = tf_keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    inputs = [tf_keras.Input(x.shape[1:]) for x in arrays]
    outer = tf_keras.Model(nest(*inputs), model(nest(*inputs)))
    for other in (again, clone, outer):
        np.testing.assert_allclose(other.predict(nest(*arrays), verbose=0), EXPECTED)


def test_another_nest_is_one_clear_error():
    inputs = [tf_keras.Input((2,)) for _ in range(3)]
    model = tf_keras.Model({"x": inputs[0], "y": inputs[1:]}, inputs[0] + inputs[1] + inputs[2])
    x = np.ones((2, 2))
    with pytest.raises(ValueError, match="keys 'x', 'y'; found 'x', 'z'"):
        model.predict({"x": x, "z": [x, x]})
    with pytest.raises(ValueError, match="a list of 2 in them; found 1"):
        model.predict({"x": x, "y": [x]})
