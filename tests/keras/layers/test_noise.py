"""Noise layers: nothing at inference as in Keras 2.3.1, the right distribution while training."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras import layers
from tests.keras.layers.golden_layers import CHECKS, goldens, name_of

CASES = goldens("GaussianNoise", "GaussianDropout", "AlphaDropout")


@pytest.mark.parametrize("golden", CASES, ids=name_of)
@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_layer_equals_keras(check, golden):
    check(golden)


def runner(layer, shape):
    inputs = layers.Input(shape)
    return K.function([inputs, K.learning_phase()], [layer(inputs)])


@pytest.mark.parametrize(
    "layer, value, mean, deviation",
    [
        (lambda: layers.GaussianNoise(0.5), 2.0, 2.0, 0.5),
        (lambda: layers.GaussianDropout(0.2), 2.0, 2.0, 2.0 * 0.5),
        (lambda: layers.AlphaDropout(0.3), 0.0, 0.0, None),
    ],
)
def test_noise_has_its_distribution_and_is_drawn_anew(layer, value, mean, deviation):
    run = runner(layer(), (400,))
    x = np.full((200, 400), value, "float32")
    first, second = run([x, 1])[0], run([x, 1])[0]
    assert (first != second).any()
    if deviation is not None:
        np.testing.assert_allclose(first.mean(), mean, atol=0.02)
        np.testing.assert_allclose(first.std(), deviation, rtol=0.02)
    np.testing.assert_array_equal(run([x, 0])[0], x)


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=(300, 400)).astype("float32")
    (found,) = runner(layers.AlphaDropout(0.3), (400,))([x, 1])
    np.testing.assert_allclose(found.mean(), 0.0, atol=0.02)
    np.testing.assert_allclose(found.std(), 1.0, atol=0.02)
    values, counts = np.unique(found, return_counts=True)
    dropped = counts.max() / x.size  # all dropped elements have one value
    np.testing.assert_allclose(dropped, 0.3, atol=0.01)
    assert values[counts.argmax()] < 0


def test_alpha_dropout_shares_along_axes_of_size_one():
    (found,) = runner(layers.AlphaDropout(0.5, noise_shape=(None, 1, 3)), (4, 3))([np.zeros((20, 4, 3)), 1])
    assert (found.max(axis=1) == found.min(axis=1)).all()
    assert len(np.unique(found)) == 2


@pytest.mark.parametrize("make", [layers.GaussianNoise, layers.GaussianDropout, layers.AlphaDropout])
def test_a_seed_repeats_the_numbers(make):
    x = np.ones((4, 5), "float32")
    (first,), (second,) = runner(make(0.5, seed=3), (5,))([x, 1]), runner(make(0.5, seed=3), (5,))([x, 1])
    np.testing.assert_array_equal(first, second)
    assert make(0.5, seed=3).get_config()["seed"] == 3


@pytest.mark.parametrize("make", [layers.GaussianDropout, layers.AlphaDropout, layers.Dropout])
@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_rates_at_the_ends_do_nothing(make, rate):
    x = np.ones((4, 5), "float32")
    np.testing.assert_array_equal(runner(make(rate), (5,))([x, 1])[0], x)
