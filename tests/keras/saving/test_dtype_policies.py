"""Layers of several types: files of tf_keras 2.21 and Keras 3.15 are read in the widest type that they
have."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kcompile import formats
from kcompile.keras.layers import Dense
from kcompile.keras.models import Sequential, load_model, model_from_config, model_from_json

FOLDER = Path(__file__).parents[2] / "golden" / "formats" / "policies"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".h5", ".keras"))
#: How far half precision is from what is computed here.
TOLERANCE = {"mixed_float16": 2e-3, "float16": 2e-3, "bfloat16": 2e-2, "float64": 1e-6}


@pytest.mark.parametrize("name", FILES)
def test_model_of_several_types_predicts_as_there(name):
    policy = name.split(".")[0].split("_", 2 if name.startswith("tf") else 1)[-1]
    model = load_model(FOLDER / name)
    wide = "float64" if policy == "float64" else "float32"
    assert {layer.dtype for layer in model.layers} == {wide}
    assert {str(array.dtype) for array in model.get_weights()} == {wide}
    with np.load(FOLDER / f"{Path(name).stem}.npz") as data:
        np.testing.assert_allclose(model.predict(data["x"]), data["y"], atol=TOLERANCE[policy])


def test_bfloat16_values_are_exact():
    with formats.read(FOLDER / "keras_bfloat16.keras", lazy=True) as archive:
        kernel = np.asarray(archive.objects["layers/dense"].weights[0][1])
    assert kernel.dtype == np.float32 and kernel.any()
    assert not (kernel.view(np.uint32) & 0xFFFF).any()


def one_dense(dtype):
    config = json.loads(Sequential([Dense(2, input_shape=(3,), name="d")]).to_json())
    config["config"]["layers"][0]["config"]["dtype"] = dtype
    return config


@pytest.mark.parametrize(
    ("dtype", "read_as"),
    [
        ("float16", "float16"),  # the one type of the model
        ("float64", "float64"),
        ({"class_name": "Policy", "config": {"name": "float32"}}, "float32"),
        ({"class_name": "Policy", "config": {"name": "mixed_float16", "loss_scale": None}}, "float32"),
        ({"class_name": "DTypePolicyMap", "config": {"default_policy": "mixed_bfloat16"}}, "float32"),
        ("mixed_bfloat16", "float32"),
        ("bfloat16", "float32"),
    ],
)
def test_policy_alone(dtype, read_as):
    model = model_from_json(json.dumps(one_dense(dtype)))
    assert model.layers[0].dtype == read_as and str(model.get_weights()[0].dtype) == read_as


def test_int8_weights_are_read_in_the_type_that_they_stand_for():
    dtype = {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8", "source_name": "float32"}}
    assert model_from_config(one_dense(dtype)).layers[0].dtype == "float32"


def test_weights_that_were_quantized_otherwise_are_refused_by_name():
    dtype = {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int4", "source_name": "float32"}}
    with pytest.raises(ValueError, match=r"'QuantizedDTypePolicy' \(int4\), which is not read"):
        model_from_config(one_dense(dtype))
