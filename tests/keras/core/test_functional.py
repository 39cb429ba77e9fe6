"""Functional models: the DAG, its order and configuration as real Keras has them, and errors."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras.layers import Activation, Dense, Dropout, Input, Lambda, add, concatenate
from kcompile.keras.models import Model, Sequential
from tests.keras.core import graphs

with open(graphs.FILE, encoding="utf-8") as stream:
    GOLDEN = json.load(stream)["graphs"]

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


@pytest.fixture(autouse=True)
def fresh_names():
    K.clear_session()


#: Keras 2.3 forgets the shape of an input layer put first; written down, it lets the model be built again.
BUILD_INPUT_SHAPE = {"sequential_with_input": [None, 3]}


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


def test_a_model_computes_what_its_layers_say():
    x = Input((3,))
    dense = Dense(2)
    model = Model(x, dense(x))
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model.predict(X), X @ kernel + bias, rtol=1e-5, atol=1e-6)


def test_a_model_called_on_a_new_input_shares_its_weights():
    x = Input((3,))
    inner = Model(x, Dense(2)(x))
    y = Input((3,))
    outer = Model(y, inner(Activation("relu")(y)))
    np.testing.assert_allclose(outer.predict(X), inner.predict(np.maximum(X, 0)), rtol=1e-5, atol=1e-6)
    inner.set_weights([2 * w for w in inner.get_weights()])
    np.testing.assert_allclose(outer.predict(X), inner.predict(np.maximum(X, 0)), rtol=1e-5, atol=1e-6)


def test_a_model_with_several_inputs_and_outputs_as_a_layer():
    a, b = Input((3,)), Input((2,))
    inner = Model([a, b], [Dense(2)(a), concatenate([a, b])])
    c, d = Input((3,)), Input((2,))
    first, second = inner([c, d])
    outer = Model([d, c], [second, first])
    left, right = inner.predict([X, X[:, :2]])
    again_right, again_left = outer.predict([X[:, :2], X])
    np.testing.assert_allclose(left, again_left, rtol=1e-6)
    np.testing.assert_allclose(right, again_right, rtol=1e-6)
    assert [layer.name for layer in outer.layers][-1] == inner.name


def test_own_and_called_ends_of_a_nested_model():
    x = Input((3,))
    inner = Model(x, Dense(2)(x))
    y = Input((3,))
    called = inner(y)
    assert inner.input is x and inner.get_input_at(0) is x and inner.get_input_at(1) is y
    assert inner.get_output_at(1) is called and inner.output is not called
    assert (inner.input_shape, inner.output_shape) == ((None, 3), (None, 2))


def test_intermediate_output_by_name():
    x = Input((3,))
    h = Dense(4, activation="relu", name="hidden")(x)
    model = Model(x, Dense(2)(h))
    middle = Model(inputs=model.input, outputs=model.get_layer("hidden").output)
    kernel, bias = model.get_layer("hidden").get_weights()
    np.testing.assert_allclose(middle.predict(X), np.maximum(X @ kernel + bias, 0), rtol=1e-5, atol=1e-6)
    assert model.get_layer(index=1).name == "hidden"


def test_a_model_from_an_intermediate_tensor():
    x = Input((3,))
    h = Dense(4, name="hidden")(x)
    y = Dense(2)(h)
    z = Input((4,))
    head = Model(z, Model(x, y).layers[-1](z))
    hidden = Model(x, h).predict(X)
    np.testing.assert_allclose(head.predict(hidden), Model(x, y).predict(X), rtol=1e-5, atol=1e-6)


def test_inputs_and_outputs_by_dictionary_and_by_old_names():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    y = add([a, b])
    with pytest.warns(UserWarning, match="Keras 2 API"):
        model = Model(input=[a, b], output=y)
    np.testing.assert_array_equal(model.predict({"b": X, "a": 2 * X}), 3 * X)


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


def test_a_layer_that_returns_its_input_has_a_history_of_its_own():
    x = Input((3,))
    y = Activation("linear")(x)
    assert y is not x and y._keras_history.layer is not x._keras_history.layer


def test_call_again_keeps_masks_and_arguments():
    x = Input((4, 3))
    masked = keras.layers.Masking()(x)
    inner = Model(x, masked)
    y = Input((4, 3))
    assert inner(y)._keras_mask is not None
    z = Input((3,))
    dropped = Model(z, Dropout(0.5)(z, training=True))
    w = Input((3,))
    outer = Model(w, dropped(w))
    assert (outer.predict(np.ones((50, 3), "f")) == 0).any()


# --- errors ---


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


# --- layers that Keras's users write ---


def test_lambda_layers_and_shared_lambdas():
    x = Input((3,))
    double = Lambda(lambda t: 2.0 * t)
    np.testing.assert_allclose(Model(x, double(double(x))).predict(X), 4 * X)


def test_sequential_inside_functional_inside_sequential():
    x = Input((3,))
    inner = Sequential([Dense(4, input_shape=(3,), activation="tanh"), Dense(3)])
    middle = Model(x, add([inner(x), x]))
    outer = Sequential([middle, Dense(2)])
    found = outer.predict(X)
    kernel, bias = outer.layers[-1].get_weights()
    np.testing.assert_allclose(found, (inner.predict(X) + X) @ kernel + bias, rtol=1e-5, atol=1e-6)
    assert outer.count_params() == (3 * 4 + 4) + (4 * 3 + 3) + (3 * 2 + 2)


def test_weights_of_a_shared_layer_count_once():
    a = Input((3,))
    dense = Dense(3)
    model = Model(a, dense(dense(dense(a))))
    assert len(model.weights) == 2 and model.count_params() == 12


def test_summary_and_count_need_no_data(capsys):
    x = Input((3,))
    Model(x, Dense(2)(x)).summary()
    assert "Total params: 8" in capsys.readouterr().out
