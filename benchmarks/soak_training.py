"""Training of many kinds, over and over: models made, fitted and dropped."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from kcompile import keras
from kcompile.keras import callbacks as C
from kcompile.keras import layers as L
from kcompile.tf_keras import tensorflow as tf

from .soak_working import Task, work

DRAW = np.random.default_rng(0)


def _numbers(*shape: int) -> np.ndarray:
    return DRAW.standard_normal(shape).astype(np.float32)


def _labels(samples: int, classes: int = 3) -> np.ndarray:
    return DRAW.integers(0, classes, samples)


def _dense(**compiled: Any) -> keras.Sequential:
    layers = [L.Dense(32, activation="relu", input_shape=(16,)), L.Dropout(0.3), L.BatchNormalization()]
    model = keras.Sequential([*layers, L.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"], **compiled)
    return model


def _images() -> keras.Sequential:
    layers = [L.Conv2D(8, 3, activation="relu", input_shape=(12, 12, 1)), L.BatchNormalization()]
    model = keras.Sequential([*layers, L.MaxPooling2D(), L.Flatten(), L.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
    return model


def _finite(history: Any) -> None:
    assert np.isfinite(history.history["loss"]).all(), history.history["loss"]


class Pictures(keras.utils.Sequence):
    """Six batches of images."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(index)
        return random.random((16, 12, 12, 1), np.float32), random.integers(0, 3, 16)


class OwnStep(keras.Model):
    """A model with a training step of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = L.Dense(16, activation="relu"), L.Dense(1)
        self.mean = keras.metrics.Mean(name="loss")

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        return self.outer(self.inner(inputs))

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self(x, training=True) - y))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self.mean.update_state(loss)
        return {"loss": self.mean.result()}


def callbacks() -> None:
    """Every callback that keeps something."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        used: list[Any] = [
            C.EarlyStopping("val_loss", patience=1, restore_best_weights=True),
            C.ReduceLROnPlateau("val_loss", patience=1),
            C.ModelCheckpoint(str(path / "best.h5"), save_best_only=True),
            C.ModelCheckpoint(str(path / "{epoch}.keras"), save_weights_only=False),
            C.BackupAndRestore(str(path / "backup")),
            C.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
            C.CSVLogger(str(path / "log.csv")),
            C.TerminateOnNaN(),
            C.LambdaCallback(on_train_batch_end=lambda batch, logs: logs["loss"]),
        ]
        if find_spec("tensorboard"):
            used.append(C.TensorBoard(str(path / "logs"), histogram_freq=1))
        model = _dense()
        x, y = _numbers(128, 16), _labels(128)
        _finite(model.fit(x, y, 32, epochs=3, validation_split=0.2, verbose=0, callbacks=used))
        keras.models.load_model(path / "best.h5").evaluate(x, y, verbose=0)


def threads() -> None:
    """Batches prepared by threads."""
    _finite(_images().fit(Pictures(), epochs=2, workers=2, verbose=0))


def processes() -> None:
    """Batches prepared by processes."""
    _finite(_images().fit(Pictures(), epochs=2, workers=2, use_multiprocessing=True, verbose=0))


def generators() -> None:
    """A generator that is left before its end."""

    def endless() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while True:
            yield _numbers(16, 16), _labels(16)

    _finite(_dense().fit(endless(), steps_per_epoch=5, epochs=2, verbose=0))


def lengths() -> None:
    """A masked recurrent network on texts whose length is another one in each batch."""
    model = keras.Sequential([L.Embedding(50, 8, mask_zero=True), L.Bidirectional(L.LSTM(8)), L.Dense(1)])
    model.compile("rmsprop", "mse")
    for _ in range(4):
        words = DRAW.integers(0, 50, (8, int(DRAW.integers(2, 40))))
        assert np.isfinite(model.train_on_batch(words, _numbers(8, 1)))


def adversaries() -> None:
    """Two models that share weights, training and prediction in turn."""
    maker = keras.Sequential([L.Dense(16, activation="relu", input_shape=(4,)), L.Dense(8)])
    judge = keras.Sequential([L.Dense(16, activation="relu", input_shape=(8,)), L.Dense(1, "sigmoid")])
    judge.compile("adam", "binary_crossentropy")
    judge.trainable = False
    both = keras.Sequential([maker, judge])
    both.compile("adam", "binary_crossentropy")
    for _ in range(5):
        made = maker.predict(_numbers(8, 4), verbose=0)
        judge.train_on_batch(np.concatenate([made, _numbers(8, 8)]), np.repeat([[0.0], [1.0]], 8, 0))
        both.train_on_batch(_numbers(8, 4), np.ones((8, 1)))


def own_steps() -> None:
    """A training step of the user's own, traced and at once."""
    for eagerly in (False, True):
        model = OwnStep()
        model.compile("adam", run_eagerly=eagerly)
        _finite(model.fit(_numbers(32, 4), _numbers(32, 1), batch_size=8, epochs=1, verbose=0))


def together() -> None:
    """Steps that are executed together, written out."""
    model = _dense(steps_per_execution=8, weighted_metrics=["accuracy"])
    x, y = _numbers(256, 16), _labels(256)
    _finite(model.fit(x, y, batch_size=16, epochs=2, verbose=0, class_weight={0: 1.0, 1: 2.0, 2: 0.5}))


def half() -> None:
    """Half precision."""
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = _images()
    finally:
        keras.mixed_precision.set_global_policy(None)
    _finite(model.fit(_numbers(32, 12, 12, 1), _labels(32), batch_size=16, epochs=1, verbose=0))


def attention() -> None:
    """A functional model of several outputs, with weights for samples."""
    words = L.Input((None,))
    x = L.Embedding(50, 16)(words)
    x = L.LayerNormalization()(x + L.MultiHeadAttention(2, 8)(x, x))
    x = L.GlobalAveragePooling1D()(x)
    model = keras.Model(words, [L.Dense(3, "softmax", name="kind")(x), L.Dense(1, name="size")(x)])
    model.compile("adam", {"kind": "sparse_categorical_crossentropy", "size": "mse"}, metrics={"size": "mae"})
    targets = {"kind": _labels(32), "size": _numbers(32, 1)}
    weights = {"kind": DRAW.random(32), "size": DRAW.random(32)}
    texts = DRAW.integers(0, 50, (32, int(DRAW.integers(4, 20))))
    _finite(model.fit(texts, targets, 8, sample_weight=weights, verbose=0))


def interrupted() -> None:
    """A fit that an error in a callback ends; the model trains on."""
    model = _dense()

    def fail(batch: int, logs: Any) -> None:
        if batch == 2:
            raise KeyboardInterrupt

    try:
        model.fit(Rows(), workers=2, verbose=0, callbacks=[C.LambdaCallback(on_train_batch_end=fail)])
    except KeyboardInterrupt:
        _finite(model.fit(Rows(), verbose=0))
        return
    raise AssertionError("the fit was not interrupted")


class Rows(keras.utils.Sequence):
    """Five batches of rows."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(index)
        return random.random((16, 16), np.float32), random.integers(0, 3, 16)


TASKS: tuple[Task, ...] = (
    generators,
    threads,
    lengths,
    adversaries,
    own_steps,
    together,
    half,
    attention,
    interrupted,
    processes,
    callbacks,
)

if __name__ == "__main__":
    work(TASKS, keras.backend.clear_session)
