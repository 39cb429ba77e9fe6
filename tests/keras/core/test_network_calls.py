"""Networks called as layers: weights shared, ends of their own, masks and arguments kept."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras.layers import Activation, Dense, Dropout, Input, concatenate
from kcompile.keras.models import Model

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


@pytest.fixture(autouse=True)
def fresh_names():
    K.clear_session()


def test_a_model_called_on_a_new_input_shares_its_weights():
    x = Input((3,))
    inner = Model(x, Dense(2)(x))
    y = Input((3,))
    outer = Model(y, inner(Activation("relu")(y)))
    np.testing.assert_allclose(outer.predict(X), inner.predict(np.maximum(X, 0)), rtol=1e-5, atol=1e-6)
    inner.set_weights([2 * w for w in inner.get_weights()])
    np.testing.assert_allclose(outer.predict(X), inner.predict(np.maximum(X, 0)), rtol=1e-5, atol=1e-6)


def test_a_model_with_several_inputs_and_outputs_as_a_layer():
    a, b = Input((3,)), Input((2,))
    inner = Model([a, b], [Dense(2)(a), concatenate([a, b])])
    c, d = Input((3,)), Input((2,))
    first, second = inner([c, d])
    outer = Model([d, c], [second, first])
    left, right = inner.predict([X, X[:, :2]])
    again_right, again_left = outer.predict([X[:, :2], X])
    np.testing.assert_allclose(left, again_left, rtol=1e-6)
    np.testing.assert_allclose(right, again_right, rtol=1e-6)
    assert [layer.name for layer in outer.layers][-1] == inner.name


def test_own_and_called_ends_of_a_nested_model():
    x = Input((3,))
    inner = Model(x, Dense(2)(x))
    y = Input((3,))
    called = inner(y)
    assert inner.input is x and inner.get_input_at(0) is x and inner.get_input_at(1) is y
    assert inner.get_output_at(1) is called and inner.output is not called
    assert (inner.input_shape, inner.output_shape) == ((None, 3), (None, 2))


def test_call_again_keeps_masks_and_arguments():
    x = Input((4, 3))
    masked = keras.layers.Masking()(x)
    inner = Model(x, masked)
    y = Input((4, 3))
    assert inner(y)._keras_mask is not None
    z = Input((3,))
    dropped = Model(z, Dropout(0.5)(z, training=True))
    w = Input((3,))
    outer = Model(w, dropped(w))
    assert (outer.predict(np.ones((50, 3), "f")) == 0).any()
