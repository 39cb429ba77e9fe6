"""Arguments that an architecture lacks are refused; those that keras-applications passed are taken."""

from __future__ import annotations

import importlib
import inspect
import pickle

import pytest

from kcompile import keras
from kcompile.keras.applications import ARCHITECTURES
from kcompile.keras.applications._building import Application

from .architectures import image_shape


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_mistyped_argument_is_named_with_the_nearest(name):
    module = importlib.import_module(f"kcompile.keras.applications.{ARCHITECTURES[name]}")
    with pytest.raises(TypeError, match=rf"^{name}\(\) got .* 'clases'. Did you mean 'classes'\?"):
        getattr(module, name)(weights=None, clases=10)
    with pytest.raises(TypeError, match=r"^preprocess_input\(\) got .* 'data_fromat'. .*'data_format'"):
        module.preprocess_input(0, data_fromat="channels_last")


@pytest.mark.parametrize("name", [*ARCHITECTURES, "resnet.ResNet50", "nasnet.NASNet", "densenet.DenseNet"])
def test_a_function_shows_where_it_is_what_it_takes_and_what_that_means(name):
    module, _, name = name.rpartition(".")
    module = importlib.import_module(f"kcompile.keras.applications.{module or ARCHITECTURES[name]}")
    for function in (getattr(module, name), module.preprocess_input):
        assert inspect.isfunction(function)
        assert pickle.loads(pickle.dumps(function)) is function
    function = getattr(module, name)
    parameters = inspect.signature(function).parameters
    assert {"include_top", "weights", "input_tensor", "input_shape", "pooling", "classes"} < set(parameters)
    explained = inspect.getdoc(function)
    general = set(inspect.signature(Application).parameters)
    if "arguments are those of ``Application``" in explained:
        parameters = set(parameters) - general
    assert not [n for n in parameters if f"    {n}: " not in explained and n != "kwargs"]


@pytest.mark.parametrize(
    "arguments, keywords, message",
    [
        ((True,) * 9, {}, r"ResNet101\(\): too many positional arguments"),
        ((True,), {"include_top": True}, r"ResNet101\(\): multiple values for argument 'include_top'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_in_the_name_of_the_function(arguments, keywords, message):
    with pytest.raises(TypeError, match=message):
        keras.applications.ResNet101(*arguments, **keywords)


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


def test_published_weights_of_another_size_than_there_are_name_those_that_there_are():
    with pytest.raises(ValueError, match=r"resnet-rs-50 should be None, 'imagenet', 'imagenet-i160', or the"):
        keras.applications.ResNetRS50(weights="imagenet-i224")


def test_a_regnet_is_named_by_its_first_argument_and_gives_logits():
    model = keras.applications.RegNetX002("mine", weights=None, input_shape=(32, 32, 3), classes=3)
    assert model.name == "mine" and model.layers[1].name == "mine_prestem_rescaling"
    assert model.layers[-1].get_config()["activation"] == "linear"
