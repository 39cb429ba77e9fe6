"""A layer or a subclassed model that holds models of its own: what these add as they build themselves is
theirs, what they add when called on the outer one's tensors is the outer one's."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras import layers as L

torch = pytest.importorskip("torch")

X = np.random.RandomState(0).uniform(-1, 1, (16, 3)).astype("float32")
Y = X.sum(1, keepdims=True)
SETTINGS = {"kernel_initializer": "ones", "activity_regularizer": keras.regularizers.l2(0.1)}


def stack():
    """What every inner model is made of: an activity regularizer and moving averages."""
    return [L.Dense(4, **SETTINGS), L.BatchNormalization(), L.Activation("relu")]


def sequential(shape):
    return keras.Sequential(stack())


def sequential_with_input(shape):
    return keras.Sequential([L.InputLayer(shape), *stack()])


def built_sequential(shape):
    model = sequential(shape)
    model.build((None, *shape))
    return model


def functional(shape):
    x = y = keras.Input(shape)
    for layer in stack():
        y = layer(y)
    return keras.Model(x, y)


def nested(shape):
    return keras.Sequential([sequential(shape)])


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = stack()

    def call(self, x):
        for layer in self.inner:
            x = layer(x)
        return x


def subclassed(shape):
    return Subclassed()


def built_subclassed(shape):
    model = Subclassed()
    model.build((None, *shape))
    return model


INNER = [
    sequential,
    sequential_with_input,
    built_sequential,
    functional,
    nested,
    subclassed,
    built_subclassed,
]


def holder(base, where, make):
    """A class over ``base`` that makes its inner model in __init__, in build, or at its first call."""

    class Holder(base):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = make((3,)) if where == "__init__" else None

        def build(self, input_shape):
            if where == "build":
                self.inner = make((3,))
            super().build(input_shape)

        def call(self, x):
            if self.inner is None:
                self.inner = make((3,))
            return self.inner(x)

        def compute_output_shape(self, shape):
            return (*shape[:-1], 4)

    return Holder


def plain_results():
    """Loss, weights and moving mean of the same layers without anything around them."""
    model = keras.Sequential([L.InputLayer((3,)), *stack()])
    return trained(model)


def trained(model):
    model.compile(keras.optimizers.SGD(0.1), "mse")
    losses = model.fit(X, np.repeat(Y, 4, 1), epochs=2, batch_size=8, shuffle=False, verbose=0)
    return losses.history["loss"], sorted(w.sum() for w in model.get_weights())


@pytest.mark.parametrize("make", INNER)
@pytest.mark.parametrize("where", ["__init__", "build", "call"])
def test_a_layer_that_holds_a_model_trains_as_its_parts_do(where, make):
    x = keras.Input((3,))
    model = keras.Model(x, holder(L.Layer, where, make)()(x))
    assert (len(model.losses), len(model.updates), len(model.weights)) == (1, 2, 6)
    losses, weights = trained(model)
    expected_losses, expected_weights = plain_results()
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-4)


@pytest.mark.parametrize("make", INNER)
@pytest.mark.parametrize("where", ["__init__", "call"])
def test_a_subclassed_model_that_holds_a_model_trains_as_its_parts_do(where, make):
    model = holder(keras.Model, where, make)()
    losses, weights = trained(model)
    assert (len(model.losses), len(model.updates)) == (1, 2)
    expected_losses, expected_weights = plain_results()
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-4)


@pytest.mark.parametrize("make", INNER)
def test_wrappers_and_second_calls_count_what_they_call(make):
    x = keras.Input((5, 3))
    layer = holder(L.Layer, "__init__", make)()
    model = keras.Model(x, L.TimeDistributed(layer)(x))
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 5, 3)), np.ones((4, 5, 4)), verbose=0)
    assert len(model.updates) == 2
    y, z = keras.Input((3,)), keras.Input((3,))
    both = keras.Model([y, z], L.add([layer(y), layer(z)]))
    both.compile("sgd", "mse")
    both.fit([X, X], np.repeat(Y, 4, 1), verbose=0)
    assert (len(both.losses), len(both.updates)) == (2, 4)


def test_what_build_adds_counts_in_every_model_that_has_the_layer():
    """Concrete dropout adds its regularisation in build; the layer around it may call it several times."""

    class Regularized(L.Layer):
        def build(self, shape):
            self.rate = self.add_weight(name="rate", shape=(), initializer="ones")
            self.add_loss(3 * K.square(self.rate))
            super().build(shape)

        def call(self, x):
            return x * self.rate

    class Around(L.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Regularized()

        def call(self, x):
            return self.inner(x)

    around, x, y = Around(), keras.Input((3,)), keras.Input((3,))
    first, second = keras.Model(x, around(x)), keras.Model(y, around(y))
    for model in (first, second):
        assert [float(K.eval(loss)) for loss in model.losses] == [3.0]


def test_asking_an_inner_layer_for_its_shape_adds_nothing():
    class Asking(L.Layer):
        def __init__(self):
            super().__init__()
            self.inner = L.Dense(4, activity_regularizer="l2")
            self.model = keras.Sequential([L.Dense(4, input_shape=(3,)), L.BatchNormalization()])

        def call(self, x):
            assert self.inner.compute_output_shape((None, 3)) == (None, 4)
            assert self.model.compute_output_shape((7, 3)) == (7, 4)
            return self.inner(x) + self.model(x)

    x = keras.Input((3,))
    model = keras.Model(x, Asking()(x))
    assert (len(model.losses), len(model.updates)) == (1, 2)
    trained(model)


def test_a_subclassed_model_leaves_out_calls_of_its_layers_that_are_not_its_own():
    model = Subclassed()
    model.inner[0](keras.Input((3,)))
    model(keras.Input((3,)))
    keras.Model(y := keras.Input((3,)), model(y))
    assert (len(model.losses), len(model.updates)) == (1, 2)
    trained(model)
