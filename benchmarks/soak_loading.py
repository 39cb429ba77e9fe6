"""Files of every format loaded, saved, and damaged, over and over."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import numpy as np

from kcompile import keras
from kcompile.keras import layers as L
from kcompile_runtime import Executor
from tests.formats import fuzz

from .soak_working import Task, work

ENDINGS = ("h5", "keras", "onnx", "json", "yaml")
WEIGHTS = ("weights.h5", "h5", "safetensors", "pt")
DAMAGED = 10
"""Damaged files for each sound one."""


class Loading:
    """Tasks on files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = fuzz.seeds()
        self.number = 0
        for shard in fuzz.SHARDS:  # which an index names
            (folder / shard.name).write_bytes(shard.read_bytes())

    def tasks(self) -> tuple[Task, ...]:
        """Damaged files more often than sound ones."""
        return (self.sound, *([self.damaged] * DAMAGED), self.saved, self.weights, self.session)

    def sound(self) -> None:
        """The next of the files that there are."""
        self.number += 1
        name, content = self.files[self.number % len(self.files)]
        path = self.folder / f"sound{fuzz._suffix(name)}"
        path.write_bytes(content)
        assert fuzz.try_file(path) == "loaded" or name == "npz.keras", name

    def damaged(self) -> str:
        """One of them, damaged: it loads, or is refused by an error of ours."""
        self.number += 1
        draw = random.Random(self.number)
        name, content = self.files[self.number % len(self.files)]
        path = self.folder / f"case{fuzz._suffix(name)}"
        path.write_bytes(fuzz.mutate(name, content, draw))
        return f"damaged: {fuzz.try_file(path)}"

    def saved(self) -> None:
        """A model of ours in each format, there and back."""
        model = keras.Sequential(
            [L.Conv1D(4, 3, activation="relu", input_shape=(8, 3)), L.Flatten(), L.Dense(2)]
        )
        model.compile("adam", "mse")
        x = np.ones((2, 8, 3), np.float32)
        model.train_on_batch(x, np.ones((2, 2)))
        expected = model.predict_on_batch(x)
        for ending in ENDINGS:
            path = self.folder / f"model.{ending}"
            if ending == "onnx":
                model.export(path, verify=False)
            else:
                model.save(path)
            loaded = keras.models.load_model(path)
            if ending in ("json", "yaml"):
                loaded.set_weights(model.get_weights())
            np.testing.assert_allclose(loaded.predict_on_batch(x), expected, rtol=1e-4, atol=1e-5)

    def weights(self) -> None:
        """Weights alone, there and back."""
        model = keras.Sequential([L.Dense(4, input_shape=(3,)), L.BatchNormalization(), L.Dense(2)])
        before = model.get_weights()
        for ending in WEIGHTS:
            path = self.folder / f"only.{ending}"
            model.save_weights(path)
            model.set_weights([np.zeros_like(w) for w in before])
            model.load_weights(path)
            for found, expected in zip(model.get_weights(), before, strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-6)

    def session(self) -> str:
        """A session for an .onnx file, and for one that is damaged."""
        self.number += 1
        draw = random.Random(self.number)
        files = [(name, content) for name, content in self.files if name.endswith(".onnx")]
        name, content = draw.choice(files)
        path = self.folder / "session.onnx"
        path.write_bytes(content)
        Executor(path, intra_op_threads=1)
        path.write_bytes(fuzz.mutate(name, content, draw))
        try:
            Executor(path, intra_op_threads=1)
        except ValueError:
            return "session: refused"
        return "session: opened"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        work(Loading(Path(place)).tasks(), keras.backend.clear_session)
