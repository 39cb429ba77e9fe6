"""kill -9 within ModelCheckpoint: the file is the last whole one, in every format."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from kcompile.keras import callbacks, layers
from kcompile.keras.models import Sequential, load_model

KILLS = 6


def model():
    return Sequential([layers.Dense(300, input_shape=(300,), name="a"), layers.Dense(300, name="b")])


def filled(made, number):
    for weight in made.weights:
        weight.assign(np.full(weight.shape, number, "float32"))


def save_until_killed(saving, made, first):
    for epoch in range(first, first + 10**6):
        filled(made, epoch)
        saving.on_epoch_end(epoch, {})


@pytest.mark.parametrize("name", ["m.h5", "m.keras", "m.onnx", "m.weights.h5", "m.safetensors"])
def test_killed_at_any_moment_leaves_a_whole_file(name, tmp_path):
    path, made = tmp_path / name, model()
    alone = name in ("m.weights.h5", "m.safetensors")
    saving = callbacks.ModelCheckpoint(str(path), save_weights_only=alone)
    saving.set_model(made)
    saving.set_params({})
    filled(made, 0)
    saving.on_epoch_end(0, {})  # what is imported and cached, and a file to begin with
    random = np.random.default_rng(0)
    for kill in range(KILLS):
        child = os.fork()
        if child == 0:
            try:
                save_until_killed(saving, made, 1000 * (kill + 1))
            finally:
                os._exit(1)
        time.sleep(0.02 + 0.2 * random.random())
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        found = model() if alone else load_model(path)
        if alone:
            found.load_weights(path)
        values = {float(value) for weight in found.get_weights() for value in np.unique(weight)}
        assert len(values) == 1, values  # of one moment
    saving.on_epoch_end(0, {})
    assert [file.name for file in tmp_path.iterdir()] == [name]
