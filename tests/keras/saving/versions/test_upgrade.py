"""After the one upgrade a configuration is as ``get_config`` writes it here, whoever wrote it."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from kcompile.keras import layers, rules
from kcompile.keras.models import Model, Sequential, load_model, model_from_config, model_from_json
from kcompile.keras.saving.versions.upgrade import upgrade
from kcompile.keras.saving.versions.writer import Writer

PROGRAMS = ("keras_1", "keras_2", "tf_keras", "keras_3")


def small():
    x = layers.Input((6, 4))
    y = layers.Bidirectional(layers.GRU(2, return_sequences=True))(x)
    return Model(x, layers.Dense(3, activation="hard_sigmoid")(y))


def entries(config):
    return {entry["name"]: entry for entry in config["config"]["layers"]}


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_written_here_stays_as_it_is(program):
    config = json.loads(json.dumps({"class_name": "Model", "config": small().get_config()}))
    before = copy.deepcopy(config)
    found = upgrade(config, Writer(program), {})
    assert config == before
    said = {"rules": program} if program in ("tf_keras", "keras_3") else {}
    if program == "tf_keras":  # which sets it and does not say so
        name = next(name for name in entries(config) if name.startswith("bidirectional"))
        entries(before)[name]["config"]["layer"]["config"]["zero_output_for_mask"] = True
    assert found == {**before, **said}


@pytest.mark.parametrize("program", PROGRAMS)
def test_upgrading_twice_changes_no_more(program):
    config = json.loads(json.dumps({"class_name": "Model", "config": small().get_config()}))
    once = upgrade(config, Writer(program), {})
    assert upgrade(once, Writer(program), {}) == once


POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}


def tensor(name):
    return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "keras_history": [name, 0, 0]}}


def of_keras_3(operation, **arguments):
    return {
        "module": "keras.src.ops.numpy", "class_name": operation, "name": "op", "registered_name": operation,
        "config": {"name": "op", **arguments}, "inbound_nodes": [{"args": [tensor("x")], "kwargs": {}}],
    }  # fmt: skip


DENSE = {"class_name": "Dense", "config": {"name": "d", "units": 2, "dtype": POLICY}}
OPERATOR = {
    "class_name": "TensorFlowOpLayer", "name": "op", "inbound_nodes": [[["x", 0, 0, {}]]],
    "config": {"name": "op", "node_def": {"name": "Relu", "op": "Relu", "input": ["x"]}, "constants": {}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (DENSE, {"class_name": "Dense", "config": {"name": "d", "units": 2, "dtype": "mixed_float16"}}),
        (of_keras_3("Sum", axis=1), {"operation": "Sum", "arguments": {"x": {"tensor": 0}, "axis": 1}}),
        (OPERATOR, {"operation": "Relu", "arguments": {"x": {"tensor": 0}}}),
    ],
    ids=["type policy", "operation of Keras 3", "operator of TensorFlow"],
)
@pytest.mark.parametrize("program", ["keras_2", "tf_keras", "keras_3"])
def test_words_of_other_programs_become_those_of_here(program, entry, expected):
    """They say themselves what they are: files written here have some of them, too."""
    config = {"class_name": "Wrapper", "config": {"name": "outer", "deep": [{"entry": entry}]}}
    found = upgrade(config, Writer(program), {"Wrapper": layers.Layer})["config"]["deep"][0]["entry"]
    if "operation" in expected:
        expected = {"class_name": "Operation", "name": "op", "config": {"name": "op", **expected}}
        found = {key: found[key] for key in expected}
    assert found == expected


@pytest.mark.parametrize(
    ("args", "kwargs", "inputs", "arguments"),
    [
        ([tensor("x")], {}, ["x", 0, 0], {}),
        ([[tensor("x"), tensor("y")]], {"training": None}, [["x", 0, 0], ["y", 0, 0]], {}),
        ([[tensor("x")]], {"training": False}, [["x", 0, 0]], {"training": False}),
        ([{"a": tensor("x")}], {}, {"a": ["x", 0, 0]}, {}),
        ([tensor("x"), tensor("y")], {}, [["x", 0, 0], ["y", 0, 0]], {}),
        ([tensor("x")], {"states": [tensor("y")]}, ["x", 0, 0], {"states": [["y", 0, 0]]}),
    ],
    ids=["tensor", "list", "list of one", "dict", "arguments", "keywords"],
)
def test_calls_in_the_words_of_keras_3_name_places(args, kwargs, inputs, arguments):
    layer = {**DENSE, "name": "d", "inbound_nodes": [{"args": args, "kwargs": kwargs}]}
    network = {"layers": [layer], "input_layers": [["x", 0, 0]], "output_layers": [["d", 0, 0]]}
    found = upgrade({"class_name": "Functional", "config": network}, Writer("keras_3"), {})["config"]
    assert found["layers"][0]["inbound_nodes"] == [{"inputs": inputs, "arguments": arguments}]
    assert found["counts_calls_alone"]


def test_a_call_on_what_is_no_tensor_is_refused():
    layer = {**DENSE, "name": "d", "inbound_nodes": [{"args": [tensor("x"), 3], "kwargs": {}}]}
    network = {"layers": [layer], "input_layers": [["x", 0, 0]], "output_layers": [["d", 0, 0]]}
    with pytest.raises(ValueError, match="called on one argument besides keywords"):
        upgrade({"class_name": "Functional", "config": network}, Writer("keras_3"), {})


def test_a_class_of_the_users_is_left_as_it_is():
    entry = of_keras_3("Sum", axis=1)
    config = {"class_name": "Wrapper", "config": {"name": "outer", "entry": entry}}
    assert upgrade(config, Writer("keras_3"), {"Wrapper": layers.Layer, "Sum": layers.Layer})["config"] == {
        "name": "outer", "entry": entry,
    }  # fmt: skip


@pytest.mark.parametrize("version", ["2.15.0", "3.15.0"])
def test_a_configuration_by_itself_follows_its_writer_too(version):
    config = json.loads(small().to_json()) | {"keras_version": version}
    for model in (model_from_config(config), model_from_json(json.dumps(config))):
        assert rules.of_layer(model.layers[-1]) is (rules.KERAS_3 if version > "3" else rules.TF_KERAS)
        assert model.layers[-1].activation.__name__ == ("hard_sigmoid_3" if version > "3" else "hard_sigmoid")


class Enlarging(layers.Layer):
    """A user's layer, which says nothing of what it makes."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.up = layers.UpSampling2D(interpolation="bilinear")

    def call(self, x):
        return layers.Activation("hard_sigmoid")(self.up(x))


