"""Callbacks: what they are called with, what they print, write and decide, and what they leave unread."""

from __future__ import annotations

import copy
import http.server
import json
import pickle
import sys
import threading
import time
import types
import urllib.parse
import warnings

import numpy as np
import pytest

from kcompile.keras import callbacks as cbks
from kcompile.keras.callbacks import callback_list, control
from kcompile.keras.utils import progbar


class Rate:
    """Stands for the optimizer's learning-rate weight."""

    value = np.float32(0.1)


class Model:
    """What callbacks use of a model."""

    def __init__(self):
        self.optimizer = types.SimpleNamespace(lr=Rate())
        self.stop_training = False
        self.saved = []
        self.weights = "initial"

    def save(self, path, overwrite=True):
        self.saved.append(("model", path))

    def save_weights(self, path, overwrite=True):
        self.saved.append(("weights", path))

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


@pytest.fixture
def model(monkeypatch):
    backend = types.SimpleNamespace(
        get_value=lambda rate: rate.value,
        set_value=lambda rate, value: setattr(rate, "value", np.float32(value)),
    )
    monkeypatch.setattr(control, "K", backend)
    return Model()


PARAMS = {"verbose": 1, "epochs": 5, "steps": 4, "samples": 40, "metrics": ["loss", "acc", "val_loss"]}


def listed(model, *callbacks, **params):
    made = cbks.CallbackList(callbacks)
    made.set_model(model)
    made.set_params({**PARAMS, **params})
    return made


def run_epochs(model, callback, logs):
    """Go through epochs that end with these logs; returns the epochs that were begun."""
    calls = listed(model, callback)
    calls.on_train_begin()
    begun = []
    for epoch, epoch_logs in enumerate(logs):
        begun.append(epoch)
        calls.on_epoch_begin(epoch)
        model.weights = epoch
        calls.on_epoch_end(epoch, epoch_logs)
        if model.stop_training:
            break
    calls.on_train_end()
    return begun


def losses(*values, name="val_loss"):
    return [{name: value} for value in values]


# --- BatchLogs


class Device:
    """Counts how often values are fetched."""

    def __init__(self):
        self.reads = 0
        self.mean_reads = 0

    def logs(self, batch=0, size=10, means=True):
        return cbks.BatchLogs(batch, size, self.fetch, self.fetch_means if means else None)

    def fetch(self):
        self.reads += 1
        return {"loss": 0.5, "acc": 0.25}

    def fetch_means(self):
        self.mean_reads += 1
        return {"loss": 2.0, "acc": 0.75}


def test_batch_logs_are_not_fetched_by_size_truth_or_writing():
    device = Device()
    logs = device.logs(3, 8)
    assert (logs or {}) is logs and isinstance(logs, dict)
    assert (logs["batch"], logs["size"], logs.get("size", 0)) == (3, 8, 8)
    logs["mine"] = 1
    logs["acc"] = 9
    assert device.reads == 0
    assert logs["loss"] == 0.5
    assert dict(logs) == {"batch": 3, "size": 8, "mine": 1, "acc": 9, "loss": 0.5}
    assert device.reads == 1


FULL = {"batch": 0, "size": 10, "loss": 0.5, "acc": 0.25}


@pytest.mark.parametrize(
    "look",
    [
        lambda logs: dict(logs),
        lambda logs: dict(**logs),
        lambda logs: {**logs},
        lambda logs: dict(logs.items()),
        lambda logs: dict(zip(logs.keys(), logs.values(), strict=True)),
        lambda logs: {name: logs[name] for name in logs},
        lambda logs: {name: logs.get(name) for name in sorted(logs)},
        lambda logs: json.loads(json.dumps(logs)),
        lambda logs: pickle.loads(pickle.dumps(logs)),
        lambda logs: copy.deepcopy(logs),
        lambda logs: logs.copy(),
        lambda logs: logs | {},
        lambda logs: {} | logs,
        lambda logs: eval(repr(logs)),
        lambda logs: logs if len(logs) == 4 and "loss" in logs else None,
        lambda logs: {**FULL, "loss": logs.pop("loss")},
        lambda logs: {**FULL, "loss": logs.setdefault("loss", 7)},
    ],
)
def test_batch_logs_show_every_value_however_they_are_read(look):
    device = Device()
    assert look(device.logs()) == FULL
    assert device.reads == 1


