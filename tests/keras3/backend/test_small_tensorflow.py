"""Programs of stock Keras 3 find the small tensorflow, and each takes the tensors of the other."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops

from kcompile.keras3 import tensorflow as small

small.provide()
tf = pytest.importorskip("tensorflow")
if not hasattr(tf, "__internal__") or tf.__version__ != "2.15.0":
    pytest.skip("TensorFlow itself is installed", allow_module_level=True)

X = np.random.RandomState(0).rand(48, 6, 6, 3).astype("float32")
Y = np.random.RandomState(1).randint(0, 3, 48)


def test_tf_keras_is_stock_keras():
    from tensorflow.keras import layers as theirs
    from tensorflow.keras.layers import Dense

    assert tf.keras is keras and theirs is layers and Dense is layers.Dense


def test_a_module_that_is_not_here_is_not_found():
    with pytest.raises(ModuleNotFoundError):
        import tensorflow.compiler  # noqa: F401


def _classifier():
    model = keras.Sequential([keras.Input((6, 6, 3)), layers.Flatten(), layers.Dense(3)])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


def _dataset(classes_first=False):
    augment = keras.Sequential([layers.RandomFlip(), layers.Rescaling(2.0)])
    data = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(48, seed=0).batch(20)
    return data.map(lambda x, y: (augment(x), ops.one_hot(y, 3))).prefetch(tf.data.AUTOTUNE)


def test_layers_and_operations_of_keras_are_steps_of_a_dataset():
    images, labels = next(iter(_dataset()))
    assert images.shape == (20, 6, 6, 3) and labels.shape == (20, 3)
    assert np.allclose(np.sort(np.asarray(images), axis=None)[-1], 2 * X.max(), atol=0.2)


@pytest.mark.parametrize("class_weight", [None, {0: 1.0, 1: 2.0, 2: 0.5}], ids=["plain", "class weights"])
def test_datasets_train_evaluate_and_predict(class_weight):
    model, data = _classifier(), _dataset()
    history = model.fit(data, validation_data=data, epochs=2, verbose=0, class_weight=class_weight)
    assert set(history.history) == {"accuracy", "loss", "val_accuracy", "val_loss"}
    assert len(model.evaluate(data, verbose=0)) == 2
    assert model.predict(data, verbose=0).shape == (48, 3)


def test_class_weights_weigh():
    weighted, plain = _classifier(), _classifier()
    plain.set_weights(weighted.get_weights())
    data = tf.data.Dataset.from_tensor_slices((X, ops.one_hot(Y, 3))).batch(48)
    doubled = weighted.fit(data, verbose=0, class_weight={0: 2.0, 1: 2.0, 2: 2.0}, shuffle=False)
    once = plain.fit(data, verbose=0, shuffle=False)
    assert doubled.history["loss"][0] == pytest.approx(2 * once.history["loss"][0], rel=1e-4)


def test_a_model_called_on_a_tensor_of_tensorflow_gives_one_of_pytorch():
    dense = layers.Dense(2)
    found = dense(tf.constant(X[0, 0]))
    assert isinstance(found, torch.Tensor) and found.requires_grad
    np.testing.assert_allclose(tf.reduce_sum(found).numpy(), dense(X[0, 0]).detach().numpy().sum(), rtol=1e-5)
    assert isinstance(ops.convert_to_tensor(tf.constant([1.0])), torch.Tensor)


WORDS = ["a b c", "b c d"]
#: How text is prepared -> what comes of ["b z", "c c b"].
TEXT = {
    "int": (dict(output_sequence_length=3), [[3, 1, 0], [2, 2, 3]]),
    "int, as long as it is": ({}, [[3, 1, 0], [2, 2, 3]]),
    "multi_hot": (dict(output_mode="multi_hot"), [[1, 0, 1, 0, 0], [0, 1, 1, 0, 0]]),
    "count": (dict(output_mode="count"), [[1, 0, 1, 0, 0], [0, 2, 1, 0, 0]]),
}


@pytest.mark.parametrize("options, expected", TEXT.values(), ids=list(TEXT))
def test_text_is_vectorized(options, expected):
    layer = layers.TextVectorization(**options)
    layer.adapt(WORDS)
    assert list(layer.get_vocabulary())[-4:] == ["c", "b", "d", "a"]
    assert np.asarray(layer(["b z", "c c b"])).tolist() == expected
    batches = tf.data.Dataset.from_tensor_slices(["b z", "c c b"]).batch(2).map(layer)
    assert np.asarray(next(iter(batches))).tolist() == expected


LOOKUPS = {
    "words": (lambda: layers.StringLookup(vocabulary=["x", "y"]), ["y", "x", "z"], [2, 1, 0]),
    "words of their own": (
        lambda: layers.StringLookup(vocabulary=["x", "y"], num_oov_indices=0, mask_token=None),
        ["y", "x", "x"],
        [1, 0, 0],
    ),
    "back to words": (
        lambda: layers.StringLookup(vocabulary=["x", "y"], invert=True), [2, 1, 0], [b"y", b"x", b"[UNK]"],
    ),
    "numbers": (lambda: layers.IntegerLookup(vocabulary=[7, 9]), [9, 7, 8], [2, 1, 0]),
    "one hot": (
        lambda: layers.StringLookup(vocabulary=["x", "y"], output_mode="one_hot"),
        ["y", "z"],
        [[0, 0, 1], [1, 0, 0]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("layer, given, expected", LOOKUPS.values(), ids=list(LOOKUPS))
def test_words_are_looked_up(layer, given, expected):
    assert np.asarray(layer()(np.array(given))).tolist() == expected
    assert np.asarray(layer()(tf.constant(given))).tolist() == expected


WORDS_AND_NUMBERS = (np.array(["A", "B", "A"]), np.array([101, 102, 103]))
#: Layer -> what TensorFlow's backend gives.
HASHED = {
    "crossed": (lambda: layers.HashedCrossing(num_bins=5), WORDS_AND_NUMBERS, [1, 1, 4]),
    "crossed, tensors": (
        lambda: layers.HashedCrossing(num_bins=5, output_mode="one_hot"),
        tuple(tf.constant(x[:2, None]) for x in WORDS_AND_NUMBERS),
        [[0, 1, 0, 0, 0], [0, 1, 0, 0, 0]],
    ),
    "words": (lambda: layers.Hashing(num_bins=5), np.array([["A"], ["B"], ["C"]]), [[4], [3], [2]]),
    "words, one hot": (
        lambda: layers.Hashing(num_bins=3, output_mode="one_hot"), [["A"], ["B"]], [[0, 1, 0], [1, 0, 0]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("layer, given, expected", HASHED.values(), ids=list(HASHED))
def test_words_are_hashed(layer, given, expected):
    assert np.asarray(layer()(given)).tolist() == expected


def test_a_normalization_adapts_to_a_dataset():
    rows = X.reshape(48, -1)[:, :4]
    layer = layers.Normalization()
    layer.adapt(tf.data.Dataset.from_tensor_slices(rows).batch(8))
    np.testing.assert_allclose(np.asarray(layer(rows)).mean(axis=0), np.zeros(4), atol=1e-5)


# --- gradients --------------------------------------------------------------------------------------------


class WithTape(keras.Sequential):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(y - self(x, training=True)))
        self.optimizer.apply_gradients(
            zip(tape.gradient(loss, self.trainable_weights), self.trainable_weights, strict=True)
        )
        return {"mse": loss}


ROWS = X.reshape(48, -1)[:, :4]
SUMS = ROWS.sum(axis=1, keepdims=True)


def _line(kind=keras.Sequential):
    model = kind([keras.Input((4,)), layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")])
    model.compile("sgd", "mse")
    return model


def _after_fit():
    model = _line()
    model.fit(ROWS, SUMS, batch_size=16, epochs=2, shuffle=False, verbose=0)
    return model.get_weights()


@pytest.mark.parametrize("eagerly", [False, True], ids=["traced", "eager"])
def test_a_step_with_a_tape_trains_as_keras_does(eagerly):
    model = _line(WithTape)
    model.compile("sgd", "mse", run_eagerly=eagerly)
    model.fit(ROWS, SUMS, batch_size=16, epochs=2, shuffle=False, verbose=0)
    for found, expected in zip(model.get_weights(), _after_fit(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("decorate", [lambda f: f, tf.function], ids=["plain", "tf.function"])
def test_a_loop_of_a_programs_own_trains_as_keras_does(decorate):
    model, optimizer = _line(), keras.optimizers.SGD()

    @decorate
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x, training=True) - y) ** 2)
        optimizer.apply(tape.gradient(loss, model.trainable_weights), model.trainable_weights)
        return loss

    for _ in range(2):
        for x, y in tf.data.Dataset.from_tensor_slices((ROWS, SUMS)).batch(16):
            step(x, y)
    for found, expected in zip(model.get_weights(), _after_fit(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_gradients_by_inputs_and_of_what_does_not_depend():
    model = _line()
    x = ops.convert_to_tensor(ROWS[:2])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = model(x)
    assert torch.equal(tape.gradient(y, x), torch.ones(2, 4))
    assert tape.gradient(y, [layers.Dense(1)(x)]) == [None]


MIXED = {
    "tensorflow - torch": (lambda a, b: a - b, 3.0),
    "torch - tensorflow": (lambda a, b: b - a, -3.0),
    "torch.add": (lambda a, b: torch.add(a, b), 7.0),
    "torch.stack": (lambda a, b: torch.stack([a, b]).sum(dim=0), 7.0),
    "tf.add": (lambda a, b: tf.add(a, b), 7.0),
    "keras.ops": (lambda a, b: ops.add(a, b), 7.0),
}


@pytest.mark.parametrize("function, expected", MIXED.values(), ids=list(MIXED))
def test_gradients_flow_where_tensors_of_both_meet(function, expected):
    a, b = tf.constant([5.0]), torch.tensor([2.0], requires_grad=True)
    found = function(a, b)
    found = found if isinstance(found, torch.Tensor) else found.tensor
    assert found.item() == expected
    (gradient,) = torch.autograd.grad(found.sum(), [b])
    assert abs(gradient.item()) == 1.0
