"""Recurrent layers against real Keras, and the fused operators against the loop."""

from __future__ import annotations

import functools

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcompile import keras, torch_bridge
from kcompile.ir import Graph, Value, op
from kcompile.keras import backend as K
from kcompile.keras import rules
from kcompile.keras.layers import (
    GRU,
    LSTM,
    RNN,
    Dense,
    Embedding,
    GRUCell,
    Input,
    LSTMCell,
    Masking,
    SimpleRNN,
    SimpleRNNCell,
)
from kcompile.keras.models import Model, Sequential
from tests.golden import runner

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
from .recurrence import BATCH, FEATURES, KINDS, STEPS, UNITS, X, draw, node_types, state_count

CASES = goldens("SimpleRNN", "GRU", "LSTM", "RNN")


STATEFUL = [golden for golden in CASES if golden.case.get("predicts")]


PLAIN = [golden for golden in CASES if not golden.case.get("predicts")]


@pytest.fixture(autouse=True)
def numbered_from_one():
    """Names made by numbers are part of what real Keras wrote down."""
    K.reset_uids()


def on_torch(outputs, inputs, *arrays, **options):
    return torch_bridge.run(torch_bridge.lower(Graph(outputs, inputs, **options)), *arrays)


# --- real Keras -------------------------------------------------------------------------------------


@pytest.mark.parametrize("golden", CASES, ids=name_of)
def test_predict_gives_the_outputs_of_keras(golden):
    check_outputs(golden)


@pytest.mark.parametrize("golden", PLAIN, ids=name_of)
def test_the_torch_bridge_gives_the_outputs_of_keras(golden):
    check_torch_outputs(golden)


@pytest.mark.parametrize("golden", STATEFUL, ids=name_of)
def test_the_torch_bridge_carries_states_as_keras_does(golden):
    model, _ = runner.build_layer(keras, golden.case)
    module = torch_bridge.lower(Graph(model.outputs, model.inputs, model.state_updates))
    found = {}
    for call, suffix in enumerate(["", "@1", "@reset"]):
        if call == 2:
            model.reset_states()
        inputs = runner.layer_inputs(golden.case, "@1" if call == 1 else "")
        outputs = torch_bridge.run(module, *inputs, update=True)
        found |= {f"output{i}{suffix}": value for i, value in enumerate(outputs)}
    golden.check(found, only=["output"])


@pytest.mark.parametrize("golden", CASES, ids=name_of)
def test_config_shapes_and_weight_names_are_those_of_keras(golden):
    check_facts(golden)
    check_config_round_trip(golden)


@pytest.mark.parametrize("golden", trained(CASES), ids=name_of)
def test_ten_steps_of_sgd_go_as_in_keras(golden):
    check_training(golden)


# --- fused and loop ---------------------------------------------------------------------------------


class Pair:
    """A layer's outputs and states as the operator gives them, and as the loop does."""

    def __init__(self, kind, go_backwards=False, initial=False, **arguments):
        self.layer = KINDS[kind](UNITS, go_backwards=go_backwards, **arguments)
        x, mask = Value("float32", ("batch", "time", FEATURES), "x"), Value(bool, ("batch", "time"), "mask")
        states = (
            [Value("float32", ("batch", UNITS), f"s{i}") for i in range(state_count(kind))]
            if initial
            else None
        )
        self.layer.build((None, None, FEATURES))
        # small enough for gates without bounds not to blow up
        shapes = [weight.shape for weight in self.layer.weights]
        self.layer.set_weights([0.25 * draw(*shape, seed=i) for i, shape in enumerate(shapes)])
        self.inputs = [x, mask, *(states or [])]
        fused = self.layer._run_cell(x, mask, None, states, None)
        loop = self.layer._loop_over_steps(x, mask, None, states)
        self.fused, self.loop = ([last, outputs, *final] for last, outputs, final in (fused, loop))
        assert fused[0].node.op_type != "Scan"

    @functools.cached_property
    def compiled(self):
        return K.function(self.inputs, [*self.fused, *self.loop])

    @functools.cached_property
    def module(self):
        return torch_bridge.lower(Graph([*self.fused, *self.loop], self.inputs))

    def check(self, *arrays):
        for results in (self.compiled(list(arrays)), torch_bridge.run(self.module, *arrays)):
            half = len(results) // 2
            for fused, loop in zip(results[:half], results[half:], strict=True):
                np.testing.assert_allclose(fused, loop, rtol=1e-5, atol=2e-6)