def test_batch_logs_know_only_what_was_measured():
    logs = Device().logs(means=False)
    with pytest.raises(KeyError, match="nothing"):
        logs["nothing"]
    assert logs.get("nothing", 4) == 4
    assert not logs.has_means
    with pytest.raises(RuntimeError, match="no means"):
        logs.means()


# --- names of metrics


@pytest.mark.parametrize(
    "earlier, today",
    [
        ("acc", "accuracy"),
        ("val_acc", "val_accuracy"),
        ("val_main_acc", "val_main_accuracy"),
        ("mean_squared_error", "mse"),
        ("val_mean_absolute_error", "val_MAE"),
        ("cosine_proximity", "cosine"),
    ],
)
@pytest.mark.parametrize("make", [cbks.Logs, lambda found: cbks.BatchLogs(0, 1, lambda: found)])
def test_names_of_keras_2_0_to_2_2_find_the_metrics_of_today(earlier, today, make):
    logs = make({"loss": 1.0, today: 0.5})
    assert earlier in logs and logs[earlier] == logs.get(earlier, 7) == 0.5
    assert today in list(logs) and earlier not in list(logs)
    assert f"{earlier}s" not in logs and logs.get(f"other_{earlier}", 7) == 7
    with pytest.raises(KeyError, match="macc"):
        logs["macc"]


def test_a_metric_of_the_earlier_name_wins():
    logs = cbks.Logs({"acc": 1.0, "accuracy": 2.0})
    assert (logs["acc"], logs["accuracy"]) == (1.0, 2.0)
    assert copy.deepcopy(logs)["acc"] == pickle.loads(pickle.dumps(logs))["acc"] == 1.0


# --- CallbackList


HOOKS = [f"on_{mode}_batch_{when}" for mode in ("train", "test", "predict") for when in ("begin", "end")]


class Recorder(cbks.Callback):
    def __init__(self):
        super().__init__()
        self.calls = []


for _name in [*HOOKS, "on_epoch_begin", "on_epoch_end"]:
    setattr(Recorder, _name, lambda self, index, logs=None, _name=_name: self.calls.append((_name, index)))
for _mode in ("train", "test", "predict"):
    for _when in ("begin", "end"):
        _hook = f"on_{_mode}_{_when}"
        setattr(Recorder, _hook, lambda self, logs=None, _hook=_hook: self.calls.append(_hook))


@pytest.mark.parametrize("hook", HOOKS)
def test_every_batch_hook_reaches_the_callback(hook):
    recorder = Recorder()
    getattr(listed(None, recorder), hook)(2, {"size": 1})
    assert recorder.calls == [(hook, 2)]


@pytest.mark.parametrize("mode", ["train", "test", "predict"])
def test_begin_and_end_hooks_reach_the_callback(mode):
    recorder = Recorder()
    calls = listed(None, recorder)
    calls._call_begin_hook(mode)
    calls._call_end_hook(mode)
    assert recorder.calls == [f"on_{mode}_begin", f"on_{mode}_end"]
    with pytest.raises(ValueError, match="mode must be one of"):
        calls._call_begin_hook("nothing")


def test_older_batch_names_are_called_for_training():
    class Old(cbks.Callback):
        calls = []

        def on_batch_begin(self, batch, logs=None):
            self.calls.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            self.calls.append(("end", batch))

    calls = listed(None, Old())
    calls.on_train_batch_begin(0)
    calls.on_train_batch_end(0)
    calls.on_batch_begin(1)
    calls.on_batch_end(1)
    calls.on_test_batch_end(2)
    assert Old.calls == [("begin", 0), ("end", 0), ("begin", 1), ("end", 1)]
    direct = Old()
    direct.on_train_batch_end(5)
    assert Old.calls[-1] == ("end", 5)


