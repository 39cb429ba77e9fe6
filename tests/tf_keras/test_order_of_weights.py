"""In which order a model lists its weights, as in tf_keras 2.21."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompile import keras as keras_2
from kcompile import tf_keras as keras
from kcompile.tf_keras import tensorflow as tf


def normalized(front_end: Any) -> Any:
    return front_end.Sequential(
        [
            front_end.layers.Dense(2, input_shape=(3,)),
            front_end.layers.BatchNormalization(),
            front_end.layers.Dense(1),
        ]
    )


class Own(keras.Model):
    """Has variables beside its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.before = tf.Variable(1.0, name="before", trainable=False)
        self.first = keras.layers.Dense(2)
        self.scale = tf.Variable(1.0, name="scale")
        self.inner = normalized(keras)

    def call(self, x: Any) -> Any:
        return self.inner(tf.pad(self.first(x), [[0, 0], [0, 1]])) * self.scale


def ends(weights: Any) -> list[str]:
    return [weight.name.split(":")[0].split("/")[-1] for weight in weights]


DENSE, NORM = ["kernel", "bias"], ["gamma", "beta", "moving_mean", "moving_variance"]


def test_weights_are_listed_layer_by_layer_and_those_of_the_model_last() -> None:
    assert ends(normalized(keras).weights) == [*DENSE, *NORM, *DENSE]
    model = Own()
    model(np.ones((1, 4), "float32"))
    assert ends(model.weights) == [*DENSE, *DENSE, *NORM, *DENSE, "scale", "before"]
    assert ends(model.variables) == ends(model.weights)


def test_keras_2_lists_the_trainable_ones_first() -> None:
    assert ends(normalized(keras_2).weights) == [*DENSE, *NORM[:2], *DENSE, *NORM[2:]]


@pytest.mark.parametrize("make", [lambda: normalized(keras), Own], ids=["Sequential", "subclassed"])
def test_what_is_computed_of_weights_goes_into_set_weights(make: Any) -> None:
    model = make()
    model(np.ones((1, 3), "float32"))
    before = model.get_weights()
    model.set_weights([2 * weight.numpy() + 1 for weight in model.weights])
    for old, new, weight in zip(before, model.get_weights(), model.weights, strict=True):
        np.testing.assert_allclose(new, 2 * old + 1)
        np.testing.assert_allclose(weight.numpy(), new)
