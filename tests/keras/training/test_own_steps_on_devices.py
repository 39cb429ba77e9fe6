"""Steps that users write, on several devices: the weights are those of one device on the whole batch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from kcompile import tf_keras as keras
from kcompile.ir import Graph, Parameter, Value, op
from kcompile.keras import backend as K
from kcompile.tf_keras import tensorflow as tf
from kcompile.torch_bridge.parallel import pool
from kcompile.torch_bridge.parallel.divided_step import parts
from kcompile.torch_bridge.parallel.partition import Partition

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 4)).astype("float32")
Y = (X[:, :1] * 2 + 1).astype("float32")


@pytest.fixture(scope="module", autouse=True)
def workers():
    """Two processes for all tests."""
    kept = pool.pool(["cpu", "cpu"])
    yield kept
    kept.close()


# --- where results are put together ---

ROWS = Value("float32", ("batch", 3), "x")
WEIGHTS = Parameter(np.ones(3, np.float32), "weights")


def partition(*outputs: Value, updates=()) -> Partition:
    return Partition(Graph(outputs, [ROWS], updates, "train"))


def joints(found: Partition) -> list[str]:
    """The ways of what is put together, node by node."""
    ways = [f"{node.op_type}: {' '.join(joint.ways)}" for node, joint in found.before.items() if joint.ways]
    return sorted(ways) + ([f"end: {' '.join(found.last.ways)}"] if found.last.ways else [])


@pytest.mark.parametrize(
    "make, expected",
    [
        (lambda: K.mean(ROWS), ["end: mean"]),
        (lambda: K.sum(ROWS), ["end: sum"]),
        (lambda: 2 * K.mean(ROWS) + K.sum(WEIGHTS), ["end: mean"]),
        (lambda: K.log(K.mean(ROWS)), ["Log: mean"]),
        (lambda: K.sum(ROWS) + K.mean(ROWS), ["Add: sum mean"]),
        (lambda: K.sum(ROWS) / K.cast(K.shape(ROWS)[0], "float32"), ["end: mean"]),
        (lambda: ROWS / K.cast(K.shape(ROWS)[0], "float32"), ["Div: sum"]),
        (lambda: K.sum(WEIGHTS), []),
        (lambda: ROWS - K.mean(ROWS, axis=0), []),  # as BatchNormalization does, by the shard
        (lambda: K.random_normal((K.shape(ROWS)[0], 2)), []),
        (lambda: op.Gradient(K.mean(ROWS * WEIGHTS), WEIGHTS)[0], ["end: mean"]),
        (lambda: op.Gradient(K.sum(ROWS * WEIGHTS), WEIGHTS)[0], ["end: sum"]),
        (lambda: op.Gradient(K.log(K.mean(ROWS * WEIGHTS)), WEIGHTS)[0], ["Log: mean", "end: mean"]),
    ],
)
def test_results_are_put_together_where_they_have_to_be(make, expected):
    assert joints(partition(make())) == expected


def test_rows_stay_with_their_process_and_their_gradients_are_weighted():
    gradient = op.Gradient(K.mean(K.square(ROWS)), ROWS)[0]
    found = partition(gradient)
    assert found.is_divided(gradient) and found.weighted == {gradient} and not joints(found)
    noise = K.random_normal((K.shape(ROWS)[0], 2))
    assert partition(noise).is_divided(noise)


# --- steps ---


def network(**options) -> keras.Model:
    inputs = L.Input((4,))
    hidden = L.Dense(5, activation="tanh", **options)(inputs)
    return inputs, L.Dense(1)(hidden)


class Taped(keras.Model):
    """A step by a tape whose loss is a method's."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.loss_of(y, self(x, training=True))
        gradients = self.changed(tape.gradient(loss, self.trainable_variables))
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}

    def loss_of(self, y, y_pred):
        return tf.reduce_mean(tf.square(y - y_pred))

    def changed(self, gradients):
        return gradients


