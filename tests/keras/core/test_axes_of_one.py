"""Functional models called on inputs with a last axis of size 1 too many or too few."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import Input, layers, rules
from kcompile.keras.models import Model
from kcompile.torch_bridge.arrays import as_tensor
from kcompile.torch_bridge.eager import TorchInterpreter

RNG = np.random.RandomState(0)


def eager(array):
    return TorchInterpreter().eager(as_tensor(array))


def columns():
    x = {name: Input((1,), name=name) for name in "ab"}
    return Model(x, layers.Dense(2)(layers.Concatenate()(list(x.values()))))


@pytest.mark.parametrize("how", [eager, lambda array: array], ids=["eager", "numbers"])
@pytest.mark.parametrize("its", [rules.TF_KERAS, rules.KERAS_3], ids=lambda its: its.name)
def test_columns_gain_the_axis_that_inputs_have(its, how):
    with rules.following(its):
        model = columns()
    given = {name: RNG.rand(4).astype("float32") for name in "ab"}
    kernel, bias = model.get_weights()
    expected = np.stack([given["a"], given["b"]], -1) @ kernel + bias
    found = model({name: how(array) for name, array in given.items()})
    np.testing.assert_allclose(np.asarray(found.numpy()), expected, rtol=1e-5)


def test_columns_lose_the_axis_that_inputs_lack():
    with rules.following(rules.TF_KERAS):
        x = Input(())
        model = Model(x, layers.Lambda(lambda x: x * 2)(x))
    given = RNG.rand(4, 1).astype("float32")
    np.testing.assert_allclose(model(eager(given)).numpy(), given[:, 0] * 2)


def test_steps_that_compute_at_once_fit_columns():
    with rules.following(rules.TF_KERAS):
        model = columns()
        model.compile("sgd", "mse", run_eagerly=True)
        data = {name: RNG.rand(8).astype("float32") for name in "ab"}
        losses = model.fit(data, np.ones((8, 2)), batch_size=2, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_keras_2_says_that_they_do_not_fit():
    with pytest.raises(ValueError, match="expected min_ndim=2, found ndim=1"):
        columns()({name: eager(RNG.rand(4).astype("float32")) for name in "ab"})
