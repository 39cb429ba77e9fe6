"""Losses, targets and metrics of several inputs and outputs."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras.layers import Dense, Input
from kcompile.keras.models import Model
from tests.keras.training.networks import X, Y

pytest.importorskip("torch")


def two_ends():
    a, b = Input((3,), name="a"), Input((2,), name="b")
    h = keras.layers.concatenate([a, b])
    model = Model([a, b], [Dense(1, name="first")(h), Dense(2, name="second")(a)])
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics={"second": "mae"}, loss_weights={"first": 2.0})
    return model


ENDS = [X, X[:, :2]], [Y, X[:, 1:]]


@pytest.mark.parametrize(
    "x, y",
    [
        ENDS,
        (tuple(ENDS[0]), tuple(ENDS[1])),
        ({"b": ENDS[0][1], "a": ENDS[0][0]}, {"second": ENDS[1][1], "first": ENDS[1][0]}),
    ],
    ids=["lists", "tuples", "dicts"],
)
def test_data_in_every_form(x, y):
    model = two_ends()
    model.fit(x, y, verbose=0, validation_split=0.2)
    loss, first_loss, second_loss, second_mae = model.evaluate(x, y, verbose=0)
    first, second = model.predict(x)
    assert first_loss == pytest.approx(((first - Y) ** 2).mean(), rel=1e-5)
    assert second_mae == pytest.approx(np.abs(second - X[:, 1:]).mean(), rel=1e-5)
    assert loss == pytest.approx(2 * first_loss + second_loss, rel=1e-5)
    assert model.metrics_names == ["loss", "first_loss", "second_loss", "second_mae"]


def test_sample_weights_by_output():
    model = two_ends()
    weights = np.linspace(0, 1, 20)
    _, first_loss, second_loss, _ = model.evaluate(*ENDS, sample_weight={"first": weights}, verbose=0)
    first, second = model.predict(ENDS[0])
    assert first_loss == pytest.approx((weights * ((first - Y) ** 2)[:, 0]).mean(), rel=1e-5)
    assert second_loss == pytest.approx(((second - X[:, 1:]) ** 2).mean(), rel=1e-5)


def test_outputs_without_a_loss_are_not_fed():
    x = Input((3,))
    model = Model(x, [Dense(1, name="trained")(x), Dense(1, name="watched")(x)])
    model.compile("sgd", {"trained": "mse"})
    watched = model.get_layer("watched").get_weights()
    model.fit(X, {"trained": Y}, verbose=0)
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.get_layer("watched").get_weights()[0], watched[0])


def test_two_outputs_of_one_layer():
    a, b = Input((3,)), Input((3,))
    shared = Dense(1, name="shared")
    model = Model([a, b], [shared(a), shared(b)])
    model.compile("sgd", "mse", metrics=["mae"])
    results = model.train_on_batch([X, -X], [Y, Y])
    assert len(results) == len(model.metrics_names) == 5


def test_target_tensors():
    x = Input((3,))
    y = Dense(1)(x)
    model = Model(x, y)
    model.compile("sgd", "mse", target_tensors=[K.constant(np.zeros((1, 1)))])
    assert model.train_on_batch(X) == pytest.approx((np.square(X @ np.zeros((3, 1)) - 0)).mean(), abs=10)
