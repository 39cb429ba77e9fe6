"""Activations with parameters behave as in Keras 2.3.1."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import layers
from kcompile.keras.models import Sequential
from tests.keras.layers.golden_layers import golden_tests

test_layer_equals_keras, test_training_equals_keras = golden_tests(
    "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU", "Softmax", "ReLU"
)


# --- beyond the golden cases ---


def test_softmax_over_several_axes():
    model = Sequential([layers.Softmax(axis=[1, 2], input_shape=(3, 4))])
    x = np.random.default_rng(0).normal(0, 40, (2, 3, 4)).astype("f")
    powers = np.exp(x - x.max(axis=(1, 2), keepdims=True))
    np.testing.assert_allclose(model.predict(x), powers / powers.sum((1, 2), keepdims=True), rtol=1e-5)
    assert layers.Softmax.from_config(model.layers[-1].get_config()).axis == [1, 2]


def test_relu_layers_pass_masks_on():
    x = layers.Masking()(layers.Input((3, 2)))
    for layer in (layers.LeakyReLU(), layers.PReLU(), layers.ELU(), layers.ReLU(), layers.Softmax()):
        assert layer(x)._keras_mask is x._keras_mask


def test_names_of_later_versions_are_taken():
    assert layers.LeakyReLU(negative_slope=0.5).alpha == 0.5


def test_prelu_takes_no_other_shape_once_built():
    layer = layers.PReLU(shared_axes=[1])
    layer(layers.Input((3, 4)))
    layer(layers.Input((7, 4)))
    with pytest.raises(ValueError, match="expected axis 2 to have size 4, found 5"):
        layer(layers.Input((3, 5)))


@pytest.mark.parametrize(
    "make, problem",
    [
        (lambda: layers.ReLU(max_value=-1.0), r"max_value of ReLU layer cannot be negative value: -1.0"),
        (lambda: layers.ReLU(negative_slope=-1.0), r"negative_slope of ReLU layer cannot be negative value"),
        (
            lambda: layers.PReLU(shared_axes=[3])(layers.Input((4,))),
            r"shared_axes \[3\] must lie between 1 and 1",
        ),
        (lambda: layers.PReLU()(layers.Input((None, 4))), r"needs known sizes"),
    ],
)
def test_bad_arguments_and_inputs_are_refused_by_one_clear_error(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()
