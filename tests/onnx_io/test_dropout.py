"""Layers called with training=True drop at inference, too, in onnxruntime as elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import Model
from kcompile.keras import layers as L
from kcompile_runtime import Executor

DROPPING = {
    "dropout before a layer": lambda x: L.Flatten()(L.Dropout(0.9)(x, training=True)),
    "dropout of steps": lambda x: L.TimeDistributed(L.Dropout(0.9))(x, training=True),
    "dropout with a noise shape": lambda x: L.Flatten()(L.Dropout(0.9, (None, 1, 8))(x, training=True)),
    "recurrent": lambda x: L.LSTM(20, dropout=0.9, recurrent_dropout=0.9)(x, training=True),
    "both ways": lambda x: L.Bidirectional(L.GRU(20, dropout=0.9, recurrent_dropout=0.5))(x, training=True),
    "noise": lambda x: L.Flatten()(L.GaussianNoise(1.0)(x, training=True)),
}


@pytest.mark.parametrize("name", DROPPING)
def test_training_true_holds_in_prediction_and_in_files(name, tmp_path):
    image = L.Input((9, 8))
    model = Model(image, DROPPING[name](image))
    x = np.ones((40, 9, 8), "float32")
    model.export(tmp_path / "model.onnx", verify=False)
    for run in (model.predict, Executor(tmp_path / "model.onnx").predict):
        first, second = np.asarray(run(x)), np.asarray(run(x))
        assert np.ptp(first, axis=0).min() > 0 or "dropout" in name
        assert not np.array_equal(first, second)
        if "recurrent" not in name and "both" not in name and name != "noise":
            assert 0.85 < (first == 0).mean() < 0.95


def test_dropout_has_no_part_in_a_file_otherwise(tmp_path):
    image = L.Input((9, 8))
    model = Model(image, L.Flatten()(L.Dropout(0.9)(image)))
    np.testing.assert_array_equal(model.predict(np.ones((4, 9, 8))), np.ones((4, 72)))