@pytest.mark.parametrize("ending", ["h5", "json"])
def test_what_a_users_layer_makes_follows_the_writer_and_keeps_to_it(ending, tmp_path):
    model = Sequential([Enlarging(input_shape=(2, 2, 1))])
    x = np.arange(4, dtype="float32").reshape(1, 2, 2, 1)
    own = {"Enlarging": Enlarging}
    loaded = model_from_json(model.to_json().replace("2.3.1", "3.15.0"), custom_objects=own)
    assert not np.allclose(loaded.predict(x), model.predict(x))
    if ending == "json":
        again = model_from_json(loaded.to_json(), custom_objects=own)
    else:
        loaded.save(tmp_path / "m.h5")
        again = load_model(tmp_path / "m.h5", custom_objects=own)
    np.testing.assert_array_equal(again.predict(x), loaded.predict(x))


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.BatchNormalization(),
        lambda: layers.Dense(3, activity_regularizer="l2"),
        lambda: layers.TimeDistributed(layers.BatchNormalization()),
        lambda: layers.TimeDistributed(layers.TimeDistributed(layers.BatchNormalization())),
        lambda: layers.TimeDistributed(layers.Dense(3, activity_regularizer="l2")),
        lambda: layers.SpectralNormalization(layers.Dense(3, activity_regularizer="l2")),
    ],
)
@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_what_trains_by_keras_2_goes_on_by_it_from_our_own_files_also_when_wrapped(make, ending, tmp_path):
    model = Sequential([layers.InputLayer((4, 5, 3)), make()])
    model.compile("sgd", "mse")
    model.save(str(tmp_path / f"model.{ending}"))
    layer = load_model(str(tmp_path / f"model.{ending}")).layers[-1]
    while layer is not None:
        assert rules.of_layer(layer) is rules.KERAS_2
        layer = getattr(layer, "layer", None)
