"""Models that stock Keras 3 quantized to int8: read as numbers, and trained on for integers."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest

from kcompile import keras
from kcompile.keras.quantization import prepare
from kcompile.keras.saving.versions.keras3_integers import in_numbers

pytestmark = pytest.mark.skipif(find_spec("keras") is None, reason="stock Keras 3 makes the files")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("keras3")
    script = Path(__file__).parent / "quantized_keras3.py"
    subprocess.run([sys.executable, str(script), str(made)], check=True, capture_output=True, timeout=300)
    return made


@pytest.mark.parametrize("name", ["attention", "dense", "einsum", "words"])
def test_an_int8_model_is_read_and_trains_on_for_integers(name, folder, tmp_path):
    data = np.load(folder / f"{name}.npz")
    x, y = data["x"], data["y"]
    model = keras.models.load_model(folder / f"{name}.keras")
    largest = np.abs(y).max()
    np.testing.assert_allclose(model.predict(x), y, atol=0.05 * largest)  # Keras rounds what it multiplies
    prepared = prepare(model, x)
    prepared.compile("sgd", "mse")
    prepared.fit(x, y, verbose=0)
    prepared.export(tmp_path / "model.onnx")
    types = {t.data_type for t in onnx.load(tmp_path / "model.onnx").graph.initializer if len(t.dims) > 1}
    assert onnx.TensorProto.INT8 in types


def test_live_int8_models_train_on_from_their_integers(tmp_path):
    command = [sys.executable, "-m", "tests.keras.saving.versions.live_int8_keras3", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == [
        f"{name} trains on" for name in ("dense", "einsum", "words", "attention")
    ]


def test_a_scale_that_does_not_fit_is_refused():
    stored = [("0", np.ones((3, 4), np.int8)), ("1", np.ones(5, np.float32))]
    with pytest.raises(ValueError, match="does not fit"):
        in_numbers(stored, "file")


def test_other_variables_stay_as_they_are():
    stored = [("0", np.ones((3, 4), np.float32)), ("1", np.ones(4, np.float32))]
    assert in_numbers(stored, "file") == stored
