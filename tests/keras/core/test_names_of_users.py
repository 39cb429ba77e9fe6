"""Classes of users have methods and attributes of names that programs commonly take, and work as they are."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import layers as L

pytest.importorskip("torch")

#: Short private names as programs give them to methods and attributes of models and layers.
NAMES = """
_add _append _apply _at_once _batch _build_model _cache _call _check _compiled _compute _config _count
_create _data _devices _encode _decode _evaluate _extend _features _fit _forward _get _given _graph
_hidden _include _init _initialize _inner _input_dim _inputs _kind _loop _make _mask _model _network _noun
_num _numbers _on_batch _options _output_dim _outputs _overrides _params _predict _prediction _predictions
_predictor _predicts _prepare _process _reset _restack _run _sample _setup _shape _single _size _stack
_start _state _states _step _steps _stop _tracking _train _update _upgraded _value _values _view _weights
_zeros
""".split()
X = np.random.RandomState(0).normal(size=(16, 5, 3)).astype("float32")
Y = X.sum((1, 2))[:, None]


def shadowed(base, form):
    """A subclass of a base with every name taken, by methods or by attributes."""
    if form == "methods":
        body = {name: lambda self, *args, **kwargs: pytest.fail("a method of the user's") for name in NAMES}
        return type(f"Own{base.__name__}", (base,), body)

    def __init__(self, *args, **kwargs):
        base.__init__(self, *args, **kwargs)
        for name in NAMES:
            setattr(self, name, "the user's")

    return type(f"Own{base.__name__}", (base,), {"__init__": __init__})


def used(model, tmp_path):
    """A model through all that it is for."""
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, verbose=0, validation_split=0.25)
    model.train_on_batch(X, Y)
    found = model.evaluate(X, Y, verbose=0)
    predicted = model.predict(X, verbose=0)
    assert np.isfinite(found).all() and predicted.shape == (16, 1)
    np.testing.assert_allclose(model(X), predicted, rtol=1e-4, atol=1e-5)
    model.save_weights(tmp_path / "w.h5")
    model.load_weights(tmp_path / "w.h5")
    model.export(tmp_path / "m.onnx")
    model.summary(print_fn=lambda line: None)


@pytest.mark.parametrize("form", ["methods", "attributes"])
@pytest.mark.parametrize("kind", ["functional", "sequential", "subclassed", "own step", "LSTM", "Dense"])
def test_taken_names_change_nothing(kind, form, tmp_path):
    if kind == "sequential":
        model = shadowed(keras.Sequential, form)()
        for layer in (L.LSTM(4, input_shape=(5, 3)), L.Dense(2), L.Dense(3), L.Dense(1)):
            model.add(layer)
        model.pop()
        model.add(L.Dense(1))
    elif kind in ("LSTM", "Dense"):
        own = shadowed(getattr(L, kind), form)
        inputs = L.Input((5, 3))
        recurrent = (own if kind == "LSTM" else L.LSTM)(4)(inputs)
        model = keras.Model(inputs, (own if kind == "Dense" else L.Dense)(1)(recurrent))
    elif kind == "subclassed":

        class Plain(keras.Model):
            def __init__(self):
                super().__init__()
                self.recurrent, self.dense = L.LSTM(4, dropout=0.1), L.Dense(1)

            def call(self, x, training=None):
                return self.dense(self.recurrent(x, training=training))

        model = shadowed(Plain, form)()
    else:

        class Stepping(keras.Model):
            def train_step(self, data):
                return super().train_step(data)

        inputs = L.Input((5, 3))
        own = shadowed(Stepping if kind == "own step" else keras.Model, form)
        model = own(inputs, L.Dense(1)(L.LSTM(4)(inputs)))
    used(model, tmp_path)
