"""Single operators are run in other types: what would be gained is measured, never asserted."""

from __future__ import annotations

import onnx
import pytest

from kcompile.keras import layers
from kcompile.keras.models import Sequential
from kcompile.optimize import trials as module
from kcompile.optimize.inputs import drawn_inputs
from kcompile.optimize.profile_report import _of
from kcompile.optimize.profiling import profile_nodes
from kcompile.optimize.trials import Trial, try_types
from tests.optimize import measured


def tried(model, folder, names):
    path = measured.exported(model, folder)
    return list(try_types(onnx.load(path), profile_nodes(path, drawn_inputs(path, 2)), names, 1))


@pytest.mark.needs_onnxruntime(1, 27)
def test_the_heaviest_operator_of_each_layer_is_measured_in_every_type(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SECONDS", 0.02)
    found = tried(measured.cnn(), tmp_path, ["conv1", "fc", "pool", "nowhere", "classes"])
    assert [(trial.layer, trial.title) for trial in found] == [
        ("conv1", "Conv 7x7"),
        ("fc", "MatMul 64x256"),
        ("classes", "MatMul 256x10"),
    ]
    for trial in found:
        assert trial.float32 > 0 and trial.float16 > 0
        assert 0 < trial.int8 <= trial.int8_alone


@pytest.mark.needs_onnxruntime(1, 27)
def test_a_one_dimensional_convolution_is_tried_too(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SECONDS", 0.02)
    model = Sequential([layers.Conv1D(8, 5, input_shape=(40, 4), name="conv")], name="line")
    (trial,) = tried(model, tmp_path, ["conv"])
    assert trial.title.startswith("Conv ") and trial.int8 > 0


def test_a_recurrent_layer_is_tried_with_ranges_taken_while_it_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SECONDS", 0.02)
    (trial,) = tried(measured.text(), tmp_path, ["lstm"])
    assert trial.title == "LSTM 32" and trial.int8 > 0


def test_layers_without_products_of_weights_are_passed_over(tmp_path):
    assert tried(measured.text(), tmp_path, ["embedding"]) == []


@pytest.mark.parametrize(
    ("trial", "text"),
    [
        (
            Trial("a", "Conv", 2.1, 1.0, 1.4, 3.0),
            "int8 would be 2.1 times as fast here, 1.5 with conversions around it",
        ),
        (Trial("a", "Conv", 1.0, 1.0, 1.4, None), "int8 would gain nothing here (1.00 times as fast)"),
        (Trial("a", "Conv", 1.0, None, None, None), "int8 does not run"),
        (Trial("a", "Conv", 2.0, None, None, 1.0), "int8 does not run; float16 2.0 times"),
    ],
)
def test_advice_says_what_was_measured(trial, text):
    assert _of(trial) == text
