"""Programs of stock Keras 3 find the small tensorflow, and each takes the tensors of the other."""

from __future__ import annotations

import subprocess
import sys

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


class _Projection(layers.Layer):
    """Calls a function of TensorFlow on a variable of Keras."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 2), initializer="ones")

    def call(self, x):
        return self.function(x, self.w)


FUNCTIONS = {
    "tf.matmul": lambda x, w: tf.matmul(x, w),
    "tf.einsum": lambda x, w: tf.einsum("bi,io->bo", x, w),
    "an operator": lambda x, w: tf.nn.relu(x)[:, :2] * tf.reduce_sum(w) + w[0, 0],
    "a variable on the right": lambda x, w: (tf.nn.relu(x) @ w) - w[0],
    "tf.stack": lambda x, w: tf.tensordot(x, tf.stack([w, w])[1], 1),
    "tnp": lambda x, w: tf.experimental.numpy.maximum(tf.experimental.numpy.matmul(x, w), 0.0),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
@pytest.mark.parametrize("how", ["traced", "eagerly", "functional"])
def test_functions_of_tensorflow_train_variables_of_keras(function, how):
    layer, x = _Projection(function), X[:, 0, 0]
    if how == "functional":
        inputs = keras.Input((3,))
        model = keras.Model(inputs, layer(inputs))
    else:
        model = keras.Sequential([layer])
    model.compile("sgd", "mse", run_eagerly=how == "eagerly")
    model.fit(x, np.zeros((48, 2)), verbose=0)
    assert np.all(np.asarray(layer.w) != 1)
    np.testing.assert_allclose(model.predict(x, verbose=0), np.asarray(model(x)), rtol=1e-5)


@pytest.mark.parametrize("name", ["SGD", "Adam", "Nadam"])
def test_optimizers_of_keras_update_variables_of_tensorflow(name):
    optimizer, other = (getattr(keras.optimizers, name)(0.1) for _ in range(2))
    variable, expected = tf.Variable(X[0, 0]), keras.Variable(X[0, 0])
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(variable * variable)
        optimizer.apply_gradients([(tape.gradient(loss, variable), variable)])
        other.apply([2 * expected.value.detach()], [expected])
    np.testing.assert_allclose(variable.numpy(), np.asarray(expected), rtol=1e-5)


def test_a_tensor_gives_its_numbers_whatever_it_knows_of_gradients():
    found = layers.Dense(2)(X[:2, 0, 0])
    assert found.requires_grad
    assert np.array_equal(found.numpy(), found.detach().numpy())
    assert (np.ones((2, 2), "float32") + found[0].numpy()).shape == (2, 2)


READ = """
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1])
events.Reload()
print(sorted(events.Tags()["scalars"]), events.Tags()["tensors"], events.Tags()["histograms"])
"""


def test_keras_writes_for_tensorboard(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="d")])
    model.compile("sgd", "mse")
    board = keras.callbacks.TensorBoard(str(tmp_path), histogram_freq=1, update_freq=1)
    model.fit(X[:, 0, 0], X[:, 0, 0, :2], verbose=0, callbacks=[board])
    command = [sys.executable, "-c", READ, str(tmp_path / "train")]  # TensorBoard would find this tensorflow
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "'epoch_loss'" in said and "'batch_loss'" in said
    assert "['keras']" in said and "d/kernel/histogram" in said


def test_records_can_be_left_out(tmp_path):
    with tf.summary.create_file_writer(str(tmp_path)).as_default(step=1):
        assert tf.summary.scalar("a", 1.0)
        with tf.summary.record_if(lambda: False):
            assert not tf.summary.scalar("b", 1.0) and not tf.summary.write("c", tf.ones(2))


def test_tensorflow_may_be_imported_before_keras():
    program = "import tensorflow as tf, keras; print(keras.ops.ones(2).numpy() + tf.ones(2).numpy())"
    command = [sys.executable, "-m", "kcompile", "run", "--keras3", "/dev/stdin"]
    done = subprocess.run(command, input=program, capture_output=True, text=True, check=False)
    assert "[2. 2.]" in done.stdout, done.stderr
