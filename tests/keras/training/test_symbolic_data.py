"""Symbolic tensors in place of arrays are computed anew for each batch."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras.layers import Dense, Input
from kcompile.keras.models import Model

pytest.importorskip("torch")

X = np.arange(30.0).reshape(10, 3)


def dense(inputs: int = 3, outputs: int = 2) -> Model:
    x = Input((inputs,), name="x")
    return Model(x, Dense(outputs, name="y", kernel_initializer="ones")(x))


@pytest.mark.parametrize("form", ["one", "list", "dict"])
def test_tensors_are_data_for_a_number_of_steps(form):
    model = dense()
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = K.variable(X), K.zeros((10, 2))
    x, y = {"one": (x, y), "list": ([x], [y]), "dict": ({"x": x}, {"y": y})}[form]
    expected = model.test_on_batch(X, np.zeros((10, 2)))
    assert model.test_on_batch(x, y) == expected
    assert model.evaluate(x, y, steps=2, verbose=0) == expected
    assert model.predict(x, steps=3).shape == (30, 2)
    logs = model.fit(x, y, steps_per_epoch=2, validation_data=(x, y), validation_steps=1, verbose=0)
    assert set(logs.history) == {"loss", "mae", "val_loss", "val_mae"}


def test_a_random_tensor_is_new_data_in_each_step():
    model = dense()
    found = model.predict(K.random_uniform((4, 3)), steps=2)
    assert not np.allclose(found[:4], found[4:])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x, y: m.fit(x, y), "should specify the `steps_per_epoch`"),
        (
            lambda m, x, y: m.fit(x, y, steps_per_epoch=1, validation_split=0.5),
            "cannot use `validation_split`",
        ),
        (lambda m, x, y: m.fit(X, X[:, :2], validation_data=(x, y)), "should specify the `validation_steps`"),
        (lambda m, x, y: m.evaluate(x, y), "should specify the `steps`"),
        (lambda m, x, y: m.predict(x), "should specify the `steps`"),
    ],
)
def test_tensors_need_a_number_of_steps(call, message):
    model = dense()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=message):
        call(model, K.variable(X), K.zeros((10, 2)))
