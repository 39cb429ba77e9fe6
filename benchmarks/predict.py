"""Prediction next to a bare onnxruntime session of the same exported graph."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import onnxruntime

from kcompile_runtime import Executor

from .measuring import Row, compare
from .networks import NAMES, TITLES, data, keras_model

ONE_SAMPLE_TARGET = 1.5


def rows(rounds: int = 40) -> Iterator[Row]:
    """``Model.predict`` and ``Executor.predict`` for 1 and 256 samples of the three networks."""
    for name in NAMES:
        model = keras_model(name)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            model.export(path, verify=False)
            executor = Executor(path)
            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        feed_name = session.get_inputs()[0].name
        for samples in (1, 256):
            x, _ = data(name, samples)
            for title, ours in (("Model.predict", model.predict), ("Executor.predict", executor.predict)):
                pair = compare(
                    lambda ours=ours, x=x: ours(x), lambda x=x: session.run(None, {feed_name: x}), rounds
                )
                yield Row(
                    "predict, next to bare onnxruntime",
                    f"{TITLES[name]}: {title}, {samples} sample{'s' * (samples > 1)}",
                    1e3 * pair.ours,
                    "ms",
                    1e3 * pair.other,
                    pair.ratio,
                    ONE_SAMPLE_TARGET if samples == 1 else None,
                )
