"""Prediction of many kinds, over and over, by the same models and by new ones."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import layers as L
from kcompile_runtime import Executor

from .soak_working import Task, work

DRAW = np.random.default_rng(0)
MOST = 64
LONGEST = 40


class Known:
    """A model, and what it gives for samples that it is asked for again and again.

    Args:
        model: of one input.
        samples: (samples, ...).
    """

    def __init__(self, model: Any, samples: np.ndarray) -> None:
        self.model, self.samples = model, samples
        self.expected = model.predict(samples, verbose=0)

    def check(self, predict: Callable[[np.ndarray], np.ndarray]) -> None:
        """
        Raises:
            AssertionError: if some of the samples are answered otherwise than before.
        """
        start, count = int(DRAW.integers(0, MOST // 2)), int(DRAW.integers(1, MOST // 2))
        found = predict(self.samples[start : start + count])
        np.testing.assert_allclose(found, self.expected[start : start + count], rtol=1e-4, atol=1e-5)


def _dense() -> keras.Sequential:
    return keras.Sequential([L.Dense(32, "relu", input_shape=(16,)), L.Dropout(0.5), L.Dense(3, "softmax")])


def _images() -> keras.Sequential:
    layers = [L.Conv2D(8, 3, activation="relu", input_shape=(None, None, 3)), L.BatchNormalization()]
    return keras.Sequential([*layers, L.MaxPooling2D(), L.GlobalAveragePooling2D(), L.Dense(3)])


def _text() -> keras.Sequential:
    layers: list[Any] = [L.Input((None,)), L.Embedding(50, 8, mask_zero=True), L.Bidirectional(L.LSTM(8))]
    return keras.Sequential([*layers, L.Dense(1)])


class Predicting:
    """Tasks on models that stay."""

    def __init__(self, folder: Path) -> None:
        numbers = DRAW.standard_normal((MOST, 16)).astype(np.float32)
        self.dense = Known(_dense(), numbers)
        self.images = Known(_images(), DRAW.standard_normal((MOST, 14, 14, 3)).astype(np.float32))
        self.text = Known(_text(), DRAW.integers(0, 50, (MOST, LONGEST)))
        self.known = (self.dense, self.images, self.text)
        self.path = folder / "dense.onnx"
        self.dense.model.export(self.path, verify=False)
        self.executor = Executor(self.path)
        layers = [L.LSTM(8, stateful=True, batch_input_shape=(2, 3, 4)), L.Dense(1)]
        self.stateful = keras.Sequential(layers)
        self.inner = K.function([self.dense.model.input], [self.dense.model.layers[0].output])

    def tasks(self) -> tuple[Task, ...]:
        """All of them."""
        return (
            self.sizes, self.shapes, self.generated, self.executed, self.opened, self.at_once, self.changed,
            self.nans, self.states, self.inside, self.dropped, self.trained, self.wrong,
        )  # fmt: skip

    def sizes(self) -> None:
        """Batches of every size."""
        for known in self.known:
            known.check(known.model.predict_on_batch)
            known.check(partial(known.model.predict, batch_size=7, verbose=0))

    def shapes(self) -> None:
        """Images and texts of every size."""
        for _ in range(4):
            rows, columns = DRAW.integers(6, 30, 2)
            assert self.images.model.predict_on_batch(np.zeros((2, rows, columns, 3), "f")).shape == (2, 3)
            words = np.ones((3, int(DRAW.integers(1, LONGEST))), np.int64)
            assert self.text.model.predict_on_batch(words).shape == (3, 1)

    def generated(self) -> None:
        """From a generator, with a thread that prepares."""

        def batches() -> Iterator[np.ndarray]:
            while True:
                yield self.dense.samples[:16]

        found = self.dense.model.predict(batches(), steps=4, workers=2, verbose=0)
        np.testing.assert_allclose(found, np.tile(self.dense.expected[:16], (4, 1)), rtol=1e-4, atol=1e-5)

    def executed(self) -> None:
        """By the file."""
        self.dense.check(lambda x: self.executor.predict(x))

    def opened(self) -> None:
        """By a session that is opened for it."""
        self.dense.check(lambda x: Executor(self.path, intra_op_threads=1).predict(x))

    def at_once(self) -> None:
        """By threads at once."""
        with ThreadPoolExecutor(4) as pool:
            for known in self.known:
                for done in [pool.submit(known.check, known.model.predict_on_batch) for _ in range(8)]:
                    done.result()

    def changed(self) -> None:
        """With other weights, which a session finds to be stale, and with the old ones again."""
        model, weights = self.dense.model, self.dense.model.get_weights()
        for _ in range(3):
            model.set_weights([np.zeros_like(w) for w in weights])
            np.testing.assert_allclose(model.predict_on_batch(self.dense.samples[:2]), 1 / 3, rtol=1e-5)
            model.set_weights(weights)
            self.dense.check(model.predict_on_batch)

    def nans(self) -> None:
        """With numbers that are none."""
        x = self.dense.samples[:3].copy()
        x[1, 2] = np.nan
        found = self.dense.model.predict_on_batch(x)
        assert np.isnan(found[1]).all() and np.isfinite(found[[0, 2]]).all()

    def states(self) -> None:
        """With states that are carried on and cleared."""
        x = np.ones((2, 3, 4), np.float32)
        self.stateful.reset_states()
        first, second = (self.stateful.predict(x, batch_size=2, verbose=0) for _ in range(2))
        assert not np.allclose(first, second)

    def inside(self) -> None:
        """What a layer gives, by a function and by a model made for it."""
        x, model = self.dense.samples[:5], self.dense.model
        hidden = keras.Model(model.input, model.layers[0].output)
        np.testing.assert_allclose(hidden.predict_on_batch(x), self.inner([x])[0], rtol=1e-4, atol=1e-5)

    def dropped(self) -> None:
        """By models that are made for it."""
        for make, known in ((_dense, self.dense), (_text, self.text)):
            model = make()
            model.set_weights(known.model.get_weights())
            known.check(model.predict_on_batch)

    def trained(self) -> None:
        """Between training steps."""
        model = _dense()
        model.compile("sgd", "sparse_categorical_crossentropy")
        for _ in range(4):
            model.train_on_batch(self.dense.samples[:8], np.zeros(8))
            assert np.isfinite(model.predict_on_batch(self.dense.samples[:8])).all()

    def wrong(self) -> str:
        """With what is refused."""
        for known, x in ((self.dense, np.zeros((2, 15), "f")), (self.text, np.full((2, 3), 99))):
            try:
                known.model.predict_on_batch(x)
            except (ValueError, IndexError):
                continue
            raise AssertionError(f"{x.shape} was taken")
        return "refused"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        work(Predicting(Path(place)).tasks())
