"""``tf.experimental.numpy`` computes what NumPy does, on tensors."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import tf_keras
from kcompile.tf_keras import tensorflow as tf

tnp = tf.experimental.numpy
X = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], "float32")
CASES = {
    "matmul": lambda m, x: m.matmul(x, m.transpose(x)),
    "sum": lambda m, x: m.sum(x, axis=1),
    "mean": lambda m, x: m.mean(x, axis=0, keepdims=True),
    "maximum": lambda m, x: m.maximum(x, 0.0),
    "concatenate": lambda m, x: m.concatenate([x, x], axis=1),
    "expand_dims": lambda m, x: m.expand_dims(x, 0),
    "where": lambda m, x: m.where(x > 0, x, -x),
    "clip": lambda m, x: m.clip(x, -1.0, 1.0),
    "einsum": lambda m, x: m.einsum("ij,kj->ik", x, x),
    "absolute": lambda m, x: m.absolute(x),
    "argmax": lambda m, x: m.argmax(x, axis=1),
    "cumsum": lambda m, x: m.cumsum(x, axis=1),
    "full_like": lambda m, x: m.full_like(x, 3.0),
    "array": lambda m, x: m.array(x, ndmin=3),
}


@pytest.mark.parametrize("name", CASES)
def test_functions_compute_at_once_what_numpy_does(name):
    found = CASES[name](tnp, tf.constant(X))
    assert hasattr(found, "interpreter")  # a tensor that has been computed
    np.testing.assert_allclose(found.numpy(), CASES[name](np, X), rtol=1e-6)


@pytest.mark.parametrize("name", sorted(set(CASES) - {"array", "concatenate", "full_like", "expand_dims"}))
def test_the_same_text_makes_a_model(name):
    x = tf_keras.Input(batch_shape=X.shape)
    model = tf_keras.Model(x, CASES[name](tnp, x))
    np.testing.assert_allclose(model.predict_on_batch(X), CASES[name](np, X), rtol=1e-6)


def test_arrays_and_lists_are_taken_and_have_gradients():
    assert tnp.sum(np.arange(3.0)).numpy() == tnp.sum([0.0, 1.0, 2.0]).numpy() == 3
    weight = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        loss = tnp.sum(tnp.square(weight))
    assert tape.gradient(loss, weight).numpy().tolist() == [2, 4]
    tnp.experimental_enable_numpy_behavior()
    assert isinstance(loss, tnp.ndarray) and tnp.ones((2,)).dtype == tnp.float32


def test_random_numbers_have_shapes_and_bounds():
    assert tnp.random.randn(2, 3).shape == tnp.random.standard_normal((2, 3)).shape == (2, 3)
    whole = tnp.random.randint(2, 5, size=(200,)).numpy()
    assert set(whole.tolist()) == {2, 3, 4}
    some = tnp.random.uniform(1.0, 2.0, size=(100,)).numpy()
    assert 1 <= some.min() < some.max() < 2


def test_a_first_argument_has_numpys_name():
    a = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(np.asarray(tnp.sum(a=a, axis=0)), a.sum(0))
    np.testing.assert_array_equal(np.asarray(tnp.flip(m=a, axis=1)), a[:, ::-1])
    np.testing.assert_array_equal(np.asarray(tnp.ravel(a=a)), a.ravel())
