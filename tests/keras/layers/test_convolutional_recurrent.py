"""ConvLSTM2D: against real Keras, and its loop against one written out."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from kcompile import keras, torch_bridge
from kcompile.ir import Graph, Value
from kcompile.keras import backend as K
from kcompile.keras.layers import Bidirectional, ConvLSTM2D, ConvLSTM2DCell, ConvRNN2D, Input, Layer
from kcompile.keras.models import Model, Sequential, model_from_json
from tests.golden import runner

from .golden_layers import (
    check_config_round_trip,
    check_facts,
    check_outputs,
    check_training,
    goldens,
    name_of,
    trained,
)

CASES = goldens("ConvLSTM2D")


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


X = draw(2, 3, 5, 4, 2)


@pytest.mark.parametrize("golden", CASES, ids=name_of)
def test_predict_gives_the_outputs_of_keras(golden):
    check_outputs(golden)


@pytest.mark.parametrize("golden", CASES, ids=name_of)
def test_the_torch_bridge_gives_the_first_outputs_of_keras(golden):
    model, _ = runner.build_layer(keras, golden.case)
    module = torch_bridge.lower(Graph(model.outputs, model.inputs))
    (found,) = torch_bridge.run(module, *runner.layer_inputs(golden.case))
    np.testing.assert_allclose(found, golden.arrays["output0"], rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("golden", CASES, ids=name_of)
def test_config_shapes_and_weight_names_are_those_of_keras(golden):
    check_facts(golden)
    check_config_round_trip(golden)


@pytest.mark.parametrize("golden", trained(CASES), ids=name_of)
def test_ten_steps_of_sgd_go_as_in_keras(golden):
    check_training(golden)


@pytest.mark.parametrize("arguments", [{}, {"padding": "same", "strides": 2}, {"dilation_rate": 2}], ids=str)
def test_both_data_formats_compute_the_same(arguments):
    x = draw(2, 3, 6, 6, 2)
    last = Sequential([ConvLSTM2D(3, 2, return_sequences=True, input_shape=x.shape[1:], **arguments)])
    shape = (x.shape[1], x.shape[4], x.shape[2], x.shape[3])
    first = Sequential(
        [
            ConvLSTM2D(
                3, 2, return_sequences=True, data_format="channels_first", input_shape=shape, **arguments
            )
        ]
    )
    first.set_weights(last.get_weights())
    found = first.predict(x.transpose(0, 1, 4, 2, 3)).transpose(0, 1, 3, 4, 2)
    expected = last.predict(x)
    assert expected.shape[1:] == last.output_shape[1:]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_unknown_sizes_are_those_of_the_input_at_hand(tmp_path):
    arguments = {"padding": "same", "return_sequences": True}
    open_sizes = Sequential([ConvLSTM2D(2, 2, input_shape=(None, None, None, 2), **arguments)])
    fixed = Sequential([ConvLSTM2D(2, 2, input_shape=X.shape[1:], **arguments)])
    fixed.set_weights(open_sizes.get_weights())
    np.testing.assert_allclose(open_sizes.predict(X), fixed.predict(X), rtol=1e-5, atol=1e-6)
    open_sizes.export(str(tmp_path / "m.onnx"))
    assert [node.op_type for node in onnx.load(str(tmp_path / "m.onnx")).graph.node].count("Scan") == 1
    again = keras.models.load_model(str(tmp_path / "m.onnx"))
    np.testing.assert_allclose(again.predict(X), fixed.predict(X), rtol=1e-5, atol=1e-6)


def test_states_are_returned_and_taken():
    x, states = Input(X.shape[1:]), [Input((4, 3, 2)) for _ in range(2)]
    layer = ConvLSTM2D(2, 2, return_state=True)
    model = Model([x, *states], layer(x, initial_state=states))
    arrays = [X, draw(2, 4, 3, 2, seed=1), draw(2, 4, 3, 2, seed=2)]
    output, h, c = model.predict(arrays)
    np.testing.assert_array_equal(output, h)
    assert c.shape == (2, 4, 3, 2)
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(arrays)[2], c)


def test_a_sequence_in_two_calls_equals_the_whole():
    x, h, c = Input((None, 5, 4, 2)), Input((4, 3, 2)), Input((4, 3, 2))
    layer = ConvLSTM2D(2, 2, return_state=True)
    whole, carried = Model(x, layer(x)), Model([x, h, c], layer(x, initial_state=[h, c]))
    _, *states = whole.predict(X[:, :2])
    np.testing.assert_allclose(
        carried.predict([X[:, 2:], *states])[0], whole.predict(X)[0], rtol=1e-5, atol=1e-6
    )


def test_dropout_takes_the_same_inputs_at_all_steps():
    layer = ConvLSTM2D(2, 1, dropout=0.5, recurrent_dropout=0.5, return_sequences=True)
    x = Value("float32", ("batch", 3, 5, 4, 2), "x")
    y = layer(x)
    train, inference = (Graph([y], [x], phase=phase) for phase in ("train", "inference"))
    assert (
        sum(node.op_type == "Dropout" for node in train.nodes) == 8
    )  # of four gates each, outside of the loop
    assert not any(node.op_type == "Dropout" for node in inference.nodes)
    module = torch_bridge.lower(train)
    a, b = (torch_bridge.run(module, X)[0] for _ in range(2))
    assert np.isfinite(a).all() and np.abs(a - b).max() > 1e-4


def test_it_trains_in_both_directions():
    model = Sequential([Bidirectional(ConvLSTM2D(2, 2), input_shape=X.shape[1:])])
    assert model.output_shape == (None, 4, 3, 4)
    model.compile("adam", "mse")
    target = np.ones((2, 4, 3, 4), np.float32)
    losses = [model.train_on_batch(X, target) for _ in range(10)]
    assert losses[-1] < losses[0]


def test_a_cell_of_the_user():
    class Blur(Layer):
        filters, kernel_size, strides, padding, dilation_rate = 2, (1, 1), (1, 1), "valid", (1, 1)
        data_format, state_size = "channels_last", 2

        def call(self, inputs, states):
            output = inputs + 0.5 * states[0]
            return output, [output]

    model = Sequential([ConvRNN2D(Blur(), input_shape=X.shape[1:])])
    np.testing.assert_allclose(model.predict(X), X[:, 2] + X[:, 1] / 2 + X[:, 0] / 4, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "act, error, message",
    [
        (lambda: ConvRNN2D(ConvLSTM2DCell(2, 2), unroll=True), TypeError, "Unrolling isn't possible"),
        (lambda: ConvRNN2D([ConvLSTM2DCell(2, 2)]), TypeError, "not possible at the moment to stack"),
        (lambda: ConvLSTM2D(2, 2)(Input((5, 4, 2))), ValueError, "expected ndim=5, found ndim=4"),
        (lambda: ConvLSTM2D(2, 2)(Input((3, 5, 4, None))), ValueError, "channel dimension"),
        (lambda: ConvLSTM2D(2, (1, 2, 3)), ValueError, "kernel_size"),
        (
            lambda: ConvLSTM2D(2, 2, stateful=True)(Input((3, 5, 4, 2))),
            ValueError,
            "batch size and spatial sizes",
        ),
        (
            lambda: ConvLSTM2D(2, 2)(Input((3, 5, 4, 2)), initial_state=[Input((4, 3, 7)), Input((4, 3, 2))]),
            ValueError,
            "initial state 0 is not compatible",
        ),
        (
            lambda: ConvLSTM2D(2, 2)(Input((3, 5, 4, 2)), initial_state=[Input((4, 3, 2))]),
            ValueError,
            "has 2 states but was passed 1",
        ),
    ],
)
def test_what_does_not_fit_is_one_clear_error(act, error, message):
    with pytest.raises(error, match=message):
        act()


def test_states_are_set_and_reset():
    model = Sequential([ConvLSTM2D(2, 2, stateful=True, batch_input_shape=(2, 3, 5, 4, 2))])
    (layer,) = model.layers
    first = model.predict(X, batch_size=2)
    assert np.abs(model.predict(X, batch_size=2) - first).max() > 1e-4
    model.reset_states()
    np.testing.assert_allclose(model.predict(X, batch_size=2), first, rtol=1e-6)
    layer.reset_states([np.ones((2, 4, 3, 2)), np.zeros((2, 4, 3, 2))])
    assert K.get_value(layer.states[0]).all() and not K.get_value(layer.states[1]).any()
    with pytest.raises(ValueError, match=r"State 0 .*expected shape=\(2, 4, 3, 2\)"):
        layer.reset_states([np.ones((2, 4, 3)), np.zeros((2, 4, 3, 2))])