def test_hooks_that_nobody_overrides_are_not_there():
    calls = listed(None, cbks.History(), cbks.EarlyStopping(), cbks.LambdaCallback(on_epoch_end=print))
    assert not any(calls.has_batch_hook(hook) for hook in HOOKS)
    calls.append(Recorder())
    assert all(calls.has_batch_hook(hook) for hook in HOOKS)


def test_a_method_set_on_the_instance_is_called_from_the_next_epoch():
    seen = []
    callback = cbks.Callback()
    calls = listed(None, callback)
    calls.on_train_begin()
    assert not calls.has_batch_hook("on_train_batch_end")
    callback.on_batch_end = lambda batch, logs=None: seen.append(batch)
    calls.on_epoch_begin(0)
    calls.on_train_batch_end(4)
    assert seen == [4]


def test_an_object_that_is_no_callback_subclass_is_called_where_it_has_methods():
    class Duck:
        def __init__(self):
            self.seen = []

        def set_params(self, params):
            self.params = params

        def set_model(self, model):
            self.model = model

        def on_batch_end(self, batch, logs):
            self.seen.append(batch)

    duck = Duck()
    calls = listed(None, duck)
    calls.on_train_begin()
    calls.on_train_batch_end(3)
    calls.on_epoch_end(0)
    assert duck.seen == [3]


