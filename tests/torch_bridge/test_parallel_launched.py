"""``torchrun script.py`` trains data-parallel, with nothing in the script that says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kcompile.keras.utils import launch

SCRIPT = """
import random
import sys
import numpy as np
from kcompile import keras
from kcompile.keras import callbacks, layers

folder = sys.argv[1]
rank = {rank}
random.seed(rank)  # processes that disagree: what rank 0 has drawn counts
np.random.seed(rank)
model = keras.models.Sequential([
    layers.Dense(8, activation="relu", input_shape=(4,)),
    layers.BatchNormalization(trainable=False),
    layers.Dense(3, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
x = np.random.RandomState(3).normal(size=(50, 4)).astype("float32")
y = np.arange(50) % 3

class Batches(keras.utils.Sequence):
    def __len__(self):
        return 5
    def __getitem__(self, i):
        return x[i::5], y[i::5]

class Wrote(callbacks.ModelCheckpoint):
    def on_epoch_end(self, epoch, logs=None):
        open(f"{{folder}}/wrote-{{rank}}", "w").close()

history = model.fit(x, y, batch_size=15, epochs=3, verbose=2, validation_split=0.2, callbacks=[
    callbacks.CSVLogger(folder + "/log.csv"), Wrote(folder + "/best.h5"), callbacks.ReduceLROnPlateau(),
])
model.fit(Batches(), epochs=2, verbose=0)
model.train_on_batch(x[:1], y[:1])
loss, accuracy = model.evaluate(x, y, verbose=0)
weights = model.get_weights()
model.compile(keras.optimizers.Lamb(0.05), "sparse_categorical_crossentropy")  # trained by its own updates
model.fit(x, y, batch_size=15, verbose=0)
weights += model.get_weights() + model.optimizer.get_weights()
class Own(keras.models.Sequential):  # with a step of its own
    def train_step(self, data):
        loss = keras.backend.log(1 + self.compute_loss(*data, self(data[0], training=True)))
        self.optimizer.minimize(loss, self.trainable_weights)
        return {{"loss": loss}}

own = Own(model.layers)
own.compile("adam", "sparse_categorical_crossentropy")
own.fit(x, y, batch_size=15, verbose=0)
weights += own.get_weights()
try:
    model.train_on_batch(x[:2 + rank], y[:2 + rank])
except ValueError as error:
    refused = str(error)
else:
    refused = ""
results = {{**history.history, "evaluated": [loss, accuracy], "refused": refused}}
np.savez(f"{{folder}}/{{rank}}", *weights, **results)
"""

TORCHRUN = ["-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """What the script leaves behind in two processes and in one."""
    found = {}
    for name, command, rank in (("two", TORCHRUN, "int(__import__('os').environ['RANK'])"), ("one", [], "0")):
        folder = tmp_path_factory.mktemp(name)
        script = folder / "script.py"
        script.write_text(SCRIPT.format(rank=rank))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        run = subprocess.run(
            [sys.executable, *command, str(script), str(folder)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert run.returncode == 0, run.stderr
        (folder / "printed").write_text(run.stdout)
        found[name] = folder
    return found


def test_all_ranks_end_with_the_same_weights_and_metrics(runs):
    first, second = (np.load(runs["two"] / f"{rank}.npz") for rank in (0, 1))
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_it_is_the_training_of_one_process(runs):
    alone, together = (np.load(runs[name] / "0.npz") for name in ("one", "two"))
    assert set(alone) == set(together)
    for name in set(alone) - {"refused"}:
        np.testing.assert_allclose(together[name], alone[name], rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="on GPUs nobody waits to look")
def test_batches_of_different_sizes_are_an_error_in_all_ranks(runs):
    for rank in (0, 1):
        assert "batches of different sizes" in str(np.load(runs["two"] / f"{rank}.npz")["refused"])


def test_only_rank_0_prints_and_writes(runs):
    printed = (runs["two"] / "printed").read_text()
    assert printed.count("Epoch 1/3") == 1
    assert printed.count("val_loss") == 3
    assert (runs["two"] / "wrote-0").exists() and not (runs["two"] / "wrote-1").exists()
    assert len((runs["two"] / "log.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "a", "MASTER_PORT": "1"},
        {"RANK": "0", "WORLD_SIZE": "2"},
        {"RANK": "x", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"},
    ],
)
def test_other_processes_train_alone(environment, monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert launch.launched() is None
    assert launch.from_first([1]) == [1]


def test_a_fixed_batch_size_is_refused(monkeypatch):
    from kcompile.keras import layers
    from kcompile.keras.models import Sequential

    model = Sequential([layers.Dense(2, batch_input_shape=(4, 3))])
    model.compile("sgd", "mse")
    for name, value in {
        "RANK": "0",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="fixes the batch size at 4"):
        model.train_on_batch(np.zeros((4, 3)), np.zeros((4, 2)))
