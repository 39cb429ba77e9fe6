"""A file that names several unknown classes and functions is refused with all of them in one message."""

from __future__ import annotations

import json

import pytest

from kcompile.keras.layers import GRU, Bidirectional, Dense, Input, TimeDistributed
from kcompile.keras.models import Model, Sequential, load_model, model_from_config


class Mine(Dense):
    pass


class Yours(Dense):
    pass


def steep(x):
    return x * 9.0


def model():
    x = Input((3, 4))
    y = TimeDistributed(Mine(2, name="inner"), name="each")(x)
    y = Yours(2, activation=steep, name="one")(Yours(2, name="two")(y))
    return Model(x, Sequential([Bidirectional(GRU(2), input_shape=(3, 2)), Mine(1, name="last")])(y))


@pytest.mark.parametrize("ending", ["h5", "keras", "json"])
def test_all_unknown_names_are_in_the_message(ending, tmp_path):
    path = tmp_path / f"m.{ending}"
    if ending == "json":
        path.write_text(model().to_json())
    else:
        model().save(path)
    with pytest.raises(ValueError) as error:
        load_model(path)
    message = str(error.value)
    assert "names 3 classes and functions that are not known here" in message
    assert "layer 'Mine' (layers 'inner', 'last')" in message and "layer 'Yours'" in message
    assert "activation 'steep' (layer 'one')" in message
    for name in ("Mine", "Yours", "steep"):
        assert f"'{name}': ..." in message
    own = {"Mine": Mine, "Yours": Yours, "steep": steep}
    assert type(load_model(path, custom_objects=own).get_layer("one")) is Yours


def test_one_unknown_name_is_told_with_names_near_it():
    config = json.loads(Sequential([Dense(2, input_shape=(3,))]).to_json())
    config["config"]["layers"][0]["class_name"] = "Dens"
    with pytest.raises(ValueError, match="Unknown layer: 'Dens'. Did you mean 'Dense'"):
        model_from_config(config)


def test_unknown_initializers_and_functions_are_told_too():
    config = json.loads(Sequential([Dense(2, input_shape=(3,), name="d")]).to_json())
    layers = config["config"]["layers"]
    layers[0]["config"]["kernel_initializer"] = {"class_name": "Cold", "config": {}}
    layers[0]["config"]["bias_constraint"] = {"module": "my", "class_name": "B", "registered_name": "p>Bound"}
    layers[0]["config"]["bias_constraint"]["config"] = {}
    layers.append({"module": "keras.src.ops.fft", "class_name": "Wavelet", "config": {"name": "w"}})
    layers.append({"class_name": "TFOpLambda", "config": {"name": "t", "function": "io.read_file"}})
    with pytest.raises(ValueError) as error:
        model_from_config(config)
    message = str(error.value)
    assert "initializer 'Cold' (layer 'd'); constraint 'Bound' (layer 'd')" in message
    assert "function 'keras.ops Wavelet' (layer 'w'); function 'tf.io.read_file' (layer 't')" in message
    assert message.endswith("custom_objects={'Cold': ..., 'Bound': ...}.")