def test_slow_callback_is_warned_about(monkeypatch):
    clock = types.SimpleNamespace(now=0.0)
    monkeypatch.setattr(callback_list, "time", types.SimpleNamespace(time=lambda: clock.now))

    class Slow(cbks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            clock.now += 0.2

    calls = listed(None, Slow())
    calls.on_train_batch_begin(0)
    clock.now += 0.01
    with pytest.warns(RuntimeWarning, match="on_train_batch_end.* is slow"):
        calls.on_train_batch_end(0)


def test_the_list_is_iterable_and_passes_params_and_model(model):
    history = cbks.History()
    calls = listed(model, history)
    assert list(calls) == [history]
    assert history.model is model and history.params["epochs"] == 5


# --- BaseLogger, History, ProgbarLogger


def test_base_logger_averages_by_samples_and_keeps_stateful_values():
    logger = cbks.BaseLogger(stateful_metrics=["acc"])
    calls = listed(None, logger)
    calls.on_epoch_begin(0)
    calls.on_train_batch_end(0, {"size": 30, "loss": 1.0, "acc": 0.1})
    calls.on_train_batch_end(1, {"size": 10, "loss": 3.0, "acc": 0.2})
    logs = {"val_loss": 9.0}
    calls.on_epoch_end(0, logs)
    assert logs == {"val_loss": 9.0, "loss": 1.5, "acc": 0.2}


def test_base_logger_leaves_logs_with_means_unread():
    device = Device()
    logger = cbks.BaseLogger()
    calls = listed(None, logger)
    calls.on_epoch_begin(0)
    calls.on_train_batch_end(0, device.logs())
    logs = {"loss": 2.0}
    calls.on_epoch_end(0, logs)
    assert logs == {"loss": 2.0}
    assert (device.reads, device.mean_reads) == (0, 0)


def test_history_keeps_every_metric_and_starts_anew():
    history = cbks.History()
    calls = listed(None, history)
    for _ in range(2):
        calls.on_train_begin()
        calls.on_epoch_end(0, {"loss": 3.0})
        calls.on_epoch_end(1, {"loss": 2.0, "val_loss": 1.0})
        assert history.epoch == [0, 1]
        assert history.history == {"loss": [3.0, 2.0], "val_loss": [1.0]}


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(progbar.time, "time", lambda: self.now)


def test_progress_bar_of_plain_logs_is_kerass_text(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    calls = listed(None, cbks.BaseLogger(), cbks.ProgbarLogger())
    calls.on_train_begin()
    calls.on_epoch_begin(0)
    for batch, loss in enumerate([4.0, 3.0, 2.0, 1.0]):
        calls.on_train_batch_begin(batch, {"batch": batch, "size": 10})
        clock.now += 1
        calls.on_train_batch_end(batch, {"batch": batch, "size": 10, "loss": loss, "acc": 0.5})
    calls.on_epoch_end(0, {"val_loss": 0.125})
    # What Keras 2.3.1 prints for the same calls at the same times.
    assert capsys.readouterr().out == (
        "Epoch 1/5\n"
        "\n10/40 [======>.......................] - ETA: 3s - loss: 4.0000 - acc: 0.5000"
        "\n20/40 [==============>...............] - ETA: 2s - loss: 3.5000 - acc: 0.5000"
        "\n30/40 [=====================>........] - ETA: 1s - loss: 3.0000 - acc: 0.5000"
        "\n40/40 [==============================] - 4s 100ms/step - loss: 2.5000 - acc: 0.5000"
        " - val_loss: 0.1250\n"
    )


def test_progress_bar_reads_means_only_when_it_draws(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    device = Device()
    calls = listed(None, cbks.ProgbarLogger("steps"), steps=1000)
    calls.on_train_begin()
    calls.on_epoch_begin(0)
    for batch in range(1000):
        clock.now += 0.001
        calls.on_train_batch_end(batch, device.logs(batch))
    assert device.reads == 0
    assert device.mean_reads == 20
    calls.on_epoch_end(0, {"loss": 2.5, "acc": 0.5})
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].endswith("- loss: 2.0000 - acc: 0.7500")
    assert lines[-1].startswith("1000/1000 [==============================] - 1s ")
    assert lines[-1].endswith("- loss: 2.5000 - acc: 0.5000")


def test_silent_progress_logger_reads_and_prints_nothing(capsys):
    device = Device()
    calls = listed(None, cbks.ProgbarLogger(), verbose=0)
    calls.on_train_begin()
    calls.on_epoch_begin(0)
    calls.on_train_batch_end(0, device.logs())
    calls.on_epoch_end(0, {})
    assert (device.reads, device.mean_reads) == (0, 0)
    assert capsys.readouterr().out == ""


def test_verbose_2_shows_one_line_per_epoch_and_reads_no_batch(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    device = Device()
    calls = listed(None, cbks.ProgbarLogger(), verbose=2)
    calls.on_train_begin()
    calls.on_epoch_begin(1)
    for batch in range(4):
        clock.now += 1
        calls.on_train_batch_end(batch, device.logs(batch))
    calls.on_epoch_end(1, {"loss": 1.5, "acc": 0.5})
    assert capsys.readouterr().out == "Epoch 2/5\n - 4s - loss: 1.5000 - acc: 0.5000\n"
    assert device.mean_reads == 0


def test_unknown_length_counts_and_ends_its_line(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    calls = listed(None, cbks.ProgbarLogger("steps"), steps=None)
    calls.on_train_begin()
    calls.on_epoch_begin(0)
    for batch in range(3):
        clock.now += 1
        calls.on_train_batch_end(batch, {"size": 1, "loss": 1.0})
    calls.on_epoch_end(0, {"loss": 1.0})
    out = capsys.readouterr().out
    assert "      2/Unknown - 2s 1s/step" in out
    assert out.endswith("3/3 [==============================] - 3s 1s/step - loss: 1.0000\n")


def test_count_mode_is_checked():
    with pytest.raises(ValueError, match="count_mode"):
        cbks.ProgbarLogger("epochs")


# --- control


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


# --- CSVLogger, RemoteMonitor


def test_csv_has_a_header_and_a_line_per_epoch_at_once(model, tmp_path):
    path = tmp_path / "log.csv"
    callback = cbks.CSVLogger(path, separator=";")
    calls = listed(model, callback)
    calls.on_train_begin()
    calls.on_epoch_end(0, {"val_loss": 1.5, "loss": np.float32(2.5), "list": np.array([1, 2])})
    assert path.read_bytes().decode() == 'epoch;list;loss;val_loss\r\n0;"""[1, 2]""";2.5;1.5\r\n'
    calls.on_epoch_end(1, {"loss": float("nan")})
    assert path.read_text().splitlines()[-1] == "1;NA;nan;NA"
    calls.on_train_end()
    assert callback.csv_file.closed


def test_csv_appends_without_a_second_header_or_replaces(model, tmp_path):
    path = tmp_path / "log.csv"
    for append in (True, True):
        run_epochs(model, cbks.CSVLogger(path, append=append), losses(1))
    assert path.read_text().splitlines() == ["epoch,val_loss", "0,1", "0,1"]
    run_epochs(model, cbks.CSVLogger(path), losses(2))
    assert path.read_text().splitlines() == ["epoch,val_loss", "0,2"]


def test_csv_before_training_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="on_train_begin"):
        cbks.CSVLogger(tmp_path / "log.csv").on_epoch_end(0, {})


class Posts(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.posts.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def monitor(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    server = http.server.HTTPServer(("127.0.0.1", 0), Posts)
    server.posts, server.status = [], 200
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


LOGS = {"loss": np.float32(0.5), "acc": np.array([0.25]), "lr": 0.1}
EVENT = {"epoch": 3, "loss": 0.5, "acc": 0.25, "lr": 0.1}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("status", [200, 500])
def test_remote_monitor_posts_the_epoch(monitor, as_json, status):
    monitor.status = status
    root = f"http://127.0.0.1:{monitor.server_port}"
    callback = cbks.RemoteMonitor(root, "/up", "payload", {"X-Run": "7"}, send_as_json=as_json)
    callback.on_epoch_end(3, dict(LOGS))
    ((path, headers, body),) = monitor.posts
    assert path == "/up" and headers["X-Run"] == "7"
    if as_json:
        assert headers["Content-Type"] == "application/json"
    else:
        body = urllib.parse.parse_qs(body)["payload"][0]
    assert json.loads(body) == EVENT


@pytest.mark.parametrize("root", ["http://127.0.0.1:9", "nonsense"])
def test_remote_monitor_that_is_not_there_is_a_warning(root, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.warns(UserWarning, match=f"could not reach RemoteMonitor root server at {root}"):
        cbks.RemoteMonitor(root).on_epoch_end(0, {"loss": 1.0})


# --- TensorBoard


class Weight:
    def __init__(self, name):
        self.name = name


class Layer:
    def __init__(self, name, *values, inbound=()):
        self.name = name
        self.values = values
        self.weights = [Weight(f"{name}/w{i}:0") for i in range(len(values))]
        self.output_shape = (None, 3)
        self._inbound_nodes = [Node(self, inbound)]

    def get_weights(self):
        return list(self.values)


class Tensor:
    def __init__(self, layer):
        self._keras_history = (layer, 0, 0)


class Node:
    def __init__(self, layer, inbound):
        self.outbound_layer = layer
        self.inbound_layers = list(inbound)
        self.node_indices = self.tensor_indices = [0] * len(inbound)
        self.input_tensors = [Tensor(source) for source in inbound]


@pytest.fixture
def layered():
    first = Layer("input")
    dense = Layer("dense", np.arange(6.0).reshape(2, 3), np.array([np.nan] * 3), inbound=[first])
    conv = Layer("conv", np.ones((2, 2, 3), "float32"), inbound=[dense])
    return types.SimpleNamespace(layers=[first, dense, conv], inputs=[Tensor(first)], outputs=[Tensor(conv)])


def events(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    read = accumulator.EventAccumulator(str(folder), size_guidance={accumulator.HISTOGRAMS: 0})
    return read.Reload()


def train_with(callback, model):
    calls = listed(model, callback)
    calls.on_train_begin()
    for epoch in range(2):
        calls.on_epoch_begin(epoch)
        for batch in range(4):
            calls.on_train_batch_end(batch, {"batch": batch, "size": 10, "loss": float(batch)})
        calls.on_epoch_end(epoch, {"loss": 2.0 - epoch, "val_loss": np.float32(3.0), "lr": np.float32(0.5)})
    calls.on_train_end()


def test_tensorboard_writes_metrics_graph_and_weights(layered, tmp_path):
    train_with(cbks.TensorBoard(tmp_path, histogram_freq=1, write_images=True), layered)
    train, validation = events(tmp_path / "train"), events(tmp_path / "validation")
    assert [(e.step, e.value) for e in train.Scalars("epoch_loss")] == [(0, 2.0), (1, 1.0)]
    assert set(train.Tags()["scalars"]) == {"epoch_loss", "epoch_lr"}
    assert [e.value for e in validation.Scalars("epoch_loss")] == [3.0, 3.0]
    assert len(train.Histograms("dense/w0_0")) == 2
    assert train.Tags()["histograms"] == ["dense/w0_0", "conv/w0_0"]  # the bias is all NaN
    assert train.Histograms("dense/w0_0")[0].histogram_value.num == 6
    assert any("dense/w0_0" in tag for tag in train.Tags()["images"])
    nodes = {node.name: (node.op, list(node.input)) for node in train.Graph().node}
    assert nodes == {"input": ("Layer", []), "dense": ("Layer", ["input"]), "conv": ("Layer", ["dense"])}


@pytest.mark.parametrize(
    ("update_freq", "steps"), [("epoch", []), ("batch", list(range(8))), (20, [1, 3, 5, 7]), (25, [2, 5])]
)
def test_tensorboard_writes_batches_as_often_as_asked(layered, tmp_path, update_freq, steps):
    train_with(cbks.TensorBoard(str(tmp_path), write_graph=False, update_freq=update_freq), layered)
    train = events(tmp_path / "train")
    found = train.Scalars("batch_loss") if "batch_loss" in train.Tags()["scalars"] else []
    assert [e.step for e in found] == steps
    assert [e.value for e in found] == [float(step % 4) for step in steps]
    assert not train.Tags()["graph"]


def test_tensorboard_by_samples_reads_few_batches(layered, tmp_path):
    device = Device()
    callback = cbks.TensorBoard(tmp_path, write_graph=False, update_freq=40)
    calls = listed(layered, callback)
    for batch in range(16):
        calls.on_train_batch_end(batch, device.logs(batch, 10))
    calls.on_train_end()
    assert device.reads == 4


@pytest.mark.parametrize(
    "arguments",
    [{"batch_size": 32}, {"write_grads": True}, {"embeddings_freq": 1}, {"profile_batch": 2}],
    ids=lambda a: next(iter(a)),
)
def test_tensorboard_warns_of_what_it_does_not_write(arguments):
    with pytest.warns(UserWarning, match="ignores"):
        cbks.TensorBoard(**arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cbks.TensorBoard(profile_batch=0)


def test_tensorboard_arguments_are_checked():
    with pytest.raises(TypeError, match="logdir"):
        cbks.TensorBoard(logdir="x")
    with pytest.raises(ValueError, match="update_freq"):
        cbks.TensorBoard(update_freq="never")


def test_tensorboard_names_what_must_be_installed(layered, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match="needs TensorBoard, which is not installed: pip install"):
        listed(layered, cbks.TensorBoard(tmp_path))


def test_a_bare_list_costs_next_to_nothing_per_batch():
    calls = listed(None, cbks.History(), cbks.EarlyStopping())
    started = time.perf_counter()
    for batch in range(10_000):
        calls.on_train_batch_begin(batch)
        calls.on_train_batch_end(batch)
    assert (time.perf_counter() - started) / 10_000 < 1e-4
