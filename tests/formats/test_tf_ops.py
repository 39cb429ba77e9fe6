"""Arithmetic between layers as tf.keras 2 writes it; ``tfkeras_ops.h5`` was written by tf_keras 2.21."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

from kcompile import formats
from kcompile.keras.models import load_model, model_from_config

FOLDER = Path(__file__).parent.parent / "golden" / "formats"


def test_file_with_every_kind_of_operator_predicts_as_there():
    model, data = load_model(FOLDER / "tfkeras_ops.h5"), np.load(FOLDER / "tfkeras_ops.npz")
    a, b = model.predict(data["x"])
    np.testing.assert_allclose(a, data["a"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(b, data["b"], rtol=1e-5, atol=1e-6)


def test_model_comes_back_from_its_own_file(tmp_path):
    model, x = load_model(FOLDER / "tfkeras_ops.h5"), np.load(FOLDER / "tfkeras_ops.npz")["x"]
    model.save(tmp_path / "m.h5")
    for ours, theirs in zip(load_model(tmp_path / "m.h5").predict(x), model.predict(x), strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("raw_ops.ReadFile", r"'tf.nn.relu' of the file is tf.raw_ops.ReadFile, which is not read"),
        ("nn.relu7", "near: nn.relu"),
        ("__class__", "tf.__class__, which is not read"),
    ],
)
def test_unknown_function_is_refused_by_name(function, message):
    config = copy.deepcopy(formats.read(FOLDER / "tfkeras_ops.h5").config)
    layer = next(entry for entry in config["config"]["layers"] if entry["name"] == "tf.nn.relu")
    layer["config"]["function"] = function
    with pytest.raises(ValueError, match=message):
        model_from_config(config)
