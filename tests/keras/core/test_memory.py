"""Nothing grows that is used again and again, and what nobody refers to is freed."""

from __future__ import annotations

import gc
import logging
import weakref
from contextvars import copy_context
from functools import partial

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras.layers import Dense, Dropout, Input
from kcompile.keras.models import Model, Sequential
from kcompile.tf_keras import tensorflow as tf

pytest.importorskip("torch")

X, Y = np.ones((8, 3), "f"), np.ones((8, 1), "f")


def objects():
    gc.collect()
    return len(gc.get_objects())


def build():
    x = Input((3,))
    model = Model(x, Dense(1)(Dropout(0.5)(Dense(4, activation="relu")(x))))
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def test_models_are_freed():
    for _ in range(3):
        build()
    alive = weakref.WeakSet()
    before = objects()
    for _ in range(300):
        alive.add(build())
    assert objects() - before < 300  # a few cached names, no model's worth
    assert len(alive) == 0


def test_trained_and_asked_models_are_freed():
    def use():
        model = build()
        model.fit(X, Y, verbose=0)
        model.predict(X)
        return weakref.ref(model)

    use()
    before = objects()
    references = [use() for _ in range(10)]
    assert objects() - before < 600
    assert all(reference() is None for reference in references)


@pytest.mark.parametrize("what", ["fit", "evaluate", "predict", "train_on_batch", "alternate"])
def test_a_model_used_again_and_again_does_not_grow(what):
    model = build()

    def use():
        if what == "fit":
            model.fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y))
        elif what == "evaluate":
            model.evaluate(X, Y, verbose=0)
        elif what == "alternate":
            model.train_on_batch(X, Y)
            model.predict(X)
        else:
            getattr(model, what)(*((X,) if what == "predict" else (X, Y)))

    for _ in range(60):  # past every change of strategy
        use()
    before = objects()
    for _ in range(60):
        use()
    assert objects() - before < 60


def test_calling_layers_outside_of_models_is_freed_with_the_layer():
    layer = Dense(3)
    x = Input((3,))
    reference = weakref.ref(layer(x))
    del layer, x
    gc.collect()
    assert reference() is None


def test_compiling_again_and_again_does_not_grow():
    model = build()
    for _ in range(5):
        model.compile("adam", "mse", metrics=["mae"])
        model.train_on_batch(X, Y)
    before = objects()
    for _ in range(20):
        model.compile("adam", "mse", metrics=["mae"])
        model.train_on_batch(X, Y)
    assert objects() - before < 200


class OwnStep(Model):
    """A model with a training step of its own."""

    def __init__(self):
        super().__init__()
        self.dense = Dense(2)

    def call(self, inputs):
        return self.dense(inputs)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self(x, training=True) - y))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


def fit_own_step(eagerly):
    model = OwnStep()
    model.compile("adam", run_eagerly=eagerly)
    model.fit(X, Y, verbose=0)


def fit_together():
    model = build()
    model.compile("adam", "mse", steps_per_execution=4)
    model.fit(np.ones((64, 3), "f"), np.ones((64, 1), "f"), batch_size=4, verbose=0)


@pytest.mark.parametrize(
    "fit",
    [partial(fit_own_step, False), partial(fit_own_step, True), fit_together],
    ids=["an own step, traced", "an own step, eagerly", "steps together, written out"],
)
def test_models_that_were_trained_leave_nothing_of_their_steps(fit, monkeypatch):
    monkeypatch.setattr(logging.getLogger("torch.__trace"), "disabled", True)  # pytest keeps what it says
    for _ in range(4):
        fit()
    before, variables = objects(), len(copy_context())
    for _ in range(10):
        fit()
    assert objects() - before < 20  # of one model there are a hundred and more
    assert len(copy_context()) == variables


def test_popping_and_adding_does_not_grow():
    model = Sequential([Dense(3, input_shape=(3,))])
    for _ in range(5):
        model.add(Dense(3))
        model.pop()
    before = objects()
    for _ in range(50):
        model.add(Dense(3))
        model.pop()
    assert objects() - before < 200


def test_names_given_away_are_all_that_remains():
    keras.backend.clear_session()
    assert Dense(2).name == "dense_1"
