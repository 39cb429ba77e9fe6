"""Data of any kind becomes the arrays that a model takes."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import rules
from kcompile.keras.callbacks import Callback
from kcompile.keras.training.arrays import ArraySpec
from tests.keras.training.networks import X, Y, linear

pytest.importorskip("torch")


@pytest.mark.parametrize("dtype", ["float64", "int32", "uint8", "bool", "float16"])
def test_numbers_of_any_type_are_cast(dtype):
    data = np.round(np.abs(X) * 2).astype(dtype)
    model = linear()
    np.testing.assert_allclose(model.predict(data), model.predict(data.astype("float32")), rtol=1e-6)
    model.fit(data, data[:, :1], verbose=0)


def test_lists_of_numbers():
    model = linear()
    rows = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    np.testing.assert_allclose(model.predict(rows), model.predict(np.array(rows)), rtol=1e-6)
    model.fit(X.tolist(), Y[:, 0].tolist(), verbose=0)


def test_vectors_become_columns():
    model = linear()
    assert model.evaluate(X, Y[:, 0], verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0))


def test_arrays_with_strides_and_fortran_order():
    model = linear()
    wide = np.repeat(X, 2, axis=1)[:, ::2]
    for data in (wide, np.asfortranarray(X), X[::-1][::-1]):
        np.testing.assert_allclose(model.predict(data), model.predict(X.copy()), rtol=1e-6)


def test_torch_tensors():
    import torch

    model = linear()
    np.testing.assert_allclose(model.predict(torch.from_numpy(X)), model.predict(X), rtol=1e-6)
    model.fit(torch.from_numpy(X), torch.from_numpy(Y), verbose=0)


@pytest.mark.parametrize("samples", [1, 31, 32, 33, 100])
def test_predict_any_number_of_samples(samples):
    model = linear()
    data = np.resize(X, (samples, 3))
    for batch_size in (None, 7, 1000):
        kernel, bias = model.get_weights()
        found = model.predict(data, batch_size=batch_size)
        np.testing.assert_allclose(found, data @ kernel + bias, rtol=1e-4, atol=1e-5)


def test_predict_shows_progress_and_calls_back(capsys):
    calls = []

    class Watch(Callback):
        def on_predict_batch_end(self, batch, logs=None):
            calls.append((batch, logs["size"]))

    found = linear().predict(X, batch_size=8, verbose=1, callbacks=[Watch()])
    assert found.shape == (20, 1) and calls == [(0, 8), (1, 8), (2, 4)]
    assert "20/20" in capsys.readouterr().out


def test_predict_steps():
    assert linear().predict(X, batch_size=4, steps=2).shape == (8, 1)


@pytest.mark.parametrize("shape, given", [((3, 4, 1), (5, 3, 4)), ((3, 4), (5, 3, 4, 1))], ids=str)
def test_a_last_axis_of_size_1_comes_and_goes_by_the_rules_of_tf_keras(shape, given):
    spec = ArraySpec("x", (None, *shape), np.dtype("float32"))
    with rules.following(rules.TF_KERAS):
        assert spec.standardize(np.ones(given), "input").shape == (5, *shape)
    with pytest.raises(ValueError, match="dimensions"):
        spec.standardize(np.ones(given), "input")
