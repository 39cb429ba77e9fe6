"""Whole models of later layers, written by Keras 3.15 and tf_keras 2.21, give their writers' predictions."""

from __future__ import annotations

import os

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import activations, layers, rules
from kcompile.keras.saving.versions.writer import writer_of
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


@pytest.mark.parametrize(
    "metadata, program",
    [
        ({"keras_version": "2.3.1"}, "keras_2"),
        ({"keras_version": "2.2.4"}, "keras_2"),
        ({"keras_version": "2.2.4-tf"}, "tf_keras"),
        ({"keras_version": "2.4.0"}, "tf_keras"),
        ({"keras_version": "2.21.0", "backend": "tensorflow"}, "tf_keras"),
        ({"keras_version": "3.15.0"}, "keras_3"),
        ({"keras_version": "1"}, "keras_1"),
        ({"keras_version": "0.3.2"}, "keras_1"),
        ({"keras_version": "1.2.2", "backend": "theano"}, "keras_1"),
        ({"keras_version": "x.y"}, "keras_2"),
        ({"keras_version": 3.0}, "keras_2"),
        ({}, "keras_2"),
        ({"module": "keras.layers"}, "keras_3"),
        ({"module": "keras", "keras_version": "2.15.0"}, "tf_keras"),
    ],
)
def test_writer_is_found_by_what_a_file_says(metadata, program):
    writer = writer_of(metadata)
    assert (writer.program, writer.backend) == (program, metadata.get("backend"))
    assert writer.rules.name == (program if program in ("tf_keras", "keras_3") else "keras_2")


@pytest.mark.parametrize("version, half", [("2.3.1", False), ("2.4.0", True), ("3.0.5", True), (None, False)])
def test_bilinear_upsampling_samples_as_the_version_that_wrote_the_file(version, half):
    with rules.following(writer_of({"keras_version": version}).rules):
        layer = layers.UpSampling2D.from_config({"size": [2, 2], "interpolation": "bilinear"})
    assert layer.half_pixel_centers is half
    assert layers.UpSampling2D.from_config(layer.get_config()).half_pixel_centers is half


def test_hard_sigmoid_is_that_of_the_version_that_wrote_the_file():
    with rules.following(rules.TF_KERAS):
        assert activations.get("hard_sigmoid") is activations.hard_sigmoid
    with rules.following(rules.KERAS_3):
        assert activations.get("hard_sigmoid") is activations.hard_sigmoid_3


def test_keras_3_files_refuse_upsampling_that_it_samples_elsewhere(tmp_path):
    x = layers.Input((2, 2, 1))
    model = keras.models.Model(x, layers.UpSampling2D(interpolation="bilinear")(x))
    with pytest.raises(ValueError, match="half_pixel_centers=True"):
        model.save(str(tmp_path / "model.keras"))
