"""The layers between inputs and outputs: found at any depth, and what is no graph of layers."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras.layers import Activation, Dense, Input, add
from kcompile.keras.models import Model

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


@pytest.fixture(autouse=True)
def fresh_names():
    K.clear_session()


def test_graph_too_deep_for_recursion():
    x = y = Input((2,))
    relu = Activation("linear")
    for _ in range(1500):
        y = relu(y)
    model = Model(x, y)
    assert len(model.layers) == 2 and len(model._network_nodes) == 1501
    np.testing.assert_array_equal(model.predict(X[:, :2]), X[:, :2])


def test_an_output_that_is_an_input():
    x = Input((3,), name="x")
    np.testing.assert_array_equal(Model(x, [x, Dense(1)(x)]).predict(X)[0], X)


def disconnected():
    a, b = Input((3,), name="left"), Input((3,), name="right")
    Model(a, add([a, b], name="sum"))


def two_of_a_name():
    x = Input((3,))
    Model(x, Dense(2, name="same")(Dense(2, name="same")(x)), name="twins")


def no_input():
    x = Input((3,))
    Model(K.placeholder((None, 3)), Dense(1)(x))


def variable_without_a_layer():
    x = Input((3,))
    Model(x, Dense(1)(x) * K.variable(2.0))


def array_as_output():
    Model(Input((3,)), np.zeros(3))


def input_twice():
    x = Input((3,), name="x")
    Model([x, x], Dense(1)(x))


def shape_mismatch():
    Dense(1)(Model(x := Input((3,)), Dense(4, name="inner")(x))(Input((5,))))


def missing_layer():
    x = Input((3,))
    Model(x, Dense(1, name="dense")(x)).get_layer("dens")


def layer_out_of_range():
    x = Input((3,))
    Model(x, Dense(1)(x)).get_layer(index=7)


def neither_name_nor_index():
    x = Input((3,))
    Model(x, Dense(1)(x)).get_layer()


def no_shape():
    Input()


def wrong_count():
    a, b = Input((3,)), Input((3,))
    Model([a, b], add([a, b]))(a)


ERRORS = {
    disconnected: "Graph disconnected in model .*'right' is needed but is not among the inputs.*left",
    two_of_a_name: "'same' is used by two layers of the model twins.*should be unique",
    no_input: "Input tensors to the model .* must be the output of a layer",
    variable_without_a_layer: "Output tensors to the model .* must be the output of a layer.*Lambda",
    array_as_output: "outputs of a Model must be tensors; found array.*ndarray",
    input_twice: "redundant.*should only appear once.*'x', 'x'",
    shape_mismatch: "incompatible.*expected axis.*3.*found 5",
    missing_layer: "No such layer: 'dens' in model .*dense",
    layer_out_of_range: "asked for layer 7, but model .* has 2 layers",
    neither_name_nor_index: "either a layer name or a layer index",
    no_shape: "Input needs shape",
    wrong_count: "expects 2 inputs, but .* 1",
}


@pytest.mark.parametrize("mistake", ERRORS, ids=lambda f: f.__name__)
def test_mistake_is_one_clear_error(mistake):
    with pytest.raises(ValueError, match=ERRORS[mistake]):
        mistake()


def test_attributes_by_their_names_in_keras_2_0():
    x = Input((3,))
    model = Model(x, Dense(2)(Dense(2)(x)))
    first, second = model.layers[1:]
    assert first.inbound_nodes is first._inbound_nodes and first.outbound_nodes == second.inbound_nodes
    assert model.input_layers == [model.layers[0]] and model.output_layers == [second]
    assert sorted(model.nodes_by_depth) == sorted(model.layers_by_depth) == [0, 1, 2]
    assert x._shape_val == x.shape == (None, 3)

    class Own(Model):
        def __init__(self):
            super().__init__()
            self.input_layers = [Dense(2)]

    assert Own().input_layers[0].units == 2
