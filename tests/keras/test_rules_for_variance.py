"""What BatchNormalization takes into its moving variance, by the program whose rules it follows.

The factors on the variance of the batch are those that tf_keras 2.21 and Keras 3.15 were seen to use.
"""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import layers, rules
from kcompile.keras.models import Sequential, load_model

SAMPLES = 5


def none(n):
    return 1.0


def kernels(n):
    return n / (n - 1)


def estimate(n):
    return n / (n - 1.001)


def both(n):
    return estimate(n) * kernels(n)


CASES = [
    ((4,), -1, estimate, none), ((3, 4), -1, estimate, none), ((3, 3, 4), -1, both, kernels),
    ((4, 3, 3), 1, estimate, kernels), ((2, 2, 3, 4), -1, estimate, kernels),
]  # fmt: skip


def moving_variance(model, shape, axis):
    """After a step with momentum 0, over that of the batch."""
    x = np.linspace(-1, 1, SAMPLES * int(np.prod(shape)), dtype="float32").reshape(SAMPLES, *shape)
    model.compile("sgd", "mse")
    model.train_on_batch(x, x)
    others = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    return model.layers[-1].get_weights()[3] / x.var(others), x.size / x.shape[axis]


@pytest.mark.parametrize(("shape", "axis", "of_keras_2", "of_tf_keras"), CASES)
@pytest.mark.parametrize("its", [rules.KERAS_2, rules.TF_KERAS, rules.KERAS_3], ids=lambda its: its.name)
@pytest.mark.parametrize("ending", [None, "h5", "keras"])
def test_moving_variance_is_that_of_the_program(its, shape, axis, of_keras_2, of_tf_keras, ending, tmp_path):
    with rules.following(its):
        layer = layers.BatchNormalization(axis=axis, momentum=0.0, input_shape=shape)
    model = Sequential([layer])
    if ending is not None:
        model.save(tmp_path / f"m.{ending}")
        model = load_model(tmp_path / f"m.{ending}")
    found, n = moving_variance(model, shape, axis)
    factor = {"keras_2": of_keras_2, "tf_keras": of_tf_keras, "keras_3": none}[its.name]
    np.testing.assert_allclose(found, factor(n), rtol=1e-5)
