"""Classes drawn as negative examples."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.tf_keras import tensorflow as tf

SHARES = {
    "uniform": np.full(6, 1 / 6),
    "log_uniform": np.log((np.arange(6) + 2) / (np.arange(6) + 1)) / np.log(7),
    "fixed_unigram": np.array([1, 2, 3, 4, 5, 6]) / 21,
}


def sample(name, count, unique, seed=3):
    more = {"unigrams": [1, 2, 3, 4, 5, 6]} if name == "fixed_unigram" else {}
    function = getattr(tf.random, f"{name}_candidate_sampler")
    true_classes = tf.constant([[0, 5]], dtype="int64")
    return [np.asarray(x) for x in function(true_classes, 2, count, unique, range_max=6, seed=seed, **more)]


@pytest.mark.parametrize("name", SHARES)
def test_classes_come_as_often_as_they_are_expected(name):
    drawn, true, expected = sample(name, 30_000, unique=False)
    assert drawn.dtype == np.int64 and true.shape == (1, 2) and true.dtype == np.float32
    np.testing.assert_allclose(np.bincount(drawn, minlength=6) / 30_000, SHARES[name], atol=0.01)
    np.testing.assert_allclose(true[0], 30_000 * SHARES[name][[0, 5]], rtol=1e-5)
    np.testing.assert_allclose(expected, 30_000 * SHARES[name][drawn], rtol=1e-5)


@pytest.mark.parametrize("name", SHARES)
def test_unique_classes_are_drawn_once_each(name):
    drawn, true, expected = sample(name, 6, unique=True)
    assert sorted(drawn) == [0, 1, 2, 3, 4, 5]
    assert np.all(expected <= 1) and np.all(true <= 1) and np.all(true > 0)
    assert drawn.tolist() == sample(name, 6, unique=True)[0].tolist()
    with pytest.raises(ValueError, match="unique"):
        sample(name, 7, unique=True)
