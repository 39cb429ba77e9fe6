"""fit, evaluate, predict and their single-batch forms learn and report as Keras's do."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras.layers import Dense
from kcompile.keras.models import Sequential
from tests.keras.training.networks import X, Y, linear

pytest.importorskip("torch")


def test_one_step_of_sgd_by_hand():
    model = linear()
    kernel, bias = model.get_weights()
    error = X @ kernel + bias - Y
    loss = model.train_on_batch(X, Y)
    assert loss == pytest.approx((error**2).mean(), rel=1e-5)
    new_kernel, new_bias = model.get_weights()
    np.testing.assert_allclose(new_kernel, kernel - 0.1 * 2 * X.T @ error / 20, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(new_bias, bias - 0.1 * 2 * error.mean(0), rtol=1e-4, atol=1e-6)


def test_fit_learns():
    model = linear()
    history = model.fit(X, Y, epochs=150, batch_size=5, verbose=0)
    assert history.history["loss"][-1] < 1e-4
    np.testing.assert_allclose(model.get_weights()[0].ravel(), [1, -2, 0.5], atol=0.05)


def test_scripts_of_keras_2_2_find_accuracy_under_its_earlier_name(tmp_path):
    model = Sequential([Dense(2, activation="softmax", input_shape=(3,))])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    x, y = np.ones((8, 3)), np.eye(2)[np.zeros(8, int)]
    best = keras.callbacks.ModelCheckpoint(f"{tmp_path}/{{val_acc:.2f}}.h5", "val_acc", save_best_only=True)
    stop = keras.callbacks.EarlyStopping("val_acc", patience=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = model.fit(x, y, epochs=4, validation_split=0.5, callbacks=[best, stop], verbose=0).history
    assert history["val_acc"] == history["val_accuracy"] and len(history["acc"]) < 4
    assert (tmp_path / f"{max(history['val_acc']):.2f}.h5").exists()


def test_fit_returns_the_history_of_every_epoch():
    model = linear(metrics=["mae"])
    history = model.fit(X, Y, epochs=3, verbose=0, validation_data=(X, Y))
    assert history is model.history and history.epoch == [0, 1, 2]
    assert {k: len(v) for k, v in history.history.items()} == {
        "loss": 3,
        "mae": 3,
        "val_loss": 3,
        "val_mae": 3,
    }
    assert all(isinstance(v, float) for values in history.history.values() for v in values)


def test_epoch_means_weigh_batches_by_their_size():
    model = linear(optimizer=keras.optimizers.SGD(0.0), metrics=["mae"])
    history = model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    error = model.predict(X) - Y
    assert history.history["loss"][0] == pytest.approx((error**2).mean(), rel=1e-5)
    assert history.history["mae"][0] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert model.evaluate(X, Y, batch_size=7, verbose=0) == pytest.approx(
        [(error**2).mean(), np.abs(error).mean()], rel=1e-5
    )
