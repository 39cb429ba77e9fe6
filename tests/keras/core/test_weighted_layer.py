"""What a layer holds: weights made, read, set and frozen, and the layers and weights in its attributes."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras import constraints, initializers, regularizers
from kcompile.keras.core.layer import Layer
from kcompile.keras.layers import Dense, Input
from tests.keras.core.linear import Linear


@pytest.fixture(autouse=True)
def fresh_names():
    K.clear_session()


def test_add_weight_takes_everything():
    layer = Layer(name="own", dtype="float64")
    weight = layer.add_weight(
        name="w",
        shape=(3, 3, 2, 4),
        initializer=initializers.RandomNormal(seed=1),
        regularizer=regularizers.l2(0.5),
        constraint=constraints.non_neg(),
        memory_order=(3, 0, 1, 2),
        trainable=False,
    )
    assert weight.name == "own/w" and weight.dtype == np.float64 and not weight.trainable
    assert layer.non_trainable_weights == [weight] and layer.trainable_weights == []
    assert weight.storage.array.transpose(3, 0, 1, 2).flags.c_contiguous
    np.testing.assert_allclose(K.eval(layer.losses[0]), 0.5 * (weight.numpy() ** 2).sum(), rtol=1e-6)
    assert weight.constraint is not None


def test_add_weight_in_the_order_of_keras_2_0():
    layer = Layer()
    weight = layer.add_weight((2, 3), initializer="ones", name="w")
    assert weight.shape == (2, 3)


@pytest.mark.parametrize("shape", [(None, 3), (-1,), ("a",)])
def test_add_weight_needs_sizes(shape):
    with pytest.raises(ValueError, match="own: the weight 'w' needs known sizes"):
        Layer(name="own").add_weight(name="w", shape=shape)


@pytest.mark.parametrize(
    "initializer",
    [
        "zeros",
        initializers.Constant(3),
        lambda shape, dtype=None: np.ones(shape),
        lambda shape: K.ones(shape),
    ],
)
def test_initializers_of_every_kind(initializer):
    assert Layer().add_weight(name="w", shape=(2,), initializer=initializer).numpy().shape == (2,)


def test_get_and_set_weights_are_copies():
    layer = Linear(2)
    layer(Input((3,)))
    taken = layer.get_weights()
    taken[0][:] = 9
    assert (layer.get_weights()[0] == 1).all()
    layer.set_weights(taken)
    taken[0][:] = 7
    assert (layer.get_weights()[0] == 9).all()


def test_set_weights_that_do_not_fit_change_nothing():
    layer = Dense(2, name="own")
    layer(Input((3,)))
    before = layer.get_weights()
    with pytest.raises(
        ValueError, match="'own' with a list of 1 arrays, but the layer has 2 weights.*own/kernel"
    ):
        layer.set_weights([np.zeros((3, 2))])
    with pytest.raises(ValueError, match=r"own/bias has shape \(2,\), the given array has shape \(3,\)"):
        layer.set_weights([np.zeros((3, 2)), np.zeros(3)])
    for now, then in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_trainable_moves_weights():
    layer = Dense(2)
    layer(Input((3,)))
    assert len(layer.trainable_weights) == 2
    layer.trainable = False
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 2
    assert len(layer.weights) == 2


def test_names_carry_the_path_of_nested_layers():
    inner = Linear(2, name="inner")

    class Outer(Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = inner

        def call(self, x):
            return self.inner(x)

    Outer(name="outer")(Input((3,)))
    assert inner.weights[0].name == "outer/inner/kernel"


def test_layers_weights_and_metrics_in_attributes_belong_to_the_layer():
    class Holder(Layer):
        def __init__(self):
            super().__init__()
            self.one = Linear(2)
            self.many = [Linear(2), Linear(2)]
            self.named = {"a": Linear(2), "b": [Linear(2)]}
            self.pair = (Linear(2),)
            self.state = K.variable(np.zeros(2), name="state")
            self.metric = keras.metrics.Mean(name="mean")
            self.again = self.one

        def call(self, x):
            for layer in self._layers:
                layer(x)
            return x * self.state

    holder = Holder()
    holder(Input((2,)))
    assert len(holder._layers) == 6
    assert len(holder.trainable_weights) == 7
    assert [m.name for m in holder.metrics] == ["mean"]


def test_disable_tracking():
    from kcompile.keras.core.weighted_layer import disable_tracking

    class Quiet(Layer):
        @disable_tracking
        def __init__(self):
            super().__init__()
            self.inner = Linear(2)

    assert Quiet()._layers == []
