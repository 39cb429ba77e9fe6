"""Optimizers: the kernels that update all weights at once do what Keras's own rules do, step by step too."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, optimizers

from kcompile.keras3.backend import optimizer as backend_optimizer

RANDOM = np.random.RandomState(0)
X = RANDOM.rand(96, 8).astype("float32")
Y = X.sum(1, keepdims=True)

OPTIMIZERS = {
    "SGD": lambda: optimizers.SGD(0.01),
    "SGD momentum": lambda: optimizers.SGD(0.01, momentum=0.9),
    "SGD nesterov": lambda: optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    "RMSprop": lambda: optimizers.RMSprop(0.01),
    "RMSprop centered momentum": lambda: optimizers.RMSprop(0.01, momentum=0.9, centered=True),
    "Adagrad": lambda: optimizers.Adagrad(0.1),
    "Adadelta": lambda: optimizers.Adadelta(1.0),
    "Adam": lambda: optimizers.Adam(0.01),
    "Adam amsgrad clipnorm": lambda: optimizers.Adam(0.01, amsgrad=True, clipnorm=1.0),
    "Adam schedule": lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay(0.01, 10, 0.5)),
    "Adam accumulation": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=2),
    "Adam ema": lambda: optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=3),
    "AdamW": lambda: optimizers.AdamW(0.01),
    "Adamax": lambda: optimizers.Adamax(0.01),
    "Lion": lambda: optimizers.Lion(0.01),
    "Nadam": lambda: optimizers.Nadam(0.01),
    "Ftrl": lambda: optimizers.Ftrl(0.1),
    "Adafactor": lambda: optimizers.Adafactor(0.1),
    "Lamb": lambda: optimizers.Lamb(0.01),
}


def trained(make, run_eagerly: bool = False):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
    model.compile(make(), "mse", run_eagerly=run_eagerly)
    model.fit(X, Y, epochs=2, batch_size=32, verbose=0, shuffle=False)
    return model


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_traced_step_updates_as_the_rule_of_keras_says(name, monkeypatch):
    make = OPTIMIZERS[name]
    by_kernel, eager = trained(make), trained(make, run_eagerly=True)
    monkeypatch.setattr(backend_optimizer, "_KERNELS", {})
    by_rule = trained(make)
    assert int(by_kernel.optimizer._iterations.numpy()) == 6
    for other in (eager, by_rule):
        for expected, found in zip(other.get_weights(), by_kernel.get_weights(), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_kernels_are_not_used_for_classes_of_users():
    class Mine(optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            self.assign(variable, variable * 0)

    model = trained(lambda: Mine(0.01))
    assert all(not w.any() for w in model.get_weights())


def test_a_learning_rate_that_a_callback_sets_is_read_by_the_next_step():
    model = trained(lambda: optimizers.Adam(0.01))
    before = model.get_weights()
    model.optimizer.learning_rate = 0.0
    model.fit(X, Y, batch_size=32, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
