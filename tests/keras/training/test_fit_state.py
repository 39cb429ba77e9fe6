"""BackupAndRestore: a fit that is broken off anywhere goes on to what it would have come to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import layers as L
from kcompile.keras.callbacks import BackupAndRestore
from tests.keras.training import killed_fit


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """What each series of killed runs ended with."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "tests.keras.training.killed_fit", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return {found["name"]: found for found in map(json.loads, run.stdout.splitlines())}


@pytest.mark.parametrize("name", list(killed_fit.SERIES))
def test_killed_runs_go_on_to_weights_and_logs_equal_to_the_bit(series, name):
    found = series[name]
    expected = [
        128 + signal.SIGTERM if kill.by == signal.SIGTERM else signal.SIGKILL
        for kill in killed_fit.SERIES[name][2]
    ]
    assert found["ends"] == expected  # each was broken off as it was meant to be
    assert found["equal"]
    assert not found["left"]  # the folder goes with a training that ends by itself


def small(units=1):
    model = keras.Sequential([L.Dense(units, input_shape=(2,))])
    model.compile("adam", "mse")
    return model


X, Y = np.ones((8, 2), "f"), np.ones((8, 1), "f")


class BreakOff(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            raise KeyboardInterrupt


def broken_off(folder, **given):
    with pytest.raises(KeyboardInterrupt):
        small().fit(X, Y, 2, 3, 0, callbacks=[BackupAndRestore(folder, 1, **given), BreakOff()])


def test_epochs_that_are_done_are_not_run_again(tmp_path):
    class Seen(keras.callbacks.Callback):
        begun: list = []

        def on_train_batch_begin(self, batch, logs=None):
            self.begun.append(batch)

    broken_off(tmp_path / "backup")
    seen = Seen()
    model = small()
    history = model.fit(X, Y, 2, 2, 0, callbacks=[BackupAndRestore(tmp_path / "backup"), seen])
    assert seen.begun == [2, 3, 0, 1, 2, 3]  # two batches were saved
    assert history.epoch == [0, 1]
    assert model._fit_state is None


def test_a_file_of_another_model_is_refused_by_name_and_kept(tmp_path):
    broken_off(tmp_path)
    with pytest.raises(ValueError, match=r"cannot go on from .*fit_state.*another model.*remove that file"):
        small(3).fit(X, Y[:, [0, 0, 0]], 2, 1, 0, callbacks=[BackupAndRestore(tmp_path)])
    assert os.listdir(tmp_path) == ["fit_state.safetensors"]


def test_a_damaged_file_is_refused_by_name(tmp_path):
    broken_off(tmp_path)
    path = tmp_path / "fit_state.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match=r"fit_state.*ends before its data"):
        small().fit(X, Y, 2, 1, 0, callbacks=[BackupAndRestore(tmp_path)])


def test_other_files_of_the_folder_are_left(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    small().fit(X, Y, 2, 1, 0, callbacks=[BackupAndRestore(tmp_path)])
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_delete_checkpoint_false_keeps_the_end(tmp_path):
    small().fit(X, Y, 2, 2, 0, callbacks=[BackupAndRestore(tmp_path, delete_checkpoint=False)])
    history = small().fit(X, Y, 2, 2, 0, callbacks=[BackupAndRestore(tmp_path)])
    assert history.epoch == []  # all was done


def test_the_handler_of_sigterm_is_as_before_after_fit(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    small().fit(X, Y, 2, 1, 0, callbacks=[BackupAndRestore(tmp_path, save_before_preemption=True)])
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("save_freq", [None, 0, -3, True, "batch", 1.5])
def test_other_frequencies_are_refused(save_freq, tmp_path):
    with pytest.raises(ValueError, match="save_freq"):
        BackupAndRestore(tmp_path, save_freq)
