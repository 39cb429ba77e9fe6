"""Files of Keras 1, 2.0 and 2.2, built to their documented layouts (see tests/golden/formats/README.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kcompile.keras.models import load_model, model_from_json

FOLDER = Path(__file__).parents[2] / "golden" / "formats" / "old"
FILES = sorted(path.stem for path in FOLDER.glob("*.h5"))


@pytest.mark.parametrize("name", FILES)
def test_old_file_predicts_as_in_keras_2_3(name):
    with np.load(FOLDER / f"{name}.npz") as data:
        np.testing.assert_allclose(
            load_model(FOLDER / f"{name}.h5").predict(data["x"]), data["y"], rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_old_file_is_saved_as_one_of_today(name, ending, tmp_path):
    model = load_model(FOLDER / f"{name}.h5")
    if ending == "keras" and name in ("keras1_lstm", "keras1_gru"):
        with pytest.raises(ValueError, match="hard_sigmoid"):
            model.save(tmp_path / "m.keras")
        return
    model.save(tmp_path / f"m.{ending}")
    twin = load_model(tmp_path / f"m.{ending}")
    with np.load(FOLDER / f"{name}.npz") as data:
        assert np.array_equal(twin.predict(data["x"]), model.predict(data["x"]))


def test_all_versions_are_there():
    assert len(FILES) == 7


def test_json_of_keras_1_is_read_as_well():
    text = (
        '{"class_name": "Sequential", "keras_version": "1.2.2", "config": [{"class_name": "Dense", "config": '
        '{"name": "d", "output_dim": 3, "init": "uniform", "batch_input_shape": [null, 4], "bias": false}}]}'
    )
    layer = model_from_json(text).layers[0]
    assert layer.units == 3 and not layer.use_bias