@functools.cache
def pair(kind, go_backwards, initial):
    return Pair(kind, go_backwards, initial)


masks = st.integers(1, 5).flatmap(
    lambda batch: st.integers(1, 7).flatmap(
        lambda time: st.lists(
            st.lists(st.booleans(), min_size=time, max_size=time), min_size=batch, max_size=batch
        )
    )
)


@pytest.mark.parametrize("initial", [False, True], ids=["zeros", "initial state"])
@pytest.mark.parametrize("go_backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(mask=masks)
def test_any_mask_gives_what_the_masked_loop_gives(kind, go_backwards, initial, mask):
    mask = np.array(mask)
    states = [draw(mask.shape[0], UNITS, seed=i) for i in range(state_count(kind))] if initial else []
    pair(kind, go_backwards, initial).check(draw(*mask.shape, FEATURES), mask, *states)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_under_a_mask_are_those_of_the_loop(kind):
    both = Pair(kind, go_backwards=True)
    mask = np.random.default_rng(3).random((BATCH, STEPS)) > 0.4
    weights = both.layer.weights

    def gradients(results):
        loss = sum(
            (op.ReduceSum(op.Mul(r, r), keepdims=0) for r in results[1:]),
            op.ReduceSum(results[0], keepdims=0),
        )
        return list(op.Gradient(loss, both.inputs[0], *weights))

    found = on_torch([*gradients(both.fused), *gradients(both.loop)], both.inputs, X, mask)
    for fused, loop in zip(found[: len(weights) + 1], found[len(weights) + 1 :], strict=True):
        np.testing.assert_allclose(fused, loop, rtol=1e-4, atol=1e-5)


FUSED_ACTIVATIONS = "sigmoid tanh relu hard_sigmoid softsign softplus elu linear leaky_relu".split()


@pytest.mark.parametrize("activation", FUSED_ACTIVATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_activations_of_the_operator_equal_those_of_the_loop(kind, activation):
    Pair(kind, activation=activation).check(X * 0.3, np.ones((BATCH, STEPS), bool))


@pytest.mark.parametrize("recurrent_activation", FUSED_ACTIVATIONS)
@pytest.mark.parametrize("kind", ["GRU", "GRU reset_after", "LSTM"])
def test_recurrent_activations_beside_another_one(kind, recurrent_activation):
    both = Pair(kind, activation="hard_sigmoid", recurrent_activation=recurrent_activation)
    both.check(X * 0.3, np.ones((BATCH, STEPS), bool))


def test_a_mask_may_have_a_last_axis_of_one_and_any_type():
    layer = LSTM(UNITS)
    layer.build((None, STEPS, FEATURES))
    x, mask = Value("float32", ("batch", STEPS, FEATURES), "x"), Value("float32", ("batch", STEPS, 1), "mask")
    flat = Value(bool, ("batch", STEPS), "flat")
    array = np.random.default_rng(0).random((BATCH, STEPS, 1)) > 0.5
    a = on_torch([layer.call(x, mask=mask)], [x, mask], X, array.astype("f"))
    b = on_torch([layer.call(x, mask=flat)], [x, flat], X, array[..., 0])
    np.testing.assert_array_equal(a[0], b[0])


@pytest.mark.parametrize("go_backwards", [False, True])
def test_zero_output_for_mask_gives_zeros_where_steps_are_left_out(go_backwards):
    x = X.copy()
    x[:, [1, 5]] = 0
    inputs = Input((STEPS, FEATURES))
    arguments = {"return_sequences": True, "go_backwards": go_backwards}
    layers = [LSTM(UNITS, **arguments), LSTM(UNITS, zero_output_for_mask=True, **arguments)]
    plain, zeroed = (Model(inputs, layer(Masking()(inputs))) for layer in layers)
    zeroed.set_weights(plain.get_weights())
    expected = plain.predict(x)
    expected[:, [0, 4] if go_backwards else [1, 5]] = 0
    np.testing.assert_array_equal(zeroed.predict(x), expected)
    last = LSTM.from_config({**layers[1].get_config(), "return_sequences": False})
    model = Model(inputs, last(Masking()(inputs)))
    model.set_weights(plain.get_weights())
    np.testing.assert_array_equal(model.predict(x), expected[:, -1])


# --- what is exported -------------------------------------------------------------------------------


@pytest.mark.parametrize("masked", [False, True], ids=["unmasked", "masked"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_file_has_the_operator_no_loop_and_each_weight_once(kind, masked, tmp_path):
    layer = KINDS[kind](UNITS, return_sequences=True, dropout=0.2, recurrent_dropout=0.3, name="layer")
    model = Sequential([Masking(input_shape=(None, FEATURES)), layer] if masked else [layer_of(layer), layer])
    path = str(tmp_path / "m.onnx")
    model.export(path)
    types = node_types(path)
    assert types.count({"SimpleRNN": "RNN"}.get(kind, kind.split()[0])) == 1
    assert not {"Scan", "Loop", "Dropout"} & set(types)
    assert not {"Gather", "Pad", "Reshape"} & set(types) or masked
    names = [tensor.name for tensor in onnx.load(path).graph.initializer if tensor.name.startswith("layer/")]
    assert {"layer/kernel", "layer/recurrent_kernel", "layer/bias"} <= set(names)
    again = keras.models.load_model(path)
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def layer_of(layer):
    return keras.layers.InputLayer(input_shape=(None, FEATURES))


def test_two_calls_of_one_layer_share_its_folded_weights(tmp_path):
    a, b, shared = Input((STEPS, FEATURES)), Input((STEPS, FEATURES)), LSTM(UNITS, name="shared")
    model = Model([a, b], keras.layers.concatenate([shared(a), shared(b)]))
    model.export(str(tmp_path / "m.onnx"))
    graph = onnx.load(str(tmp_path / "m.onnx")).graph
    assert [n.op_type for n in graph.node].count("LSTM") == 2
    shapes = {t.name: list(t.dims) for t in graph.initializer if t.name.split("/")[-1] in ("kernel", "bias")}
    assert shapes == {"shared/kernel": [1, 4 * UNITS, FEATURES], "shared/bias": [1, 8 * UNITS]}


def test_other_activations_take_the_loop(tmp_path):
    model = Sequential([LSTM(UNITS, activation="selu", input_shape=(None, FEATURES))])
    model.export(str(tmp_path / "m.onnx"))
    assert "Scan" in node_types(str(tmp_path / "m.onnx"))


# --- dropout ----------------------------------------------------------------------------------------


def train_phase(layer, x=None, steps=STEPS, features=UNITS, calls=1):
    """The layer's outputs in the training phase."""
    inputs = Value("float32", ("batch", steps, features), "x")
    y = layer(inputs)
    array = np.ones((64, steps, features), np.float32) if x is None else x
    return on_torch([y], [inputs], array, phase="train")[0]


ADDING = dict(
    activation="linear", kernel_initializer="identity", bias_initializer="zeros", return_sequences=True
)


@pytest.mark.parametrize("cell", [False, True], ids=["layer", "cell"])
def test_dropout_takes_the_same_inputs_at_all_steps(cell):
    arguments = dict(ADDING, recurrent_initializer="zeros", dropout=0.5)
    if cell:
        arguments.pop("return_sequences")
        layer = RNN(SimpleRNNCell(UNITS, **arguments), return_sequences=True)
    else:
        layer = SimpleRNN(UNITS, **arguments)
    y = train_phase(layer)
    assert set(np.unique(y)) == {0.0, 2.0}
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))
    assert 0.35 < (y[:, 0] == 0).mean() < 0.65
    assert len(np.unique(y[:, 0], axis=0)) > 10


def test_recurrent_dropout_takes_the_same_states_at_all_steps():
    y = train_phase(SimpleRNN(UNITS, **ADDING, recurrent_initializer="identity", recurrent_dropout=0.5))
    factors = (y[:, 1:] - 1) / y[:, :-1]
    assert set(np.unique(factors)) == {0.0, 2.0}
    np.testing.assert_array_equal(factors, np.broadcast_to(factors[:, :1], factors.shape))


@pytest.mark.parametrize("implementation, masks", [(1, 4), (2, 1)])
def test_lstm_draws_one_mask_per_gate_or_one_for_all(implementation, masks):
    cell = LSTMCell(UNITS, dropout=0.5, recurrent_dropout=0.5, implementation=implementation)
    cell.build((None, FEATURES))
    cell.draw_masks(Value("float32", (BATCH, FEATURES)), [])
    assert len(cell.input_masks) == len(cell.state_masks) == masks
    cell.forget_masks()
    assert cell.input_masks is cell.state_masks is None


@pytest.mark.parametrize("kind", [LSTMCell, GRUCell])
@pytest.mark.parametrize(
    ("following", "found"), [(rules.KERAS_2, 2), (rules.TF_KERAS, 1), (rules.KERAS_3, 1)]
)
def test_later_cells_that_drop_their_state_have_a_mask_for_each_gate(kind, following, found):
    with rules.following(following):
        assert kind(UNITS, recurrent_dropout=0.5).get_config()["implementation"] == found
        assert kind(UNITS, dropout=0.5).get_config()["implementation"] == 2


@pytest.mark.parametrize("implementation", [1, 2])
@pytest.mark.parametrize("kind", ["GRU", "GRU reset_after", "LSTM"])
def test_dropout_leaves_the_mean_of_linear_gates_and_inference_alone(kind, implementation):
    arguments = dict(return_sequences=True, implementation=implementation)
    plain = KINDS[kind](UNITS, **arguments)
    dropping = KINDS[kind](UNITS, dropout=0.3, recurrent_dropout=0.3, **arguments)
    x = Value("float32", ("batch", STEPS, FEATURES), "x")
    a, b = plain(x), dropping(x)
    dropping.set_weights(plain.get_weights())
    expected, found = on_torch([a, b], [x], X)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    trained_outputs = on_torch([b], [x], X, phase="train")[0]
    assert np.isfinite(trained_outputs).all() and np.abs(trained_outputs - expected).max() > 1e-3


@pytest.mark.parametrize("training", [True, False])
def test_the_training_argument_decides_for_both_phases(training):
    layer = LSTM(UNITS, recurrent_dropout=0.5)
    x = Value("float32", ("batch", STEPS, FEATURES), "x")
    y = layer(x, training=training)
    graphs = [Graph([y], [x], phase=phase) for phase in ("train", "inference")]
    for graph in graphs:
        assert any(node.op_type == "Scan" for node in graph.nodes) == training
        assert any(node.op_type == "LSTM" for node in graph.nodes) != training


def test_arguments_that_later_versions_write_are_taken_where_they_mean_nothing():
    config = {**GRU(3, reset_after=True).get_config(), "time_major": False, "seed": None, "use_cudnn": "auto"}
    layer = GRU.from_config({**config, "zero_output_for_mask": False})
    assert layer.get_config() == GRU.from_config(layer.get_config()).get_config()
    assert "zero_output_for_mask" not in layer.get_config()


def test_frozen_layers_keep_all_weights_and_train_none():
    layer = LSTM(UNITS, input_shape=(STEPS, FEATURES))
    model = Sequential([layer, Dense(1)])
    layer.trainable = False
    assert len(layer.non_trainable_weights) == 3 and not layer.trainable_weights
    before = layer.get_weights()
    model.compile("sgd", "mse")
    model.train_on_batch(X, np.ones((BATCH, 1), np.float32))
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_identity_as_recurrent_initializer_is_one_per_gate():
    layer = LSTM(3, recurrent_initializer="identity", input_shape=(2, 2))
    Sequential([layer])
    np.testing.assert_array_equal(layer.get_weights()[1], np.tile(np.eye(3), (1, 4)))
    np.testing.assert_array_equal(layer.get_weights()[2], np.repeat([0.0, 1.0, 0.0, 0.0], 3))


def test_an_embedding_with_zeros_masked_trains_and_predicts():
    model = Sequential([Embedding(10, 4, mask_zero=True), LSTM(3, return_sequences=True), GRU(2), Dense(1)])
    model.compile("adam", "mse")
    ids = np.array([[1, 2, 3, 0, 0], [0, 4, 0, 5, 6], [0, 0, 0, 0, 0], [7, 8, 9, 1, 2]])
    losses = [model.train_on_batch(ids, np.ones((4, 1), np.float32)) for _ in range(30)]
    assert losses[-1] < losses[0]
    short = np.array([[1, 2, 3]])
    np.testing.assert_allclose(model.predict(ids[:1]), model.predict(short), rtol=1e-5, atol=1e-6)
