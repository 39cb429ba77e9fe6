"""Callbacks that decide: when to stop, to save, and at which rate to go on."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import callbacks as cbks

from .training import listed, losses, run_epochs


@pytest.mark.parametrize("loss", [np.nan, np.inf, -np.inf])
def test_terminate_on_nan_stops(model, capsys, loss):
    calls = listed(model, cbks.TerminateOnNaN())
    calls.on_train_batch_end(0, {"loss": 1.0})
    assert not model.stop_training
    calls.on_train_batch_end(1, {"loss": loss})
    assert model.stop_training
    assert capsys.readouterr().out == "Batch 1: Invalid loss, terminating training\n"


@pytest.mark.parametrize(
    ("arguments", "name", "values", "epochs"),
    [
        ({}, "val_loss", [3, 2, 1, 2, 1], 4),
        ({"patience": 2}, "val_loss", [3, 2, 3, 4, 1], 4),
        ({"min_delta": 0.5, "patience": 2}, "val_loss", [3, 2.9, 2.8, 1], 3),
        ({"baseline": 1.0, "patience": 2}, "val_loss", [3, 2, 0.5], 2),
        ({"monitor": "val_acc"}, "val_acc", [0.1, 0.2, 0.15, 0.3], 3),
        ({"monitor": "val_acc", "mode": "min"}, "val_acc", [0.3, 0.2, 0.25], 3),
        ({"monitor": "auc", "mode": "max"}, "auc", [0.3, 0.4, 0.4], 3),
        ({"patience": 1}, "val_loss", [float("nan"), 1, 2], 1),
    ],
)
def test_early_stopping_stops_where_keras_does(model, arguments, name, values, epochs):
    assert len(run_epochs(model, cbks.EarlyStopping(**arguments), losses(*values, name=name))) == epochs


def test_early_stopping_restores_the_best_epochs_weights(model, capsys):
    callback = cbks.EarlyStopping(patience=2, restore_best_weights=True, verbose=1)
    run_epochs(model, callback, losses(3, 1, 2, 2))
    assert model.weights == 1 and callback.stopped_epoch == 3
    assert capsys.readouterr().out == (
        "Restoring model weights from the end of the best epoch\nEpoch 00004: early stopping\n"
    )
    model.stop_training = False
    run_epochs(model, callback, losses(3, 2, 3, 3))  # the callback can be used again
    assert model.weights == 1


def test_early_stopping_without_any_improvement_keeps_the_weights(model):
    run_epochs(model, cbks.EarlyStopping(baseline=0, restore_best_weights=True), losses(1))
    assert model.stop_training and model.weights == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cbks.EarlyStopping(), "Early stopping conditioned on metric `val_loss`"),
        (lambda: cbks.ModelCheckpoint("a", save_best_only=True), "Can save best model only with val_loss"),
        (lambda: cbks.ReduceLROnPlateau(), "Reduce LR on plateau conditioned on metric `val_loss`"),
    ],
)
def test_missing_metric_is_a_warning_that_lists_what_there_is(model, make, message):
    with pytest.warns(RuntimeWarning, match=message) as caught:
        run_epochs(model, make(), losses(1, name="loss"))
    assert "Available metrics are: loss" in str(caught[0].message)


@pytest.mark.parametrize(
    "make", [cbks.EarlyStopping, cbks.ReduceLROnPlateau, lambda mode: cbks.ModelCheckpoint("a", mode=mode)]
)
def test_unknown_mode_is_a_warning(make):
    with pytest.warns(RuntimeWarning, match="mode best is unknown, fallback to auto mode"):
        make(mode="best")


def test_checkpoint_saves_the_best_and_says_so(model, capsys):
    run_epochs(model, cbks.ModelCheckpoint("m.h5", verbose=1, save_best_only=True), losses(3, 4, 2))
    assert model.saved == [("model", "m.h5")] * 2
    assert capsys.readouterr().out == (
        "\nEpoch 00001: val_loss improved from inf to 3.00000, saving model to m.h5\n"
        "\nEpoch 00002: val_loss did not improve from 3.00000\n"
        "\nEpoch 00003: val_loss improved from 3.00000 to 2.00000, saving model to m.h5\n"
    )


def test_checkpoint_fills_its_path_and_keeps_its_period(model, tmp_path):
    path = tmp_path / "w.{epoch:02d}-{val_loss:.2f}.h5"
    callback = cbks.ModelCheckpoint(path, save_weights_only=True, period=2)
    run_epochs(model, callback, losses(3, 2, 1, 0.5))
    assert model.saved == [("weights", str(tmp_path / name)) for name in ("w.02-2.00.h5", "w.04-0.50.h5")]


@pytest.mark.parametrize(("monitor", "saves"), [("val_acc", 2), ("fmeasure", 2), ("val_loss", 1)])
def test_checkpoint_knows_which_way_is_better(model, monitor, saves):
    callback = cbks.ModelCheckpoint("m", monitor=monitor, save_best_only=True)
    run_epochs(model, callback, losses(1, 2, name=monitor))
    assert len(model.saved) == saves


def test_checkpoint_names_the_unknown_field(model):
    with pytest.raises(ValueError, match="names 'vall_loss'.*epoch,val_loss"):
        run_epochs(model, cbks.ModelCheckpoint("{vall_loss}"), losses(1))


@pytest.mark.parametrize(
    "schedule", [lambda epoch: 0.1 / (epoch + 1), lambda epoch, lr: float(lr) / (epoch + 1)]
)
def test_schedule_sets_and_logs_the_rate(model, capsys, schedule):
    logs = losses(1, 1)
    run_epochs(model, cbks.LearningRateScheduler(schedule, verbose=1), logs)
    assert model.optimizer.lr.value == np.float32(0.05)
    assert [entry["lr"] for entry in logs] == [np.float32(0.1), np.float32(0.05)]
    assert "\nEpoch 00002: LearningRateScheduler setting learning rate to 0.05" in capsys.readouterr().out


def test_schedule_errors_reach_the_user(model):
    def broken(epoch, lr):
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        run_epochs(model, cbks.LearningRateScheduler(broken), losses(1))
    with pytest.raises(ValueError, match="should be float. Found 1 of type int"):
        run_epochs(model, cbks.LearningRateScheduler(lambda epoch: 1), losses(1))
    del model.optimizer.lr
    with pytest.raises(ValueError, match='"lr" attribute'):
        run_epochs(model, cbks.LearningRateScheduler(lambda epoch: 0.1), losses(1))


@pytest.mark.parametrize(
    ("arguments", "values", "rates"),
    [
        ({"patience": 1, "factor": 0.5}, [1, 1, 1, 0.5], [0.1, 0.05, 0.025, 0.025]),
        ({"patience": 2, "factor": 0.5}, [1, 1, 1, 1], [0.1, 0.1, 0.05, 0.05]),
        ({"patience": 1, "factor": 0.5, "cooldown": 1}, [1, 1, 1, 1], [0.1, 0.05, 0.025, 0.0125]),
        ({"patience": 1, "factor": 0.5, "cooldown": 2}, [1, 1, 1, 1], [0.1, 0.05, 0.05, 0.025]),
        ({"patience": 1, "factor": 0.1, "min_lr": 0.04}, [1, 1, 1], [0.1, 0.04, 0.04]),
        ({"patience": 1, "factor": 0.5, "min_delta": 0.5}, [1, 0.8, 0.2], [0.1, 0.05, 0.05]),
    ],
)
def test_plateau_reduces_the_rate_where_keras_does(model, arguments, values, rates):
    found = []
    rate = model.optimizer.lr
    after = cbks.LambdaCallback(on_epoch_end=lambda epoch, logs: found.append(float(rate.value)))
    calls = listed(model, cbks.ReduceLROnPlateau(**arguments), after)
    calls.on_train_begin()
    for epoch, logs in enumerate(losses(*values)):
        calls.on_epoch_end(epoch, logs)
    assert np.allclose(found, rates)


def test_plateau_arguments_are_checked_and_the_old_one_understood(model, capsys):
    with pytest.raises(ValueError, match="factor >= 1.0"):
        cbks.ReduceLROnPlateau(factor=1)
    with pytest.raises(TypeError, match="patiense"):
        cbks.ReduceLROnPlateau(patiense=3)
    with pytest.warns(UserWarning, match="use `min_delta`"):
        assert cbks.ReduceLROnPlateau(epsilon=0.3).min_delta == 0.3
    run_epochs(model, cbks.ReduceLROnPlateau(patience=1, verbose=1), losses(1, 1))
    assert "Epoch 00002: ReduceLROnPlateau reducing learning rate to 0.01" in capsys.readouterr().out


def test_lambda_callback_calls_what_it_was_given(model):
    seen = []
    callback = cbks.LambdaCallback(
        on_train_begin=lambda logs: seen.append("train"),
        on_epoch_begin=lambda epoch, logs: seen.append(epoch),
        on_batch_end=lambda batch, logs: seen.append(logs["loss"]),
        on_test_begin=lambda logs: seen.append("test"),
    )
    calls = listed(model, callback)
    calls.on_train_begin()
    calls.on_epoch_begin(0)
    calls.on_train_batch_end(0, {"loss": 0.5})
    calls.on_test_begin()
    calls.on_train_end()
    callback.on_epoch_end(0)
    assert seen == ["train", 0, 0.5, "test"]
