"""What the tests of the IR share: running a graph, by onnxruntime and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from kcompile.ir import Graph, Value


@pytest.fixture
def run():
    """run(outputs, {input: array}): the outputs' arrays, computed by onnxruntime."""

    def compute(outputs: Sequence[Value], feeds: dict[Value, np.ndarray] | None = None) -> list[np.ndarray]:
        from kcompile.onnx_io import build_session_model
        from kcompile_runtime import Executor

        feeds = feeds or {}
        graph = Graph(list(outputs), list(feeds))
        names = [f"in{i}" for i in range(len(feeds))]
        made = build_session_model(graph, weights="external", input_names=names)
        return Executor.from_model(made.model, made.initializers).run(list(feeds.values()))

    return compute
