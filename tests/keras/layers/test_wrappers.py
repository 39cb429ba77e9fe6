"""TimeDistributed and Bidirectional: against real Keras, and against what they abbreviate."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from kcompile import keras
from kcompile.ir import Graph, Value
from kcompile.keras import backend as K
from kcompile.keras.layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Lambda,
    LSTMCell,
    Masking,
    SimpleRNN,
    TimeDistributed,
)
from kcompile.keras.layers.wrappers import Wrapper
from kcompile.keras.models import Model, Sequential, model_from_json

from .golden_layers import (
    check_config_round_trip,
    check_facts,
    check_outputs,
    check_torch_outputs,
    check_training,
    goldens,
    name_of,
    trained,
)

CASES = goldens("Bidirectional", "TimeDistributed")
BATCH, STEPS, FEATURES, UNITS = 4, 6, 3, 5


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


X = draw(BATCH, STEPS, FEATURES)


@pytest.mark.parametrize("golden", CASES, ids=name_of)
def test_both_back_ends_give_the_outputs_of_keras(golden):
    check_outputs(golden)
    check_torch_outputs(golden)


@pytest.mark.parametrize("golden", CASES, ids=name_of)
def test_config_shapes_and_weight_names_are_those_of_keras(golden):
    check_facts(golden)
    check_config_round_trip(golden)


@pytest.mark.parametrize("golden", trained(CASES), ids=name_of)
def test_ten_steps_of_sgd_go_as_in_keras(golden):
    check_training(golden)


def reloaded(model):
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    return again


# --- Wrapper ------------------------------------------------------------------------------------------


def test_a_wrapper_of_the_user_has_the_weights_and_the_trainability_of_its_layer():
    class Twice(Wrapper):
        def build(self, input_shape):
            self.layer.build(input_shape)
            super().build(input_shape)

        def call(self, inputs):
            return 2 * self.layer.call(inputs)

    wrapper = Twice(Dense(2, activity_regularizer="l2"), input_shape=(3,))
    model = Sequential([wrapper])
    x = draw(4, 3)
    kernel, bias = wrapper.get_weights()
    np.testing.assert_allclose(model.predict(x), 2 * (x @ kernel + bias), rtol=1e-5, atol=1e-6)
    assert len(model.losses) == 1
    wrapper.trainable = False
    assert not wrapper.layer.trainable and not model.trainable_weights and len(model.weights) == 2
    again = keras.layers.deserialize(keras.layers.serialize(wrapper), custom_objects={"Twice": Twice})
    assert again.get_config() == wrapper.get_config()


@pytest.mark.parametrize("wrap", [TimeDistributed, Bidirectional, Wrapper])
def test_only_layers_are_wrapped(wrap):
    with pytest.raises(ValueError, match="wraps a layer; found 3"):
        wrap(3)


# --- TimeDistributed --------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [None, BATCH])
@pytest.mark.parametrize("steps", [None, STEPS])
def test_each_step_goes_through_the_layer_whatever_sizes_are_known(batch, steps):
    layer = Conv2D(2, 3)
    model = Sequential([TimeDistributed(layer, batch_input_shape=(batch, steps, 5, 6, 1))])
    assert model.output_shape == (batch, steps, 3, 4, 2)
    x = draw(BATCH, STEPS, 5, 6, 1)
    single = Input((5, 6, 1))
    expected = [Model(single, layer(single)).predict(x[:, t]) for t in range(STEPS)]
    found = model.predict(x, batch_size=BATCH)
    np.testing.assert_allclose(found, np.stack(expected, 1), rtol=1e-5, atol=1e-6)


def test_open_sizes_besides_time_come_back():
    model = Sequential([TimeDistributed(Conv2D(1, 2), input_shape=(None, None, None, 1))])
    assert model.predict(draw(2, 3, 5, 4, 1)).shape == (2, 3, 4, 3, 1)


def test_a_model_inside_trains_is_saved_and_exported(tmp_path):
    keras.utils.set_random_seed(0)
    inner = Sequential(
        [Conv2D(2, 3, input_shape=(6, 6, 1)), BatchNormalization(), Flatten(), Dropout(0.2), Dense(3)]
    )
    model = Sequential([TimeDistributed(inner, input_shape=(None, 6, 6, 1)), LSTM(2)])
    model.compile("adam", "mse")
    x, y = draw(BATCH, 5, 6, 6, 1), np.zeros((BATCH, 2), np.float32)
    moving = inner.layers[1].get_weights()[2]
    losses = [model.train_on_batch(x, y) for _ in range(20)]
    assert losses[-1] < losses[0]
    assert np.abs(inner.layers[1].get_weights()[2] - moving).max() > 0
    expected = model.predict(x)
    model.save(str(tmp_path / "m.h5"))
    model.export(str(tmp_path / "m.onnx"))
    for name in ("m.h5", "m.onnx"):
        again = keras.models.load_model(str(tmp_path / name))
        np.testing.assert_allclose(again.predict(x), expected, rtol=1e-4, atol=1e-6)


def test_regularizers_of_the_layer_inside_count_once():
    plain = Sequential(
        [Dense(2, activity_regularizer="l2", kernel_regularizer="l1", input_shape=(STEPS, FEATURES))]
    )
    wrapped = Sequential(
        [
            TimeDistributed(
                Dense(2, activity_regularizer="l2", kernel_regularizer="l1"), input_shape=(STEPS, FEATURES)
            )
        ]
    )
    wrapped.set_weights(plain.get_weights())
    losses = []
    for model in (plain, wrapped):
        model.compile("sgd", "mse")
        losses.append(model.test_on_batch(X, np.zeros((BATCH, STEPS, 2), np.float32)))
    np.testing.assert_allclose(*losses, rtol=1e-6)


def test_the_mask_of_steps_passes_and_that_within_steps_reaches_the_layer():
    ids = np.array([[[1, 2, 0], [3, 0, 0], [0, 0, 0]], [[4, 0, 5], [0, 0, 0], [6, 7, 8]]])
    x = Input((3, 3), dtype="int32")
    words = Embedding(10, 4, mask_zero=True)(x)
    sentences = TimeDistributed(LSTM(3))(words)
    document = LSTM(2)(sentences)
    model = Model(x, document)
    mask = K.function([x], [sentences._keras_mask])([ids])[0]
    np.testing.assert_array_equal(mask, [[True, True, False], [True, False, True]])
    shorter = ids.copy()
    shorter[0] = [[1, 2, 0], [0, 0, 0], [3, 0, 0]]  # the masked sentence elsewhere
    np.testing.assert_allclose(model.predict(ids)[0], model.predict(shorter)[0], rtol=1e-5, atol=1e-6)


def test_a_mask_of_steps_reaches_the_output():
    x = Input((STEPS, FEATURES))
    y = TimeDistributed(Dense(2))(Masking()(x))
    z = TimeDistributed(Activation("tanh"))(y)
    array = X.copy()
    array[:, 2] = 0
    found = K.function([x], [z._keras_mask])([array])[0]
    np.testing.assert_array_equal(found, np.any(array != 0, -1))


@pytest.mark.parametrize("shape", [(), (3,)])
def test_time_needs_an_axis_and_features_another(shape):
    with pytest.raises(ValueError, match="at least three axes"):
        TimeDistributed(Dense(2))(Input(shape))


# --- Bidirectional ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
def test_the_backward_half_is_a_layer_on_the_reversed_input(mode):
    x = Input((None, FEATURES))
    model = Model(x, Bidirectional(GRU(UNITS, return_sequences=True), merge_mode=mode)(x))
    halves = [Sequential([GRU(UNITS, return_sequences=True, input_shape=(None, FEATURES))]) for _ in range(2)]
    weights = model.get_weights()
    halves[0].set_weights(weights[:3])
    halves[1].set_weights(weights[3:])
    a, b = halves[0].predict(X), halves[1].predict(X[:, ::-1])[:, ::-1]
    expected = {
        "concat": np.concatenate([a, b], -1),
        "sum": a + b,
        "mul": a * b,
        "ave": (a + b) / 2,
        None: [a, b],
    }
    found = model.predict(X)
    for one, other in zip([found] if mode else found, [expected[mode]] if mode else [a, b], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_both_directions_are_operators_without_loops(tmp_path):
    model = Sequential(
        [
            Masking(input_shape=(None, FEATURES)),
            Bidirectional(LSTM(UNITS, return_sequences=True)),
            Bidirectional(GRU(UNITS, reset_after=True)),
        ]
    )
    model.export(str(tmp_path / "m.onnx"))
    types = [node.op_type for node in onnx.load(str(tmp_path / "m.onnx")).graph.node]
    assert types.count("LSTM") == types.count("GRU") == 2 and not {"Scan", "Loop"} & set(types)
    np.testing.assert_array_equal(
        keras.models.load_model(str(tmp_path / "m.onnx")).predict(X), model.predict(X)
    )


def test_stateful_directions_carry_states_and_reset():
    model = Sequential(
        [Bidirectional(LSTM(UNITS, stateful=True), batch_input_shape=(BATCH, STEPS, FEATURES))]
    )
    assert len(model.state_updates) == 4 and len(model.weights) == 6
    first = model.predict(X, batch_size=BATCH)
    second = model.predict(X, batch_size=BATCH)
    assert np.abs(first - second).max() > 1e-3
    model.reset_states()
    np.testing.assert_allclose(model.predict(X, batch_size=BATCH), first, rtol=1e-6)
    (layer,) = model.layers
    layer.reset_states([draw(BATCH, UNITS, seed=i) for i in range(4)])
    np.testing.assert_array_equal(K.get_value(layer.backward_layer.states[1]), draw(BATCH, UNITS, seed=3))


@pytest.mark.parametrize("as_list", [False, True], ids=["keyword", "list"])
def test_initial_states_go_to_their_directions_and_into_files(as_list):
    x, states = Input((STEPS, FEATURES)), [Input((UNITS,)) for _ in range(4)]
    layer = Bidirectional(LSTM(UNITS, return_state=True))
    outputs = layer([x, *states]) if as_list else layer(x, initial_state=states)
    model = Model([x, *states], outputs)
    assert [shape[-1] for shape in model.output_shape] == [2 * UNITS, *[UNITS] * 4]
    arrays = [X, *(draw(BATCH, UNITS, seed=i) for i in range(4))]
    expected = model.predict(arrays)
    for a, b in zip(expected, reloaded(model).predict(arrays), strict=True):
        np.testing.assert_array_equal(a, b)
    arrays[3] = arrays[3] + 1  # a state of the backward layer
    changed = model.predict(arrays)
    np.testing.assert_array_equal(changed[0][:, :UNITS], expected[0][:, :UNITS])
    assert np.abs(changed[0][:, UNITS:] - expected[0][:, UNITS:]).max() > 1e-3


def test_other_tensors_as_initial_states():
    x = Input(batch_shape=(BATCH, STEPS, FEATURES))
    states = [K.constant(draw(BATCH, UNITS, seed=i)) for i in range(2)]
    layer = Bidirectional(GRU(UNITS))
    model = Model(x, layer(x, initial_state=states))
    inputs = [Input((UNITS,)) for _ in range(2)]
    other = Model([x, *inputs], layer(x, initial_state=inputs))
    expected = other.predict([X, *(draw(BATCH, UNITS, seed=i) for i in range(2))], batch_size=BATCH)
    np.testing.assert_array_equal(model.predict(X, batch_size=BATCH), expected)


def test_an_encoder_gives_its_states_to_a_decoder():
    x, y = Input((None, FEATURES)), Input((None, 2))
    _, *states = Bidirectional(LSTM(UNITS, return_state=True))(x)
    decoded = Bidirectional(LSTM(UNITS, return_sequences=True))(y, initial_state=states)
    model = Model([x, y], TimeDistributed(Dense(1))(decoded))
    model.compile("adam", "mse")
    arrays, target = [X, draw(BATCH, 3, 2)], np.ones((BATCH, 3, 1), np.float32)
    losses = [model.train_on_batch(arrays, target) for _ in range(20)]
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(reloaded(model).predict(arrays), model.predict(arrays))


def test_cells_go_in_both_directions_too():
    model = Sequential([Bidirectional(RNN([LSTMCell(4), LSTMCell(3)]), input_shape=(STEPS, FEATURES))])
    assert model.output_shape == (None, 6) and len(model.weights) == 12
    assert model.predict(X).shape == (BATCH, 6)
    np.testing.assert_array_equal(reloaded(model).predict(X), model.predict(X))


def test_weights_may_be_given_and_are_ordered_forward_then_backward():
    source = Sequential([Bidirectional(LSTM(UNITS), input_shape=(STEPS, FEATURES))])
    weights = source.get_weights()
    layer = Bidirectional(LSTM(UNITS), weights=weights, input_shape=(STEPS, FEATURES))
    model = Sequential([layer])
    np.testing.assert_array_equal(model.predict(X), source.predict(X))
    np.testing.assert_array_equal(layer.forward_layer.get_weights()[0], weights[0])
    np.testing.assert_array_equal(layer.backward_layer.get_weights()[0], weights[3])
    names = [weight.name for weight in layer.weights]
    assert [name.split("/")[1].split("_")[0] for name in names] == ["forward"] * 3 + ["backward"] * 3


def test_freezing_freezes_both_directions():
    layer = Bidirectional(LSTM(UNITS), input_shape=(STEPS, FEATURES))
    model = Sequential([layer])
    layer.trainable = False
    assert not model.trainable_weights and len(layer.non_trainable_weights) == 6
    assert not layer.forward_layer.trainable and not layer.backward_layer.trainable
    assert layer.get_config()["trainable"] is False


def test_a_layer_that_already_goes_backwards_has_a_forward_twin():
    layer = Bidirectional(SimpleRNN(2, go_backwards=True))
    assert layer.forward_layer.go_backwards and not layer.backward_layer.go_backwards


def test_dropout_inside_acts_in_training_only():
    x = Value("float32", ("batch", STEPS, FEATURES), "x")
    y = Bidirectional(LSTM(2, dropout=0.5, recurrent_dropout=0.5))(x)
    inference, train = (Graph([y], [x], phase=phase) for phase in ("inference", "train"))
    assert not {"Dropout", "Scan"} & {node.op_type for node in inference.nodes}
    assert {"Dropout", "Scan"} <= {node.op_type for node in train.nodes}


@pytest.mark.parametrize(
    "act, message",
    [
        (lambda: Bidirectional(LSTM(2), merge_mode="max"), "invalid merge mode 'max'"),
        (lambda: Bidirectional(Dense(2)), "wraps a recurrent layer; Dense"),
        (lambda: Bidirectional(LSTM(2))(Input((3,))), "expected ndim=3"),
        (
            lambda: Bidirectional(GRU(2))(Input((4, 3)), initial_state=[Input((2,))]),
            "as many of the backward layer",
        ),
        (
            lambda: Bidirectional(LSTM(2))(Input((4, 3)), initial_state=[Input((2,))] * 2),
            "has 2 states but was passed 1",
        ),
        (
            lambda: Bidirectional(GRU(2))(Input((4, 3)), initial_state=[Input((2,)), Input((3,))]),
            "state_size is 2",
        ),
        (
            lambda: Bidirectional(GRU(2))(Input((4, 3)), initial_state=[Input((2,)), K.zeros((1, 2))]),
            "mixed",
        ),
        (lambda: Bidirectional(GRU(2, stateful=True))(Input((4, 3))), "batch size"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(act, message):
    with pytest.raises(ValueError, match=message):
        act()


def test_lambda_layers_inside_keep_their_function():
    total = Lambda(lambda x: K.sum(x, axis=-1, keepdims=True))
    model = Sequential([TimeDistributed(total, input_shape=(STEPS, FEATURES))])
    np.testing.assert_allclose(model.predict(X), X.sum(-1, keepdims=True), rtol=1e-5, atol=1e-6)
