"""States of recurrent layers: given, carried from batch to batch, and what does not fit them."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras.layers import (
    GRU,
    LSTM,
    RNN,
    Dense,
    Input,
    LSTMCell,
)
from kcompile.keras.models import Model, Sequential, model_from_json

from .recurrence import BATCH, FEATURES, KINDS, STEPS, UNITS, X, draw, state_count


def stateful_model(kind="LSTM"):
    return Sequential([KINDS[kind](UNITS, stateful=True, batch_input_shape=(BATCH, STEPS, FEATURES))])


@pytest.mark.parametrize("kind", KINDS)
def test_training_evaluating_and_predicting_all_carry_the_states(kind):
    model = stateful_model(kind)
    model.compile("sgd", "mse")
    (layer,) = model.layers
    target = np.zeros((BATCH, UNITS), np.float32)
    seen = [K.get_value(layer.states[0])]
    for run in (
        lambda: model.train_on_batch(X, target),
        lambda: model.test_on_batch(X, target),
        lambda: model.predict(X, batch_size=BATCH),
        lambda: model.predict_on_batch(X),
    ):
        run()
        seen.append(K.get_value(layer.states[0]))
        assert np.abs(seen[-1] - seen[-2]).max() > 0
    model.reset_states()
    assert not K.get_value(layer.states[0]).any()


def test_states_are_no_weights():
    model = stateful_model()
    assert len(model.weights) == 3 and len(model.layers[0].states) == 2
    assert len(model.state_updates) == 2


def test_reset_states_sets_given_values():
    model = stateful_model()
    h, c = draw(BATCH, UNITS, seed=1), draw(BATCH, UNITS, seed=2)
    first = model.predict(X, batch_size=BATCH)
    model.layers[0].reset_states([h, c])
    found = model.predict(X, batch_size=BATCH)
    x, sh, sc = Input((STEPS, FEATURES)), Input((UNITS,)), Input((UNITS,))
    layer = LSTM(UNITS)
    other = Model([x, sh, sc], layer(x, initial_state=[sh, sc]))
    other.set_weights(model.get_weights())
    np.testing.assert_allclose(found, other.predict([X, h, c]), rtol=1e-5)
    assert np.abs(found - first).max() > 1e-3


def test_two_halves_of_a_sequence_in_a_stateful_layer_equal_the_whole():
    model = Sequential([GRU(UNITS, stateful=True, batch_input_shape=(BATCH, None, FEATURES))])
    whole = model.predict(X, batch_size=BATCH)
    model.reset_states()
    model.predict(X[:, :2], batch_size=BATCH)
    np.testing.assert_allclose(model.predict(X[:, 2:], batch_size=BATCH), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "act, error, message",
    [
        (lambda: Sequential([LSTM(2, stateful=True, input_shape=(4, 3))]), ValueError, "batch size"),
        (lambda: LSTM(2).reset_states(), AttributeError, "stateful"),
        (
            lambda: stateful_model().layers[0].reset_states([np.zeros((BATCH, UNITS))]),
            ValueError,
            "expects 2 states",
        ),
        (
            lambda: stateful_model().layers[0].reset_states([np.zeros((BATCH, UNITS)), np.zeros((1, UNITS))]),
            ValueError,
            r"State 1 .*expected shape=\(4, 5\), found shape=\(1, 5\)",
        ),
        (lambda: LSTM(2)(Input((3,))), ValueError, "expected ndim=3, found ndim=2"),
        (lambda: LSTM(2, unroll=True)(Input((None, 3))), ValueError, "fixed number of timesteps"),
        (lambda: RNN(object()), ValueError, "`call`"),
        (lambda: RNN([LSTMCell(2), Dense(3)]), ValueError, "`state_size`"),
        (lambda: LSTM(0), ValueError, "units must be a positive integer"),
        (lambda: LSTM(2, activation="nope"), ValueError, "nope"),
        (lambda: LSTM(2, wrong=1), TypeError, "wrong"),
        (
            lambda: LSTM(2)(Input((4, 3)), initial_state=[Input((2,))]),
            ValueError,
            "has 2 states but was passed 1",
        ),
        (
            lambda: GRU(2)(Input((4, 3)), initial_state=Input((3,))),
            ValueError,
            r"state_size is 2; found shape \(None, 3\)",
        ),
        (lambda: LSTM(2)(Input((4, 3)), initial_state=[Input((2,)), K.zeros((1, 2))]), ValueError, "mixed"),
        (lambda: GRU(2)([Input((4, 3)), Input((2,))], initial_state=Input((2,))), ValueError, "not both"),
        (lambda: GRU(2)(Input((4, 3)), constants=[K.zeros((1, 2))]), Exception, "constants"),
        (lambda: LSTM.from_config({"units": 2, "time_major": True}), ValueError, "time_major=True"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(act, error, message):
    with pytest.raises(error, match=message):
        act()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("as_list", [False, True], ids=["keyword", "list"])
def test_keras_tensors_as_initial_state_are_inputs_that_files_keep(kind, as_list):
    x, states = Input((STEPS, FEATURES)), [Input((UNITS,)) for _ in range(state_count(kind))]
    layer = KINDS[kind](UNITS, return_state=True)
    outputs = layer([x, *states]) if as_list else layer(x, initial_state=states)
    model = Model([x, *states], outputs)
    arrays = [X, *(draw(BATCH, UNITS, seed=i) for i in range(len(states)))]
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    found = again.predict(arrays)
    for a, b in zip(model.predict(arrays), found, strict=True):
        np.testing.assert_array_equal(a, b)
    zeros = [X, *(np.zeros((BATCH, UNITS), np.float32) for _ in states)]
    assert np.abs(model.predict(zeros)[0] - found[0]).max() > 1e-3


def test_other_tensors_as_initial_state_belong_to_the_call():
    x, h = Input(batch_shape=(BATCH, STEPS, FEATURES)), draw(BATCH, UNITS)
    layer = GRU(UNITS)
    model, other = Model(x, layer(x, initial_state=K.constant(h))), Input((UNITS,))
    expected = Model([x, other], layer(x, initial_state=other)).predict([X, h], batch_size=BATCH)
    np.testing.assert_array_equal(model.predict(X, batch_size=BATCH), expected)
