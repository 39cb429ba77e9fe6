"""Subclassed models that say their constructor's arguments, in ``.keras`` files."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from kcompile import keras, tf_keras
from kcompile.formats import FileFormatError
from tests.golden.files_of_tf_keras import make_subclassed as golden

FRONTS = {"keras": keras, "tf_keras": tf_keras}


def made(front, inputs=1):
    """Classes and a model of them, as the golden file has them."""
    classes = golden.classes_of(front)
    model = classes["Stacked"](units=3, depth=2)
    model.compile("adam", "mse")
    model.fit(golden.X, golden.Y, verbose=0)
    return classes, model


def test_a_file_of_tf_keras_is_read():
    classes = golden.classes_of(tf_keras)
    model = tf_keras.models.load_model(golden.PATH, custom_objects=classes)
    assert (model.units, model.depth) == (3, 2)
    np.testing.assert_allclose(model.predict(golden.X), np.load(golden.ANSWERS), rtol=1e-5)
    assert int(model.optimizer.iterations) == 1


@pytest.mark.parametrize("front", sorted(FRONTS))
def test_a_model_comes_back_with_weights_and_training(front, tmp_path):
    classes, model = made(FRONTS[front])
    path = str(tmp_path / "m.keras")
    model.save(path)
    loaded = FRONTS[front].models.load_model(path, custom_objects=classes)
    assert (loaded.units, loaded.depth) == (3, 2)
    for each in (model, loaded):
        each.fit(golden.X, golden.Y, verbose=0)
    np.testing.assert_array_equal(loaded.predict(golden.X), model.predict(golden.X))


def test_copies_are_built_as_the_model_was():
    _, model = made(keras)
    np.testing.assert_array_equal(copy.deepcopy(model).predict(golden.X), model.predict(golden.X))


def test_weights_alone_go_by_attributes(tmp_path):
    _, model = made(keras)
    model.save_weights(str(tmp_path / "m.weights.h5"))
    _, other = made(keras)
    other.load_weights(str(tmp_path / "m.weights.h5"))
    np.testing.assert_array_equal(other.predict(golden.X), model.predict(golden.X))
    wrong = golden.classes_of(keras)["Stacked"](units=3, depth=3)
    wrong.build((None, 2))
    with pytest.raises(ValueError, match="no group 'blocks/dense_2'"):
        wrong.load_weights(str(tmp_path / "m.weights.h5"))


def test_hdf5_and_classes_that_say_nothing_are_refused(tmp_path):
    classes, model = made(keras)
    with pytest.raises(
        NotImplementedError, match="subclassed model: an HDF5 file holds .* Save it to a .keras"
    ):
        model.save(str(tmp_path / "m.h5"))
    with pytest.raises(NotImplementedError, match=r"with get_config\(\) of its own"):
        keras.Model.get_config(golden.classes_of(keras)["Silent"]())
    path = str(tmp_path / "m.keras")
    model.save(path)
    with pytest.raises(ValueError, match="'Stacked'.*custom_objects"):
        keras.models.load_model(path)
    with pytest.raises(FileFormatError, match="does a class given in custom_objects not take its arguments"):
        keras.models.load_model(path, custom_objects={"Stacked": classes["Silent"]})


@pytest.mark.parametrize("front", sorted(FRONTS))
def test_get_config_may_begin_with_that_of_the_base_class(front):
    model = golden.classes_of(FRONTS[front])["Stacked"](units=4)
    assert model.get_config() == {"units": 4, "depth": 1}
    assert type(model).from_config(model.get_config()).units == 4