class Compiled(Taped):
    def loss_of(self, y, y_pred):
        self.compiled_metrics.update_state(y, y_pred)
        return self.compiled_loss(y, y_pred, regularization_losses=self.losses)

    def train_step(self, data):
        super().train_step(data)
        return {metric.name: metric.result() for metric in self.metrics}


class Summed(Taped):
    def loss_of(self, y, y_pred):
        return tf.nn.compute_average_loss(tf.reduce_sum(tf.square(y - y_pred), axis=-1), global_batch_size=8)


class NotLinear(Taped):
    """A logarithm of a mean, and a sum beside it."""

    def loss_of(self, y, y_pred):
        mean = tf.reduce_mean(tf.abs(y - y_pred))
        return tf.math.log(mean + 1.0) * tf.sqrt(mean) + 0.01 * tf.reduce_sum(tf.square(y_pred))


class Clipped(Taped):
    def changed(self, gradients):
        return tf.clip_by_global_norm(gradients, 0.1)[0]


class Averaged(Taped):
    """A moving average of a weight, and one that is a mean of the batch."""

    def train_step(self, data):
        if not hasattr(self, "ema"):
            self.ema = tf.Variable(tf.zeros_like(self.trainable_variables[0]), trainable=False)
            self.level = tf.Variable(0.0, trainable=False)
        logs = super().train_step(data)
        self.ema.assign(0.9 * self.ema + 0.1 * self.trainable_variables[0])
        self.level.assign(tf.sqrt(tf.reduce_mean(tf.square(data[0]))))
        return {**logs, "ema": tf.reduce_sum(self.ema), "level": self.level.value()}


class Penalized(Taped):
    """The gradient with respect to the rows is a part of the loss."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            with tf.GradientTape() as inner:
                inner.watch(x)
                y_pred = self(x, training=True)
            slope = inner.gradient(y_pred, x)
            norm = tf.sqrt(tf.reduce_sum(tf.square(slope), axis=1) + 1e-8)
            loss = tf.reduce_mean(tf.square(norm - 1.0)) + tf.reduce_mean(tf.square(y - y_pred))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


class Meaned(Penalized):
    """The gradient of a mean with respect to the rows: of the whole batch's."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            with tf.GradientTape() as inner:
                inner.watch(x)
                error = tf.reduce_mean(tf.square(y - self(x, training=True)))
            slope = inner.gradient(error, x)
            loss = error + tf.reduce_sum(tf.square(slope)) + tf.exp(tf.reduce_sum(slope))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


