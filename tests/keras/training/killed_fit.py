"""A program that test_fit_state starts: fits that kill themselves, each a child of one process.

Usage: python -m tests.keras.training.killed_fit FOLDER. Writes what each series of runs ended with to stdout.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import numpy as np

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import layers as L
from kcompile.tf_keras import tensorflow as tf

SAMPLES, BATCH, EPOCHS = 44, 8, 3  # of 44, 4 validate: five batches an epoch


class KillAt(keras.callbacks.Callback):
    """Kills the process after a number of batches, or after that many epochs."""

    def __init__(self, batches=None, epochs=None, by=signal.SIGKILL):
        super().__init__()
        self.batches, self.epochs, self.by = batches, epochs, by

    def on_train_batch_end(self, batch, logs=None):
        self.batches = None if self.batches is None else self.batches - 1
        if self.batches == 0:
            os.kill(os.getpid(), self.by)

    def on_epoch_end(self, epoch, logs=None):
        self.epochs = None if self.epochs is None else self.epochs - 1
        if self.epochs == 0:
            os.kill(os.getpid(), self.by)


def make_model():
    x = L.Input((6,))
    y = L.Dropout(0.3)(L.Dense(5, activation="relu")(x))
    y = L.GaussianNoise(0.1)(L.BatchNormalization()(y))
    y = L.Dropout(0.2, seed=3)(y)
    model = keras.Model(x, L.Dense(1, kernel_constraint="max_norm")(y))
    model.compile(keras.optimizers.Adam(0.02, amsgrad=True), "mse", ["mae"])
    return model


class Adversarial(keras.Model):
    """Two networks with an optimizer each, random numbers and a counter, by a step of its own."""

    def __init__(self, eagerly):
        super().__init__()
        self.generator = keras.Sequential([L.Input((3,)), L.Dense(5, activation="relu"), L.Dense(6)])
        self.critic = keras.Sequential(
            [L.Input((6,)), L.Dense(5, activation="relu"), L.Dropout(0.3), L.BatchNormalization(), L.Dense(1)]
        )
        self.optimizers = {"critic": keras.optimizers.Adam(0.01, amsgrad=True)}
        self.g_optimizer, self.seen = keras.optimizers.RMSprop(0.01), keras.metrics.Mean(name="seen")
        self.mean = self.add_weight(name="mean", shape=(), initializer="zeros", trainable=False)
        self.compile(loss="mse", run_eagerly=eagerly)

    def train_step(self, data):
        x, y = data[:2]
        real, n = K.mean(x), K.shape(x)[0]
        with tf.GradientTape() as tape:
            fake = self.generator(K.random_normal((n, 3)), training=True)
            loss = K.mean(K.square(self.critic(x, training=True) - y)) + K.mean(
                self.critic(fake, training=True)
            )
        weights = self.critic.trainable_weights
        self.optimizers["critic"].apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        with tf.GradientTape() as tape:
            fake = self.generator(tf.random.normal((n, 3)), training=True)
            other = -K.mean(self.critic(fake, training=True))
        weights = self.generator.trainable_weights
        self.g_optimizer.apply_gradients(zip(tape.gradient(other, weights), weights, strict=True))
        self.mean.assign(0.9 * self.mean + 0.1 * real)
        self.seen.update_state(loss)
        return {"loss": self.seen.result(), "other": other}

    def test_step(self, data):
        return {"error": K.mean(self.critic(data[0], training=False))}


def fit(folder, save_freq, kill, weighted, own=None):
    """A whole program: what it ends with, as numbers.

    Args: own: whether a model trains by a step of its own, "traced" or "eager".
    """
    keras.utils.set_random_seed(5)
    numbers = np.random.RandomState(0)
    x, y = numbers.rand(SAMPLES, 6).astype("f"), numbers.rand(SAMPLES, 1).astype("f")
    model = Adversarial(own == "eager") if own else make_model()
    preempted = kill is not None and kill.by == signal.SIGTERM
    callbacks = [
        keras.callbacks.BackupAndRestore(folder, save_freq, save_before_preemption=preempted),
        *([] if kill is None else [kill]),
    ]
    if not own:
        callbacks += [
            keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=0, min_delta=0.03),
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        ]
    weights = np.linspace(0.5, 1.5, SAMPLES) if weighted else None
    history = model.fit(
        x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0, callbacks=callbacks, validation_split=0.1,
        sample_weight=weights, shuffle="batch" if weighted else True,
    )  # fmt: skip
    last = {name: float(values[-1]) for name, values in history.history.items()}
    optimizers = [model.optimizers["critic"], model.g_optimizer] if own else [model.optimizer]
    state = [*model.get_weights(), *(array for each in optimizers for array in each.get_weights())]
    return {"last": last, "bytes": b"".join(array.tobytes() for array in state).hex()}


def in_child(*arguments):
    """What fit returns, computed in a process of its own; the number of the signal that ended it."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        with os.fdopen(write, "w") as out:
            json.dump(fit(*arguments), out)
            out.flush()
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as found:
        text = found.read()
    status = os.waitpid(child, 0)[1]
    return json.loads(text) if text else os.WTERMSIG(status) or os.WEXITSTATUS(status)


SERIES = {
    "epoch": ("epoch", False, [KillAt(batches=7), KillAt(epochs=1)]),
    "every batch": (1, False, [KillAt(batches=1), KillAt(batches=5), KillAt(batches=3)]),
    "every third batch": (3, False, [KillAt(batches=4), KillAt(epochs=1)]),
    "an epoch's batches": (5, False, [KillAt(epochs=2)]),
    "weighted": (2, True, [KillAt(batches=8)]),
    "preempted": ("epoch", False, [KillAt(batches=3, by=signal.SIGTERM)]),
    "own step": (2, False, [KillAt(batches=3), KillAt(batches=5)], "traced"),
    "own step by epochs": ("epoch", False, [KillAt(batches=7)], "traced"),
    "own step run eagerly": (1, False, [KillAt(batches=4)], "eager"),
}


def main(folder):
    make_model()._make_train_function()  # what is loaded for it is there for all children
    kinds = [(False,), (True,), (False, "traced"), (False, "eager")]
    whole = {kind: in_child(f"{folder}/whole", "epoch", None, *kind) for kind in kinds}
    for name, (save_freq, weighted, kills, *own) in SERIES.items():
        kind, place = (weighted, *own), f"{folder}/{name.replace(' ', '_')}"
        ends = [in_child(place, save_freq, kill, *kind) for kill in kills]
        resumed = in_child(place, save_freq, None, *kind)
        found = {"ends": ends, "equal": resumed == whole[kind], "left": os.path.exists(place)}
        print(json.dumps({"name": name, **found}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
