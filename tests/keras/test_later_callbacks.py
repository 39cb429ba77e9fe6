"""Callbacks have the arguments of tf.keras 2 and Keras 3, and decide with them as these do."""

from __future__ import annotations

import inspect
import json
import os
import types
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import callbacks as cbks
from kcompile.keras import layers as L
from kcompile.keras import rules

FOUND = json.loads((Path(__file__).parents[1] / "golden/later_callbacks/later_callbacks.json").read_text())
NAMES = sorted({(dialect, name) for dialect, table in FOUND["arguments"].items() for name in table})
#: Arguments that are taken by **kwargs.
BY_KEYWORDS = {
    "TensorBoard": {"profile_batch"},
    "LambdaCallback": {"on_train_batch_begin", "on_train_batch_end"},
}


@pytest.mark.parametrize(("dialect", "name"), NAMES)
def test_every_argument_of_later_versions_is_taken(dialect, name):
    ours = set(inspect.signature(getattr(cbks, name)).parameters) | BY_KEYWORDS.get(name, set())
    assert set(FOUND["arguments"][dialect][name]) <= ours


@pytest.mark.parametrize("case", FOUND["stopping"], ids=lambda case: str(case["given"]))
def test_early_stopping_by_the_rules_of_tf_keras(case):
    model = types.SimpleNamespace(stop_training=False, weights=None)
    model.get_weights = lambda: model.weights
    model.set_weights = lambda weights: setattr(model, "weights", weights)
    with rules.following(rules.TF_KERAS):
        callback = cbks.EarlyStopping("loss", **case["given"])
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(case["losses"]):
        model.weights = epoch
        callback.on_epoch_end(epoch, {"loss": loss})
        if model.stop_training:
            break
    callback.on_train_end()
    assert (epoch + 1, model.weights) == (case["epochs"], case["weights"])


@pytest.mark.parametrize("case", FOUND["swapping"], ids=["tests", "epochs"])
def test_swapped_averages_are_evaluated_and_seen_as_in_keras_3(case):
    x = np.linspace(-1, 1, 24, dtype="float32").reshape(12, 2)
    y = x[:, :1] - 0.5 * x[:, 1:]
    model = keras.Sequential([L.Dense(1, kernel_initializer="ones", input_shape=(2,))])
    model.compile(keras.optimizers.SGD(0.2, use_ema=True, ema_momentum=0.8), "mse")
    seen = []
    see = cbks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(float(model.get_weights()[0][0, 0]))
    )
    history = model.fit(
        x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, validation_data=(x, y),
        callbacks=[cbks.SwapEMAWeights(case["swap_on_epoch"]), see],
    )  # fmt: skip
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(history.history[name], case[name], rtol=1e-5)
    np.testing.assert_allclose(seen, case["seen"], rtol=1e-5)
    for own, theirs in zip(model.get_weights(), case["weights"], strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-5)


def test_swapped_averages_outlive_a_training_that_stops_early():
    model = keras.Sequential([L.Dense(1, input_shape=(1,))])
    model.compile(keras.optimizers.SGD(0.1, use_ema=True), "mse")
    stop = cbks.LambdaCallback(on_epoch_end=lambda *_: setattr(model, "stop_training", True))
    model.fit(
        np.ones((4, 1)), np.zeros((4, 1)), verbose=0, epochs=9, callbacks=[cbks.SwapEMAWeights(True), stop]
    )
    averages = model.optimizer.averages_of(model._compiled_network.trainable)
    assert [a.numpy().tolist() for a in averages] == [w.tolist() for w in model.get_weights()]


def test_averages_need_an_optimizer_that_keeps_them():
    model = keras.Sequential([L.Dense(1, input_shape=(1,))])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="SGD use_ema=True"):
        model.evaluate(np.ones((4, 1)), np.ones((4, 1)), verbose=0, callbacks=[cbks.SwapEMAWeights()])


def fitted(*callbacks, epochs=2):
    model = keras.Sequential([L.Dense(1, input_shape=(1,))])
    model.compile("sgd", "mse")
    x = np.arange(8, dtype="f")[:, None] / 8
    model.fit(x, x, batch_size=2, epochs=epochs, verbose=0, callbacks=list(callbacks))
    return model


def test_checkpoints_are_written_after_so_many_batches(tmp_path):
    path = tmp_path / "at-{epoch}-{batch}.h5"
    fitted(cbks.ModelCheckpoint(path, save_freq=3, save_weights_only=True))
    assert sorted(os.listdir(tmp_path)) == ["at-1-3.h5", "at-2-2.h5"]


def test_a_checkpoint_improves_on_its_threshold_first(tmp_path):
    for threshold, count in ((1e9, 1), (-1.0, 0)):
        path = tmp_path / f"{count}.h5"
        fitted(cbks.ModelCheckpoint(path, "loss", save_best_only=True, initial_value_threshold=threshold))
        assert path.exists() == bool(count)


def test_save_freq_may_have_the_place_of_period(tmp_path):
    fitted(cbks.ModelCheckpoint(tmp_path / "{epoch}.h5", "loss", 0, False, True, "auto", "epoch"))
    assert sorted(os.listdir(tmp_path)) == ["1.h5", "2.h5"]


@pytest.mark.parametrize("save_freq", ["batch", 0, 2.5, True])
def test_other_frequencies_are_refused(save_freq):
    with pytest.raises(ValueError, match="save_freq"):
        cbks.ModelCheckpoint("x.h5", save_freq=save_freq)


def test_nan_may_end_training_with_an_error():
    model = keras.Sequential([L.Dense(1, input_shape=(1,))])
    model.compile("sgd", "mse")
    with pytest.raises(RuntimeError, match="loss of batch 0 is nan"):
        nan = np.full((2, 1), np.nan)
        model.fit(nan, nan, verbose=0, callbacks=[cbks.TerminateOnNaN(raise_error=True)])


def test_a_callback_list_adds_what_is_missing():
    made = cbks.CallbackList(cbks.TerminateOnNaN(), add_history=True, add_progbar=True, model="m", epochs=3)
    assert [type(c).__name__ for c in made] == ["TerminateOnNaN", "History", "ProgbarLogger"]
    assert all(c.model == "m" and c.params == {"epochs": 3} for c in made)
    history = cbks.History()
    assert list(cbks.CallbackList([history], add_history=True)) == [history]


@pytest.mark.parametrize(("update_freq", "tags"), [("epoch", 1), ("batch", 2)])
def test_steps_per_second_are_written(update_freq, tags, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fitted(
        cbks.TensorBoard(tmp_path, update_freq=update_freq, write_steps_per_second=True, write_graph=False)
    )
    read = EventAccumulator(str(tmp_path / "train")).Reload()
    found = [tag for tag in read.Tags()["scalars"] if tag.endswith("steps_per_second")]
    assert len(found) == tags
    assert all(event.value > 0 for tag in found for event in read.Scalars(tag))
