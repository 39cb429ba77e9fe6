"""What callbacks and users are told while a model trains."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras.callbacks import Callback, LambdaCallback
from kcompile.keras.layers import Dense
from kcompile.keras.models import Sequential
from tests.keras.training.networks import X, Y, linear

pytest.importorskip("torch")


def test_callbacks_are_called_in_the_order_of_keras():
    calls = []
    names = [
        f"on_{what}_{when}"
        for what in ("train", "epoch", "train_batch", "test", "test_batch")
        for when in ("begin", "end")
    ]
    recorder = type(
        "Recorder", (Callback,), {n: (lambda self, *a, _n=n, **k: calls.append(_n)) for n in names}
    )()
    linear().fit(X, Y, batch_size=10, epochs=1, validation_data=(X, Y), verbose=0, callbacks=[recorder])
    assert calls == [
        "on_train_begin", "on_epoch_begin",
        "on_train_batch_begin", "on_train_batch_end", "on_train_batch_begin", "on_train_batch_end",
        "on_test_begin",
        "on_test_batch_begin", "on_test_batch_end", "on_test_batch_begin", "on_test_batch_end",
        "on_test_end", "on_epoch_end", "on_train_end",
    ]  # fmt: skip


def test_callbacks_get_params_model_and_logs():
    seen = {}

    class Watch(Callback):
        def on_train_begin(self, logs=None):
            seen["params"], seen["model"] = dict(self.params), self.model

        def on_batch_end(self, batch, logs=None):
            seen["batch"] = dict(logs)

        def on_epoch_end(self, epoch, logs=None):
            seen["epoch"] = dict(logs)

    model = linear(metrics=["mae"])
    model.fit(X, Y, batch_size=8, epochs=2, validation_data=(X, Y), verbose=0, callbacks=[Watch()])
    assert seen["model"] is model
    assert seen["params"] == {
        "batch_size": 8,
        "epochs": 2,
        "steps": None,
        "samples": 20,
        "verbose": 0,
        "do_validation": True,
        "metrics": ["loss", "mae", "val_loss", "val_mae"],
    }
    assert set(seen["batch"]) == {"batch", "size", "loss", "mae"} and seen["batch"]["size"] == 4
    assert set(seen["epoch"]) == {"loss", "mae", "val_loss", "val_mae"}


def test_lambda_callback_and_history_of_evaluate():
    ends = []
    linear().fit(
        X, Y, epochs=2, verbose=0, callbacks=[LambdaCallback(on_epoch_end=lambda e, logs: ends.append(e))]
    )
    assert ends == [0, 1]


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_progress_as_users_know_it(verbose, capsys):
    linear(metrics=["mae"]).fit(X, Y, epochs=2, verbose=verbose, validation_data=(X, Y))
    out = capsys.readouterr().out
    assert ("Train on 20 samples, validate on 20 samples" in out) == (verbose > 0)
    assert ("Epoch 1/2" in out) == (verbose > 0)
    assert ("20/20" in out) == (verbose == 1)
    assert ("val_mae" in out) == (verbose > 0)


def test_steps_can_be_made_before_the_first_batch():
    """What code for servers and for resuming an optimizer does with Keras 2."""
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile("adam", "mse")
    x, y = np.ones((4, 3)), np.ones((4, 1))
    model.train_on_batch(x, y)
    state = model.optimizer.get_weights()

    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    twin.compile("adam", "mse")
    twin._make_predict_function()
    twin._make_test_function()
    twin._make_train_function()
    twin.optimizer.set_weights(state)
    assert [w.shape for w in twin.optimizer.get_weights()] == [w.shape for w in state]
    assert twin.train_on_batch(x, y) == model.train_on_batch(x, y)
    for ours, theirs in zip(twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("weight", ["auto", "balanced", np.array([1.0, 2.0]), [1.0, 2.0], 3.0], ids=str)
def test_class_weight_that_is_no_dict_is_ignored_as_keras_ignores_it(weight):
    """As sklearn's compute_class_weight gives it, and as scikit-learn spells it."""
    x, y = np.random.RandomState(0).rand(8, 4), np.arange(8) % 2

    def trained(class_weight, way):
        model = keras.Sequential(
            [Dense(2, activation="softmax", input_shape=(4,), kernel_initializer="ones")]
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
        if way == "fit":
            model.fit(x, y, class_weight=class_weight, shuffle=False, verbose=0)
        elif way == "train_on_batch":
            model.train_on_batch(x, y, class_weight=class_weight)
        else:
            model.fit_generator(iter([(x, y)] * 2), 1, class_weight=class_weight, verbose=0)
        return model.get_weights()[0]

    for way in ("fit", "train_on_batch", "fit_generator"):
        with pytest.warns(UserWarning, match="class_weight must be a dict .* is ignored"):
            found = trained(weight, way)
        np.testing.assert_array_equal(found, trained(None, way))


def test_single_numbers_are_numpy_scalars():
    """Programs call .item(), .tolist() and .dtype of them."""
    model = keras.Sequential([Dense(1, input_shape=(4,))])
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = np.ones((8, 4)), np.ones(8)
    batches = model.train_on_batch(x, y) + model.test_on_batch(x, y)
    assert all(isinstance(value, np.float32) for value in batches)
    found = model.evaluate(x, y, verbose=0) + model.evaluate_generator(iter([(x, y)] * 2), 1)
    assert all(isinstance(value, np.floating) and isinstance(value, float) for value in found)
    model.compile("sgd", "mse")
    assert isinstance(model.train_on_batch(x, y), np.float32)
    assert isinstance(model.evaluate(x, y, verbose=0), np.float64)
