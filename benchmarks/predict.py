"""Prediction next to a bare onnxruntime session of the same exported graph."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime

from kcompile_runtime import Executor

from .measuring import Row, compare
from .networks import NAMES, TITLES, data, keras_model

ONE_SAMPLE_TARGET = 1.5


def rows(rounds: int = 40) -> Iterator[Row]:
    """``Model.predict`` and ``Executor.predict`` for 1 and 256 samples of the three networks."""
    for name in NAMES:
        model = keras_model(name)
        executor, session = _exported(model)
        for samples in (1, 256):
            x, _ = data(name, samples)
            feed = {session.get_inputs()[0].name: x}
            bare = partial(session.run, None, feed)
            for title, ours in (("Model.predict", model.predict), ("Executor.predict", executor.predict)):
                pair = compare(partial(ours, x), bare, rounds, most_seconds=5)
                yield Row(
                    "predict, next to bare onnxruntime",
                    f"{TITLES[name]}: {title}, {samples} sample{'s' * (samples > 1)}",
                    1e3 * pair.ours,
                    "ms",
                    1e3 * pair.other,
                    pair.ratio,
                    ONE_SAMPLE_TARGET if samples == 1 else None,
                )


def _exported(model: Any) -> tuple[Executor, onnxruntime.InferenceSession]:
    """The exported file, in our runtime and in a session as onnxruntime makes it by default."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.export(path, verify=False)
        return Executor(path), onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
