"""Arguments that an architecture lacks are refused; those that keras-applications passed are taken."""

from __future__ import annotations

import importlib

import pytest

from kcompile import keras
from kcompile.keras.applications import ARCHITECTURES

from .architectures import image_shape


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_mistyped_argument_is_named_with_the_nearest(name):
    module = importlib.import_module(f"kcompile.keras.applications.{ARCHITECTURES[name]}")
    with pytest.raises(TypeError, match=rf"^{name}\(\) got .* 'clases'. Did you mean 'classes'\?"):
        getattr(module, name)(weights=None, clases=10)
    with pytest.raises(TypeError, match=r"^preprocess_input\(\) got .* 'data_fromat'. .*'data_format'"):
        module.preprocess_input(0, data_fromat="channels_last")


def test_modules_that_keras_applications_took_are_accepted():
    model = keras.applications.MobileNet(
        weights=None,
        input_shape=image_shape("MobileNet"),
        classes=3,
        backend=keras.backend,
        layers=keras.layers,
        models=keras.models,
        utils=keras.utils,
    )
    assert model.output_shape == (None, 3)
