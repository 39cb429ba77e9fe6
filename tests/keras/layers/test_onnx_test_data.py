"""The small models of PyTorch and others that the package onnx brings along, as Keras models.

onnxruntime judges: what it refuses, we need not run.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from kcompile.keras.models import load_model
from kcompile.onnx_io import read_graph

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
KINDS = ("pytorch-converted", "pytorch-operator", "simple")
MODELS = sorted(path.parent for kind in KINDS for path in (DATA / kind).glob("*/model.onnx"))


def tensors(folder: Path, kind: str) -> list[np.ndarray]:
    paths = sorted(folder.glob(f"test_data_set_0/{kind}_*.pb"), key=lambda path: int(path.stem.split("_")[1]))
    return [numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes())) for path in paths]


def judged(folder: Path) -> tuple[list[np.ndarray], list[np.ndarray]] | None:
    """Inputs and outputs, if onnxruntime takes the model."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    arrays = tensors(folder, "input")
    try:
        session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        names = [info.name for info in session.get_inputs()]
        return arrays, session.run(None, dict(zip(names, arrays, strict=True)))
    except Exception:
        return None


def test_most_of_them_are_judged() -> None:
    assert len(MODELS) > 100
    assert sum(judged(folder) is not None for folder in MODELS) > 90


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_a_small_model_predicts_as_onnxruntime_does(folder: Path) -> None:
    judgement = judged(folder)
    if judgement is None:
        pytest.skip("onnxruntime refuses it")
    arrays, expected = judgement
    model = load_model(folder / "model.onnx")
    found = model.predict(arrays[0] if len(arrays) == 1 else arrays)
    found = found if isinstance(found, list) else [found]
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        if b.dtype == object:
            assert np.array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("path", sorted((DATA / "light").glob("*.onnx")), ids=lambda path: path.stem)
def test_a_model_whose_weights_are_computed_is_read(path: Path) -> None:
    graph = read_graph(path)
    assert len(graph.nodes) > 20
    assert graph.outputs[0].shape is not None
