"""Recurrent layers: an operator for Keras's cells, a Scan for others, and the loop that both agree with."""

from __future__ import annotations

import itertools
from importlib import import_module

import keras
import numpy as np
import pytest
import torch
from keras import layers

from kcompile.ir import Constant, Trace, Value, op, tracing
from kcompile.keras import backend as K
from kcompile.keras3.backend.export import traced_model

recurrent = import_module("kcompile.keras3.backend.rnn")
RANDOM = np.random.RandomState(0)
BATCH, TIMES, FEATURES, UNITS = 3, 5, 4, 6
X = RANDOM.normal(size=(BATCH, TIMES, FEATURES)).astype("float32")
MASK = np.array([[1, 1, 0, 1, 0], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0]], bool)
W, R = (RANDOM.normal(size=(n, UNITS)).astype("float32") * 0.3 for n in (FEATURES, UNITS))
H, C = (RANDOM.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(2))


def step_of_tensors(x, states):
    h, count = states
    h = torch.tanh(x @ torch.tensor(W) + h @ torch.tensor(R))
    return {"twice": h * 2, "h": h}, [h, count + 1]


def step_of_values(x, states):
    h, count = states
    h = op.Tanh(op.MatMul(x, Constant(W)) + op.MatMul(h, Constant(R)))
    return {"twice": h * 2.0, "h": h}, [h, count + 1.0]


def flat(found):
    return keras.tree.flatten(found)


@pytest.mark.parametrize(
    ("backwards", "zeros", "time_major", "masked", "all_outputs"),
    list(itertools.product([False, True], repeat=5)),
)
def test_a_scan_computes_what_the_loop_does(backwards, zeros, time_major, masked, all_outputs):
    options = {"go_backwards": backwards, "zero_output_for_mask": zeros, "time_major": time_major}
    options["return_all_outputs"] = all_outputs
    x, mask = (X.swapaxes(0, 1), MASK.T) if time_major else (X, MASK)
    states = [torch.tensor(H), torch.tensor(C)]
    gate = {"mask": torch.tensor(mask)} if masked else {}
    expected = recurrent.rnn(step_of_tensors, torch.tensor(x), states, **gate, **options)

    given = [Value(np.float32, (None, None, FEATURES)), *(Value(np.float32, (None, UNITS)) for _ in range(2))]
    with_mask = [Value(bool, (None, None))] if masked else []
    with tracing(Trace([*given, *with_mask])):
        named = {"mask": with_mask[0]} if masked else {}
        found = recurrent.rnn(step_of_values, given[0], given[1:], **named, **options)
    keras.tree.assert_same_structure(found, expected)
    graph = K.function([*given, *with_mask], flat(found))
    for a, b in zip(graph([x, H, C, *([mask] if masked else [])]), flat(expected), strict=True):
        assert a.shape == tuple(b.shape)
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-4, atol=1e-5)


def test_the_number_of_steps_of_each_sample_is_a_mask():
    states = [torch.tensor(H), torch.tensor(C)]
    lengths = torch.tensor([3, 5, 1])
    mask = torch.arange(TIMES) < lengths[:, None]
    a = recurrent.rnn(step_of_tensors, torch.tensor(X), states, input_length=lengths)
    b = recurrent.rnn(step_of_tensors, torch.tensor(X), states, mask=mask)
    for x, y in zip(flat(a), flat(b), strict=True):
        torch.testing.assert_close(x, y)


def test_unrolling_needs_the_number_of_steps():
    x = Value(np.float32, (None, None, FEATURES))
    with tracing(Trace([x])), pytest.raises(ValueError, match="fixed number of timesteps"):
        recurrent.rnn(step_of_values, x, [Constant(H), Constant(C)], unroll=True)