class Minimizing(keras.Model):
    """Keras's methods, one of them overridden."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return super().compute_loss(x, y, y_pred, sample_weight) + 0.1 * K.mean(K.abs(y_pred))


class Branching(Taped):
    """The learning rate depends on a number of the whole batch."""

    def changed(self, gradients):
        norm = tf.linalg.global_norm(gradients)
        return [tf.where(norm > 1.0, g / norm, g * 2.0) for g in gradients]


def trained(kind, devices, optimizer="adam", **options):
    keras.utils.set_random_seed(5)
    model = kind(*network(**options))
    strategy = tf.distribute.MirroredStrategy(devices) if devices else tf.distribute.get_strategy()
    with strategy.scope():
        model.compile(optimizer, "mse", metrics=["mae"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = model.fit(X, Y, batch_size=9, epochs=2, shuffle=False, validation_data=(X, Y), verbose=0)
    return model, history.history


TWO = ["CPU:0", "CPU:1"]


@pytest.mark.parametrize(
    "kind",
    [Compiled, Summed, NotLinear, Clipped, Averaged, Penalized, Meaned, Minimizing, Branching],
    ids=lambda kind: kind.__name__,
)
@pytest.mark.parametrize("optimizer", ["adam", "lion"])
def test_weights_and_logs_are_those_of_one_device(kind, optimizer):
    regularized = {"kernel_regularizer": "l2", "activity_regularizer": "l2"} if kind is Compiled else {}
    (alone, expected), (together, found) = (trained(kind, d, optimizer, **regularized) for d in ([], TWO))
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=2e-5, err_msg=name)
    state = zip(
        alone.get_weights() + alone.optimizer.get_weights(),
        together.get_weights() + together.optimizer.get_weights(),
        strict=True,
    )
    for a, b in state:
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=2e-6)


class GAN(keras.Model):
    def __init__(self):
        super().__init__()
        self.discriminator = keras.Sequential([L.Input((4,)), L.Dense(6, "tanh"), L.Dense(1)])
        self.generator = keras.Sequential([L.Input((2,)), L.Dense(4)])
        self.d_loss = keras.metrics.Mean(name="d_loss")

    def compile(self):
        super().compile()
        self.d_optimizer, self.g_optimizer = keras.optimizers.Adam(0.01), keras.optimizers.RMSprop(0.01)
        self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)

    def train_step(self, data):
        noise, real = data
        n = tf.shape(real)[0]
        fake = self.generator(noise)
        labels = tf.concat([tf.ones((n, 1)), tf.zeros((n, 1))], axis=0)
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(tf.concat([fake, real], axis=0)))
        weights = self.discriminator.trainable_weights
        self.d_optimizer.apply_gradients(zip(tape.gradient(d_loss, weights), weights, strict=True))
        with tf.GradientTape() as tape:
            g_loss = self.loss_fn(tf.zeros((n, 1)), self.discriminator(self.generator(noise)))
        weights = self.generator.trainable_weights
        self.g_optimizer.apply_gradients(zip(tape.gradient(g_loss, weights), weights, strict=True))
        self.d_loss.update_state(d_loss)
        return {"d_loss": self.d_loss.result(), "g_loss": g_loss}


def test_two_optimizers_one_after_the_other():
    found = []
    for devices in ([], TWO):
        keras.utils.set_random_seed(5)
        gan = GAN()
        with tf.distribute.MirroredStrategy(devices or ["CPU:0"]).scope():
            gan.compile()
        history = gan.fit(X[:, :2], X, batch_size=9, epochs=2, shuffle=False, verbose=0).history
        found.append([*gan.get_weights(), *history.values()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6)


def test_each_device_draws_its_own_rows_and_rows_come_back_whole():
    class Noisy(keras.Model):
        def train_step(self, data):
            return {"rows": K.random_uniform((K.shape(data)[0], 1)), "fixed": K.random_uniform((3,))}

    model = Noisy()
    with tf.distribute.MirroredStrategy(TWO).scope():
        model.compile()
    logs = model.train_on_batch(X[:8], return_dict=True)
    assert logs["rows"].shape == (8, 1) and len(np.unique(logs["rows"])) == 8
    assert logs["fixed"].shape == (3,)


def test_a_step_that_cannot_be_traced_runs_on_one_device_and_says_so():
    class Careful(Taped):
        def train_step(self, data):
            logs = super().train_step(data)
            if logs["loss"] > 1e6:
                raise FloatingPointError
            return logs

    keras.utils.set_random_seed(5)
    model = Careful(*network())
    with tf.distribute.MirroredStrategy(TWO).scope():
        model.compile("adam", "mse")
    with pytest.warns(UserWarning, match="runs eagerly"):
        model.fit(X, Y, batch_size=9, epochs=2, shuffle=False, verbose=0)
    alone, _ = trained(Taped, [])
    for a, b in zip(alone.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("shapes", [[(4, 2), (3,)], [(4,), ()], [(0, 2), (0,)]])
def test_data_that_cannot_be_divided_is_an_error(shapes):
    with pytest.raises(ValueError, match="divided over 2 devices by the first axis"):
        parts([torch.zeros(shape) for shape in shapes], 2)
