"""The predictor of a model: which arrays go to the runtime as they are, and what is made only once."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras.layers import LSTM, Dense, Input
from kcompile.keras.models import Model, Sequential
from kcompile.keras.training import prediction
from tests.keras.training.networks import words

X = np.random.RandomState(3).uniform(-1, 1, (6, 3)).astype("float32")


def dense():
    return Sequential([Dense(2, input_shape=(3,))])


def two_inputs():
    a, b = Input((3,)), Input((3,))
    return Model([a, b], Dense(2)(a))


def stateful():
    return Sequential([LSTM(2, stateful=True, batch_input_shape=(6, 1, 3))])


def by_name():
    x = Input((3,))
    return Model(x, {"y": Dense(2)(x)})


AS_IT_IS = {  # model, array, batch_size, whether the runtime takes it
    "what fits": (dense, X, None, True),
    "no samples": (dense, X[:0], None, True),
    "a batch size": (dense, X, 4, True),
    "indices": (words, np.zeros((2, 3), "float32"), None, True),
    "another type": (dense, X.astype("float64"), None, False),
    "another shape": (dense, X[:, :2], None, False),
    "another rank": (dense, X[0], None, False),
    "a list": (dense, X.tolist(), None, False),
    "no batch size": (dense, X, 0, False),
    "a batch size that is no number": (dense, X, "4", False),
    "two inputs": (two_inputs, X, None, False),
    "states": (stateful, X[:, None], None, False),
    "outputs by name": (by_name, X, None, False),
}


@pytest.mark.parametrize("case", AS_IT_IS)
def test_what_the_runtime_takes_as_it_is(case):
    make, x, batch_size, taken = AS_IT_IS[case]
    assert make()._network_predictor.takes(x, batch_size) is taken


@pytest.mark.parametrize("batch_size", [None, 1, 4, 6, 100])
def test_the_quick_way_predicts_what_the_other_does(batch_size):
    model = dense()
    expected = X @ model.get_weights()[0]
    for x in (X, X.astype("float64"), X.tolist()):
        np.testing.assert_allclose(model.predict(x, batch_size=batch_size), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(X), expected, rtol=1e-5, atol=1e-6)


def test_the_graph_is_sliced_once(monkeypatch):
    from kcompile import ir

    sliced, init = [], ir.Graph.__init__
    monkeypatch.setattr(ir.Graph, "__init__", lambda *args, **k: sliced.append(args[0]) or init(*args, **k))
    for make in (dense, words):
        model, x = make(), np.zeros((2, 3), "float32")
        sliced.clear()
        for given in (x, x.tolist(), x[:1]):
            model.predict(given)
        assert sliced == [model._network_predictor.graph]


def test_other_outputs_have_another_predictor():
    model = Sequential([Dense(4, input_shape=(3,)), Dense(2)])
    assert model.predict(X).shape == (6, 2)
    first = model._network_predictor
    assert model._network_predictor is first
    model.pop()
    assert model.predict(X).shape == (6, 4) and model._network_predictor is not first


def test_a_wrong_shape_is_named_as_keras_names_it_at_every_call():
    model = dense()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"Error when checking input.*shape \(3,\)"):
            model.predict(X[:, :2])
        model.predict(X)


def test_a_model_that_is_not_built_predicts_nothing():
    predictor = prediction.Predictor(Sequential([Dense(2)]))
    assert not predictor.specs and not predictor.takes(X)