class Own(layers.Layer):
    """A user's cell."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.state_size = units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.state_size))
        self.recurrent = self.add_weight(shape=(self.state_size, self.state_size))

    def call(self, x, states):
        h = keras.ops.tanh(keras.ops.matmul(x, self.kernel) + keras.ops.matmul(states[0], self.recurrent))
        return h, [h]


class HalfLSTMCell(layers.LSTMCell):
    """A subclass, which may compute something else, and does."""

    def call(self, inputs, states, training=False):
        h, states = super().call(inputs, states, training=training)
        return h / 2, states


#: layers -> the operators that they are
LAYERS = {
    "lstm": (lambda: [layers.LSTM(4, return_sequences=True), layers.LSTM(3)], {"LSTM": 2}),
    "lstm of other functions": (
        lambda: [layers.LSTM(4, activation="relu", recurrent_activation="hard_sigmoid", use_bias=False)],
        {"LSTM": 1},
    ),
    "lstm backwards": (lambda: [layers.LSTM(4, go_backwards=True, return_sequences=True)], {"LSTM": 1}),
    "lstm of a function that the operator lacks": (lambda: [layers.LSTM(4, activation="gelu")], {"Scan": 1}),
    "gru": (lambda: [layers.GRU(4, return_sequences=True), layers.GRU(3, reset_after=False)], {"GRU": 2}),
    "simple rnn": (lambda: [layers.SimpleRNN(4)], {"RNN": 1}),
    "rnn over a cell": (lambda: [layers.RNN(layers.GRUCell(4))], {"GRU": 1}),
    "masked": (
        lambda: [
            layers.Masking(),
            layers.LSTM(4, return_sequences=True),
            layers.GRU(4, return_sequences=True, go_backwards=True),
            layers.SimpleRNN(3),
        ],
        {"LSTM": 1, "GRU": 1, "RNN": 1},
    ),
    "both directions": (
        lambda: [
            layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
            layers.Bidirectional(layers.GRU(3)),
        ],
        {"LSTM": 1, "GRU": 1},
    ),
    "both directions masked": (
        lambda: [layers.Masking(), layers.Bidirectional(layers.LSTM(4, return_sequences=True))],
        {"LSTM": 2},
    ),
    "own cell": (lambda: [layers.RNN(Own(4), return_sequences=True), layers.RNN(Own(3))], {"Scan": 2}),
    "own cell masked": (lambda: [layers.Masking(), layers.RNN(Own(4), return_sequences=True)], {"Scan": 1}),
    "subclass of a cell": (lambda: [layers.RNN(HalfLSTMCell(4))], {"Scan": 1}),
    "stacked": (lambda: [layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)])], {"Scan": 1}),
}


def model_of(name):
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((None, FEATURES)), *LAYERS[name][0]()])


def loops(monkeypatch):
    """From here on layers run step by step."""
    monkeypatch.setattr(recurrent, "_as_operator", lambda *_: None)
    for name in ("LSTM", "GRU"):
        monkeypatch.setattr(getattr(layers, name), "inner_loop", layers.RNN.inner_loop)
    monkeypatch.setattr(layers.Bidirectional, "_can_attempt_fused_lstm", lambda *_: False)
    monkeypatch.setattr(layers.Bidirectional, "_can_attempt_fused_gru", lambda *_: False)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_operators_that_compute_what_their_loops_do(name, monkeypatch):
    model = model_of(name)
    x = X.copy()
    x[0, 3:] = x[1, :2] = 0  # what a mask skips
    graph, _, _ = traced_model(model, [keras.KerasTensor((None, None, FEATURES), "float32", name="x")])
    kinds = [node.op_type for node in graph.nodes]
    assert {kind: kinds.count(kind) for kind in ("LSTM", "GRU", "RNN", "Scan") if kind in kinds} == LAYERS[
        name
    ][1]
    at_once, predicted = model(x).detach().numpy(), model.predict(x, verbose=0)
    np.testing.assert_allclose(predicted, at_once, rtol=1e-4, atol=1e-5)
    loops(monkeypatch)
    np.testing.assert_allclose(at_once, model(x).detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["lstm", "gru", "simple rnn", "masked", "both directions", "own cell masked"]
)
def test_gradients_are_those_of_the_loop(name, monkeypatch):
    model = model_of(name)

    def gradients():
        model.zero_grad()
        (model(X) ** 2).sum().backward()
        return [v.value.grad.clone() for v in model.trainable_variables]

    fused = gradients()
    loops(monkeypatch)
    for a, b in zip(fused, gradients(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_masked_outputs_are_zero_where_that_is_asked_for():
    keras.utils.set_random_seed(1)
    layer = layers.LSTM(4, return_sequences=True, zero_output_for_mask=True)
    found = layer(X, mask=MASK).detach().numpy()
    assert (found[~MASK] == 0).all() and (found[MASK] != 0).all()


def test_masks_that_only_the_loop_knows_leave_states_as_they_are():
    layer = layers.LSTM(4, return_state=True)
    _, h, c = layer(X, mask=MASK, initial_state=[np.ones((BATCH, 4), "float32")] * 2)
    assert (h[2] == 1).all() and (c[2] == 1).all() and not (h[0] == 1).any()
