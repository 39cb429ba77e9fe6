"""What callbacks see of a training: a model, logs that count how often they are read, a clock."""

from __future__ import annotations

import types

import numpy as np

from kcompile.keras import callbacks as cbks
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


FULL = {"batch": 0, "size": 10, "loss": 0.5, "acc": 0.25}


class Recorder(cbks.Callback):
    def __init__(self):
        super().__init__()
        self.calls = []


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(progbar.time, "time", lambda: self.now)
