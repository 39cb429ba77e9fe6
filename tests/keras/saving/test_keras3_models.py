"""Whole models of later layers, written by Keras 3.15 and tf_keras 2.21, give their writers' predictions."""

from __future__ import annotations

import os

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import layers
from tests.golden.keras3 import make_models

FILES = make_models.FILES


def loaded(program, name):
    ending = "keras" if program == "keras" else "h5"
    return keras.models.load_model(os.path.join(make_models.FOLDER, f"{name}.{ending}"))


def predicted(model, name):
    feeds = make_models.inputs(name)
    return model.predict(feeds if len(feeds) > 1 else feeds[0])


@pytest.mark.parametrize("program, name", FILES)
def test_file_predicts_as_its_writer(program, name):
    with np.load(os.path.join(make_models.FOLDER, f"models_{program}.npz")) as answers:
        np.testing.assert_allclose(predicted(loaded(program, name), name), answers[name], atol=1e-5)


@pytest.mark.parametrize("program, name", FILES)
@pytest.mark.parametrize("ending", ["h5", "keras", "onnx"])
def test_model_is_the_same_after_saving(program, name, ending, tmp_path):
    model = loaded(program, name)
    if program == "tf_keras" and name == "transformer" and ending == "keras":
        pytest.skip("its hard_sigmoid is not Keras 3's, which saving refuses")
    path = str(tmp_path / f"model.{ending}")
    model.save(path)
    again = predicted(keras.models.load_model(path), name)
    np.testing.assert_allclose(again, predicted(model, name), atol=1e-5)


@pytest.mark.parametrize("program, name", FILES)
def test_model_trains(program, name):
    model = loaded(program, name)
    model.compile("adam", "mse")
    feeds, target = make_models.inputs(name), np.zeros_like(predicted(model, name))
    losses = [model.train_on_batch(feeds if len(feeds) > 1 else feeds[0], target) for _ in range(12)]
    assert losses[-1] < losses[0]


def test_keras_3_files_refuse_upsampling_that_it_samples_elsewhere(tmp_path):
    x = layers.Input((2, 2, 1))
    model = keras.models.Model(x, layers.UpSampling2D(interpolation="bilinear")(x))
    with pytest.raises(ValueError, match="half_pixel_centers=True"):
        model.save(str(tmp_path / "model.keras"))
