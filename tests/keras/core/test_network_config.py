"""Networks as configuration: as real Keras writes it, made anew from it, and what is no configuration."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras.layers import Dense, Input
from kcompile.keras.models import Model
from tests.keras.core import graphs

with open(graphs.FILE, encoding="utf-8") as stream:
    GOLDEN = json.load(stream)["graphs"]

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


#: Keras 2.3 forgets the shape of an input layer put first; written down, it lets the model be built again.
BUILD_INPUT_SHAPE = {"sequential_with_input": [None, 3]}


@pytest.fixture(autouse=True)
def fresh_names():
    K.clear_session()


def expected(name):
    answer = json.loads(json.dumps(GOLDEN[name]))
    if name in BUILD_INPUT_SHAPE:
        assert "build_input_shape" not in answer["config"]
        answer["config"]["build_input_shape"] = BUILD_INPUT_SHAPE[name]
    return answer


@pytest.mark.parametrize("name", graphs.GRAPHS)
def test_order_names_and_configuration_are_those_of_keras(name):
    assert graphs.describe_fresh(keras, name) == expected(name)


@pytest.mark.parametrize("name", graphs.GRAPHS)
def test_configuration_of_keras_makes_the_same_model(name):
    model = graphs.GRAPHS[name](keras)
    again = type(model).from_config(expected(name)["config"])
    again.set_weights(model.get_weights())
    described = graphs.describe(again)
    if name == "sequential_with_input":
        assert described.pop("input_names") == ["stack_input"]
    assert {key: expected(name)[key] for key in described} == described
    feeds = [np.resize(X, (4, *K.int_shape(x)[1:])) for x in model.inputs]
    feeds = feeds if len(feeds) > 1 else feeds[0]
    first, second = model.predict(feeds), again.predict(feeds)
    if name == "siamese_with_arguments":
        return  # dropout, also in prediction
    np.testing.assert_allclose(np.hstack(first), np.hstack(second), rtol=1e-6)


BAD_CONFIGS = {
    "unknown class": (lambda c: c["layers"][1].update(class_name="Dens"), "Unknown layer: 'Dens'.*Dense"),
    "two layers of a name": (lambda c: c["layers"].append(c["layers"][1]), "two layers named 'dense'"),
    "a layer that is not there": (
        lambda c: c["layers"][1]["inbound_nodes"][0][0].__setitem__(0, "nobody"),
        "called on 'nobody', which is not in the configuration",
    ),
    "a call that never happens": (
        lambda c: c["layers"][1]["inbound_nodes"][0][0].__setitem__(1, 4),
        "called on .*'x', 4, 0.*nothing in it produces",
    ),
    "a cycle": (
        lambda c: c["layers"][1]["inbound_nodes"][0][0].__setitem__(0, "dense"),
        "depends on that layer itself",
    ),
    "an output that is not there": (
        lambda c: c["output_layers"][0].__setitem__(2, 3),
        "output 3 of call 0 of the layer 'dense', which does not exist",
    ),
    "an output layer that is not there": (
        lambda c: c["output_layers"][0].__setitem__(0, "gone"),
        "refers to the layer 'gone', which is not in it",
    ),
}


@pytest.mark.parametrize("name", BAD_CONFIGS)
def test_bad_configuration(name):
    damage, message = BAD_CONFIGS[name]
    x = Input((3,), name="x")
    config = json.loads(json.dumps(Model(x, Dense(1, name="dense")(x)).get_config()))
    damage(config)
    with pytest.raises(ValueError, match=message):
        Model.from_config(config)


def test_arguments_that_no_file_can_hold_are_left_out_with_a_warning():
    class Scale(keras.layers.Layer):
        def call(self, inputs, by=None):
            return inputs if by is None else inputs * by

    x = Input((3,))
    model = Model(x, Scale(name="scale")(x, by=K.constant([1.0, 2.0, 3.0])))
    with pytest.warns(UserWarning, match="Layer scale was passed the argument 'by'.*missing"):
        model.get_config()


class Joined(keras.layers.Layer):
    """The sum of all that it is called on, in a list also where that is one tensor."""

    def call(self, inputs, more=()):
        assert isinstance(inputs, list)
        return sum([*inputs[1:], *more], inputs[0])


@pytest.mark.parametrize(
    ("inputs", "more", "factor"),
    [
        ([["x", 0, 0]], [], 1),
        ([["x", 0, 0], ["y", 0, 0]], [], 3),
        ([["x", 0, 0]], [["y", 0, 0], ["y", 0, 0]], 5),
    ],
    ids=["a list of one", "a list", "tensors in a list by keyword"],
)
def test_calls_keep_the_structure_of_their_inputs(inputs, more, factor):
    x, y = Input((3,), name="x"), Input((3,), name="y")
    config = json.loads(json.dumps(Model([x, y], Joined(name="joined")([x, y])).get_config()))
    config["layers"][-1]["inbound_nodes"] = [{"inputs": inputs, "arguments": {"more": more}}]
    model = Model.from_config(config, custom_objects={"Joined": Joined})
    np.testing.assert_allclose(model.predict([X, 2 * X]), factor * X, rtol=1e-6)


@pytest.mark.parametrize("counts_calls_alone", [False, True])
def test_networks_in_a_configuration_are_counted_as_it_says(counts_calls_alone):
    a, x = Input((3,)), Input((3,), name="x")
    inner = Model(a, Dense(3)(a), name="inner")
    config = json.loads(json.dumps(Model(x, Dense(1, name="last")(inner(inner(x)))).get_config()))
    first, second = (entry["inbound_nodes"] for entry in config["layers"][1:3])
    assert [call[0][1] for call in first] == [0, 1] and second[0][0][1] == 2
    if counts_calls_alone:
        config["counts_calls_alone"] = True
        first[1][0][1], second[0][0][1] = 0, 1
    again = Model.from_config(config)
    assert [layer.name for layer in again.layers] == ["x", "inner", "last"]
    assert again.get_config()["layers"][2]["inbound_nodes"][0][0][:3] == ["inner", 2, 0]
