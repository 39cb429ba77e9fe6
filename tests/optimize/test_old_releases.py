"""Tools that an older onnxruntime lacks are named, before anything is computed."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.onnx_io import build_model
from kcompile.optimize import OptimizeError, quantize
from kcompile_runtime.session import load_onnxruntime
from tests.onnx_io import networks


@pytest.mark.parametrize("method", ["static", "weights8", "weights4"])
def test_old_releases_are_refused_by_name(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = networks.cnn()
    (value,) = graph.inputs
    samples = np.zeros((8, *value.dims[1:]), np.float32)
    model = build_model(graph)
    monkeypatch.setattr(load_onnxruntime(), "__version__", "1.26.0")
    with pytest.raises(OptimizeError, match=r"needs onnxruntime 1\.27 or newer, installed is 1\.26\.0"):
        quantize(model, method, calibrate=samples)  # type: ignore[arg-type]
