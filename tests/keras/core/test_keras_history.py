"""Models of tensors that operators made, without a layer around them."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import layers
from kcompile.keras.models import Model, clone_model, load_model, model_from_json

X = np.random.RandomState(0).normal(size=(6, 4, 3)).astype("float32")


def shared_dense(x):
    dense = layers.Dense(3, name="shared")
    return dense(x * 0.5) + dense(x)


# what is made of a tensor (batch, 4, 3), and whether tf.keras and Keras 3 have words for it
MADE = {
    "add": (lambda x: x + 1.0, True),
    "both sides": (lambda x: (2.0 - x) * x / (3.0 + x * x), True),
    "negative power": (lambda x: -(x**2.0), True),
    "array": (lambda x: x * np.array([1.0, 2.0, 3.0], "float32"), True),
    "index": (lambda x: x[:, 0], True),
    "slice": (lambda x: x[:, 1:3, ::2], True),
    "new axis": (lambda x: x[:, None] + K.expand_dims(x, 1), True),
    "matmul": (lambda x: x @ np.ones((3, 2), "float32"), True),
    "mean": (lambda x: x - K.mean(x, axis=-1, keepdims=True), True),
    "functions": (lambda x: K.exp(K.tanh(x)) + K.sqrt(K.abs(x)) + K.relu(x), True),
    "concatenate": (lambda x: K.concatenate([x, x * 2.0], axis=-1), True),
    "transpose": (lambda x: K.permute_dimensions(x, (0, 2, 1)), True),
    "reversed": (lambda x: x[:, ::-1] - K.reverse(x, 2)[:, -2:-1], False),
    "softmax": (lambda x: K.softmax(x), True),
    "integers": (lambda x: K.cast(x > 0.0, "int32") * 2, False),
    "where": (lambda x: K.switch(x > 0.0, x, x * 0.1), False),
    "flatten": (lambda x: K.batch_flatten(x), False),
    "two outputs": (lambda x: K.concatenate(layers.Lambda(lambda t: [t, t * 2])(x + 1.0)), True),
    "layers on it": (lambda x: layers.Dense(2)(layers.Dense(3)(x + 1.0) * x), True),
    "shared layer": (shared_dense, True),
    "recurrent": (lambda x: layers.LSTM(2)(x * 2.0) + 1.0, True),
}


def made(name):
    keras.utils.set_random_seed(1)
    x = layers.Input((4, 3))
    return Model(x, MADE[name][0](x))


@pytest.mark.parametrize("name", MADE)
def test_it_is_saved_cloned_called_again_and_exported(name, tmp_path):
    model = made(name)
    expected = model.predict(X)
    again = Model(model.input, model(model.input * 1.0))
    np.testing.assert_array_equal(again.predict(X), expected)
    clone = clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.predict(X), expected)
    if "Lambda" in {type(layer).__name__ for layer in model.layers}:
        return
    described = model_from_json(model.to_json())
    described.set_weights(model.get_weights())
    np.testing.assert_array_equal(described.predict(X), expected)
    for kind in ("h5", "keras", "onnx"):
        path = tmp_path / f"model.{kind}"
        model.export(path) if kind == "onnx" else model.save(path)
        np.testing.assert_allclose(load_model(path).predict(X), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", [name for name, (_, is_said) in MADE.items() if is_said])
def test_other_kerases_have_words_for_it(name):
    kinds = {type(layer).__name__ for layer in made(name).layers}
    assert "ONNXGraph" not in kinds


@pytest.mark.parametrize("name", ["layers on it", "shared layer", "recurrent"])
def test_it_trains_all_weights(name):
    model = made(name)
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, np.zeros_like(model.predict(X)), epochs=2, verbose=0)
    assert len(before) == len(model.trainable_weights) > 0
    assert all(np.abs(a - b).max() > 0 for a, b in zip(before, model.get_weights(), strict=True))


def test_a_residual_network_is_written_as_in_tf_keras():
    x = inputs = layers.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same")(x / 255.0)
    x = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x)) + x)
    model = Model(inputs, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    model.compile("adam", "sparse_categorical_crossentropy")
    images = np.random.RandomState(0).randint(0, 255, (8, 8, 8, 3))
    model.fit(images, np.arange(8) % 2, verbose=0)
    names = [layer.name.rsplit("_", 1)[0] for layer in model.layers if "operation" in layer.name]
    assert names == ["operation_truedivide", "operation_add"]


def test_losses_of_layers_called_on_such_tensors_count_once():
    x = layers.Input((3,))
    y = layers.Dense(2, activity_regularizer="l2", kernel_initializer="ones")(x * 2.0)
    model = Model(x, y)
    assert len(model.losses) == 1
    model.compile("sgd", "mse")
    ones = np.ones((1, 3))
    # the output is 6 in both places, of which Keras divides the sum of squares by the samples
    assert model.evaluate(ones, np.full((1, 2), 6.0), verbose=0) == pytest.approx(0.01 * 72)


def test_nothing_happens_to_tensors_of_which_no_model_is_made():
    x = layers.Input((3,))
    dense = layers.Dense(2)
    loss = K.mean(K.square(dense(x) - dense(x * 2.0)))
    assert not hasattr(loss, "_keras_history")
    assert dense.get_output_at(0) is not None and len(dense._inbound_nodes) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x * K.variable(2.0),
        lambda x: K.in_train_phase(x, x * 2.0),
        lambda x: K.variable(np.ones((1, 3))) * 2.0,
        lambda x: K.foldl(lambda a, b: a + b, x),
    ],
)
def test_what_cannot_be_a_layer_by_itself_is_refused(make):
    x = layers.Input((3,))
    with pytest.raises(ValueError, match="must be the output of a layer.*Lambda layer"):
        Model(x, make(x) + 1.0)
