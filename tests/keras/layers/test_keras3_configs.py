"""Layers are made from the configs that tf_keras and Keras 3 write, with the arguments that these say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kcompile.keras import layers
from tests.keras.layers.make_keras3_configs import LAYERS

CONFIGS = [
    pytest.param(config, id=f"{version}-{config['class_name']}")
    for version, configs in json.loads(
        Path(__file__).with_name("keras3_configs.json").read_text(encoding="utf-8")
    ).items()
    for config in configs
]


def as_lists(value):
    return [as_lists(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("config", CONFIGS)
def test_configs_of_later_versions_are_understood(config):
    layer = layers.deserialize(config)
    assert type(layer).__name__ == config["class_name"]
    assert layer.name == config["config"]["name"] and layer.dtype == "float32"
    ours = layer.get_config()
    for argument in LAYERS[config["class_name"]]:
        assert as_lists(ours[argument]) == as_lists(config["config"][argument])


def test_every_layer_was_written_by_one_of_them():
    assert {parameter.values[0]["class_name"] for parameter in CONFIGS} == set(LAYERS)
