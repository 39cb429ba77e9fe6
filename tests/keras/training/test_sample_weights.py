"""Weights of samples, timesteps and classes."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras.layers import Dense
from kcompile.keras.models import Sequential
from tests.keras.training.networks import RANDOM, X, Y, linear

pytest.importorskip("torch")


def classes(loss="categorical_crossentropy", **compile_arguments):
    model = Sequential([Dense(3, activation="softmax", input_shape=(3,))])
    model.compile(keras.optimizers.SGD(0.0), loss, **compile_arguments)
    return model


LABELS = RANDOM.randint(0, 3, 20)


def test_sample_weights_scale_losses_and_weighted_metrics_only():
    model = linear(optimizer=keras.optimizers.SGD(0.0), metrics=["mae"], weighted_metrics=["mae"])
    weights = np.linspace(0, 2, 20)
    loss, plain, weighted = model.evaluate(X, Y, sample_weight=weights, verbose=0)
    error = np.abs(model.predict(X) - Y)[:, 0]
    assert loss == pytest.approx((weights * error**2).mean(), rel=1e-5)
    assert plain == pytest.approx(error.mean(), rel=1e-5)
    assert weighted == pytest.approx((weights * error).sum() / weights.sum(), rel=1e-5)
    assert model.metrics_names == ["loss", "mae", "mae_1"]


@pytest.mark.parametrize("one_hot", [True, False])
def test_class_weights_are_sample_weights_by_class(one_hot):
    model = classes("categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy")
    y = np.eye(3)[LABELS] if one_hot else LABELS
    table = {0: 0.5, 1: 2.0, 2: 3.0}
    by_class = model.fit(X, y, class_weight=table, batch_size=20, verbose=0).history["loss"][0]
    by_sample = model.evaluate(
        X, y, sample_weight=np.array([table[c] for c in LABELS]), batch_size=20, verbose=0
    )
    assert by_class == pytest.approx(by_sample, rel=1e-5)
    assert model.train_on_batch(X, y, class_weight=table) == pytest.approx(by_sample, rel=1e-5)


def test_temporal_sample_weights():
    model = Sequential([Dense(2, input_shape=(4, 3))])
    model.compile("sgd", "mse", sample_weight_mode="temporal")
    x, y = RANDOM.uniform(size=(5, 4, 3)), RANDOM.uniform(size=(5, 4, 2))
    weights = RANDOM.uniform(size=(5, 4))
    expected = (((model.predict(x) - y) ** 2).mean(-1) * weights).mean()
    assert model.evaluate(x, y, sample_weight=weights, verbose=0) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="2D array, with shape .samples, sequence_length"):
        model.evaluate(x, y, sample_weight=weights[:, 0], verbose=0)


WEIGHT_MISTAKES = {
    "one weight too few": ({"sample_weight": np.ones(19)}, r"one weight per sample|same number of samples"),
    "a matrix of weights": ({"sample_weight": np.ones((20, 2))}, 'set `sample_weight_mode="temporal"`'),
    "a class without weight": ({"class_weight": {0: 1.0, 1: 1.0}}, r"classes \[2\] exist in the data"),
}


@pytest.mark.parametrize("name", WEIGHT_MISTAKES)
def test_weights_that_do_not_fit(name):
    arguments, message = WEIGHT_MISTAKES[name]
    with pytest.raises((ValueError, TypeError), match=message):
        classes("sparse_categorical_crossentropy").fit(X, np.resize([0, 1, 2], 20), verbose=0, **arguments)
