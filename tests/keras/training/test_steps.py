"""What a step does in training and in test, to which weights, and what later steps see of it."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras.callbacks import Callback
from kcompile.keras.layers import BatchNormalization, Dense, Dropout, Input
from kcompile.keras.models import Model, Sequential
from tests.keras.training.networks import RANDOM, X, Y, linear

pytest.importorskip("torch")


class Order(Callback):
    """The first column of the batches that a model is trained on, by a loss that reports it."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append((batch, logs["size"], logs["loss"]))


def test_dropout_in_training_only():
    model = Sequential([Dropout(0.5, input_shape=(1,))])
    model.compile("sgd", "mae")
    ones = np.ones((400, 1), "f")
    assert model.evaluate(ones, ones, verbose=0) == 0
    assert model.train_on_batch(ones, ones) == pytest.approx(1.0, abs=0.01)  # 0 or 2, never 1
    assert (model.predict(ones) == 1).all()


def test_batch_normalization_moves_in_training_only():
    model = Sequential([BatchNormalization(momentum=0.5, input_shape=(3,))])
    model.compile("sgd", "mse")
    mean = lambda: model.get_weights()[2]  # noqa: E731
    model.evaluate(X, X, verbose=0)
    model.predict(X)
    assert (mean() == 0).all()
    model.train_on_batch(X, X)
    np.testing.assert_allclose(mean(), 0.5 * X.mean(0), rtol=1e-4, atol=1e-6)


def test_regularization_counts_in_training_and_evaluation():
    model = Sequential([Dense(1, input_shape=(3,), kernel_regularizer="l2", use_bias=False)])
    model.compile("sgd", "mse")
    expected = ((model.predict(X) - Y) ** 2).mean() + 0.01 * (model.get_weights()[0] ** 2).sum()
    assert model.test_on_batch(X, Y) == pytest.approx(expected, rel=1e-5)
    assert model.train_on_batch(X, Y) == pytest.approx(expected, rel=1e-5)


def test_predict_sees_every_change_of_the_weights():
    model = linear()
    for _ in range(30):
        kernel, bias = model.get_weights()
        np.testing.assert_allclose(model.predict(X), X @ kernel + bias, rtol=1e-4, atol=1e-5)
        model.train_on_batch(X, Y)
    model.set_weights([np.zeros((3, 1)), np.ones(1)])
    assert (model.predict(X) == 1).all()
    K.set_value(model.layers[0].bias, [5.0])
    assert (model.predict(X) == 5).all()


def test_generator_and_discriminator_take_turns():
    """A GAN as Keras's examples write it: the same layers, trainable in one model and frozen in the other."""
    # tanh: units of relu may all be dead for this noise, and no gradient would reach the generator.
    generator = Sequential([Dense(4, activation="tanh", input_shape=(2,)), Dense(3)])
    discriminator = Sequential(
        [Dense(4, activation="tanh", input_shape=(3,)), Dense(1, activation="sigmoid")]
    )
    discriminator.compile("sgd", "binary_crossentropy")
    discriminator.trainable = False
    z = Input((2,))
    combined = Model(z, discriminator(generator(z)))
    combined.compile("sgd", "binary_crossentropy")
    noise, ones = RANDOM.uniform(size=(8, 2)).astype("f"), np.ones((8, 1), "f")
    with pytest.warns(UserWarning, match="Discrepancy between trainable weights"):
        for _ in range(3):
            fake = generator.predict(noise)
            before = discriminator.get_weights(), generator.get_weights()
            discriminator.train_on_batch(fake, 0 * ones)
            middle = discriminator.get_weights(), generator.get_weights()
            combined.train_on_batch(noise, ones)
            after = discriminator.get_weights(), generator.get_weights()
            same = lambda a, b: all((x == y).all() for x, y in zip(a, b, strict=True))  # noqa: E731
            assert not same(before[0], middle[0]) and same(before[1], middle[1])
            assert same(middle[0], after[0]) and not same(middle[1], after[1])
            assert not (generator.predict(noise) == fake).all()


def test_trainable_is_read_at_compile():
    model = linear()
    dense = model.layers[0]
    dense.trainable = False
    with pytest.warns(UserWarning, match="without calling `model.compile`"):
        before = model.get_weights()
        model.train_on_batch(X, Y)
    assert (model.get_weights()[0] != before[0]).any()
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


@pytest.mark.parametrize("freeze", ["layer", "model", "outer"])
def test_frozen_batch_normalization_is_in_inference_mode(freeze):
    """As in tf.keras 2 and Keras 3, and unlike Keras 2.3: moving statistics are used and stay."""
    inner = Sequential([BatchNormalization(input_shape=(3,), momentum=0.5)])
    outer = Sequential([inner, Dense(1)])
    {"layer": inner.layers[0], "model": inner, "outer": outer}[freeze].trainable = False
    outer.compile("sgd", "mse")
    expected = outer.test_on_batch(X, Y)
    statistics = inner.get_weights()[2:]
    assert outer.train_on_batch(X, Y) == pytest.approx(expected, rel=1e-5)
    for now, then in zip(inner.get_weights()[2:], statistics, strict=True):
        np.testing.assert_array_equal(now, then)


def test_compile_again_starts_the_optimizer_afresh():
    model = linear(optimizer="adam")
    model.fit(X, Y, verbose=0)
    assert len(model.optimizer.weights) > 0
    model.compile("adam", "mae")
    assert K.get_value(model.optimizer.iterations) == 0
    model.fit(X, Y, verbose=0)


def test_learning_rate_can_be_changed_at_any_time():
    model = linear()
    model.train_on_batch(X, Y)
    K.set_value(model.optimizer.lr, 0.0)
    before = model.get_weights()
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert K.get_value(model.optimizer.learning_rate) == 0.0


def test_stop_training_ends_the_epoch_and_fit():
    counter = Order()

    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    history = linear().fit(X, Y, batch_size=4, epochs=5, verbose=0, callbacks=[Stop(), counter])
    assert len(counter.seen) == 2 and history.epoch == [0]


def test_nan_stops_where_asked():
    bad = X.copy()
    bad[9] = np.nan
    counter = Order()
    model = linear()
    history = model.fit(
        bad, Y, batch_size=4, epochs=3, shuffle=False, verbose=0,
        callbacks=[keras.callbacks.TerminateOnNaN(), counter],
    )  # fmt: skip
    assert len(counter.seen) == 3 and len(history.history["loss"]) == 1


def test_gradients_of_unused_weights_are_zero():
    x = Input((3,))
    used, unused = Dense(1), Dense(1)
    model = Model(x, [used(x), unused(x)])
    model.compile("adam", [None, "mse"])
    before = model.layers[1].get_weights()
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.layers[1].get_weights()[0], before[0])
