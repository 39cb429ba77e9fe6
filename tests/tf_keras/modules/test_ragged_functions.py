"""Functions of tensors on ragged and sparse ones: what TensorFlow 2.21 gives."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kcompile.tf_keras import tensorflow as tf

LEAST = float(np.finfo(np.float32).min)


def rows():
    return tf.ragged.constant([[1, 2], [], [3, 4, 5]], dtype=tf.float32)


def deep():
    return tf.ragged.constant([[[1, 2], [3]], [], [[1]]])


def wide():
    return tf.RaggedTensor.from_row_splits([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [0, 2, 3])


CASES = {
    "sum of rows": (lambda: tf.reduce_sum(rows(), axis=1), [3, 0, 12]),
    "sum of rows from the end": (lambda: tf.reduce_sum(rows(), -1), [3, 0, 12]),
    "sum of columns": (lambda: tf.reduce_sum(rows(), axis=0), [4, 6, 5]),
    "sum of all": (lambda: tf.reduce_sum(rows()), 15),
    "sum that keeps the axis": (lambda: tf.reduce_sum(rows(), 1, keepdims=True), [[3], [0], [12]]),
    "mean": (lambda: tf.reduce_mean(rows(), axis=1), [1.5, math.nan, 4]),
    "mean of vectors": (lambda: tf.reduce_mean(wide(), axis=1), [[2, 3], [5, 6]]),
    "max": (lambda: tf.reduce_max(rows(), axis=1), [2, LEAST, 5]),
    "min": (lambda: tf.reduce_min(rows(), axis=1), [1, -LEAST, 3]),
    "prod": (lambda: tf.reduce_prod(rows(), axis=1), [2, 1, 60]),
    "any": (lambda: tf.reduce_any(rows() > 2.0, axis=1), [False, False, True]),
    "all": (lambda: tf.reduce_all(rows() > 2.0, axis=1), [False, True, True]),
    "within vectors": (lambda: tf.reduce_sum(wide(), axis=2), [[3, 7], [11]]),
    "of the innermost rows": (lambda: tf.reduce_sum(deep(), axis=2), [[3, 3], [], [1]]),
    "of two axes": (lambda: tf.reduce_sum(deep(), axis=[1, 2]), [6, 0, 1]),
    "square": (lambda: tf.square(rows()), [[1, 4], [], [9, 16, 25]]),
    "cast": (lambda: tf.cast(tf.exp(rows()), tf.int32), [[2, 7], [], [20, 54, 148]]),
    "multiply": (lambda: tf.multiply(rows(), 2.0), [[2, 4], [], [6, 8, 10]]),
    "divide": (lambda: rows() / 2.0, [[0.5, 1], [], [1.5, 2, 2.5]]),
    "subtract from a number": (lambda: 1.0 - rows(), [[0, -1], [], [-2, -3, -4]]),
    "negative": (lambda: -rows(), [[-1, -2], [], [-3, -4, -5]]),
    "of the same rows": (lambda: rows() * rows(), [[1, 4], [], [9, 16, 25]]),
    "with a column": (
        lambda: rows() + tf.constant([[10.0], [20.0], [30.0]]),
        [[11, 12], [], [33, 34, 35]],
    ),
    "greater": (lambda: rows() > 2.0, [[False, False], [], [True, True, True]]),
    "where": (lambda: tf.where(rows() > 2.0, rows(), rows() * 0.0), [[0, 0], [], [3, 4, 5]]),
    "clip": (lambda: tf.clip_by_value(rows(), 2.0, 3.0), [[2, 2], [], [3, 3, 3]]),
    "relu": (lambda: tf.nn.relu(rows() - 2.0), [[0, 0], [], [1, 2, 3]]),
    "ones_like": (lambda: tf.ones_like(rows()), [[1, 1], [], [1, 1, 1]]),
    "concat of rows": (
        lambda: tf.concat([rows(), rows()], axis=1),
        [[1, 2, 1, 2], [], [3, 4, 5, 3, 4, 5]],
    ),
    "concat below": (lambda: tf.concat([rows(), [[7.0]]], axis=0), [[1, 2], [], [3, 4, 5], [7]]),
    "gather by ragged": (
        lambda: tf.gather(tf.constant([5.0, 6, 7]), tf.ragged.constant([[0], [1, 2]])),
        [[5], [6, 7]],
    ),
    "gather of rows": (lambda: tf.gather(rows(), [2, 0]), [[3, 4, 5], [1, 2]]),
    "embedding_lookup": (
        lambda: tf.nn.embedding_lookup(tf.eye(2), tf.ragged.constant([[1], [0, 1]])),
        [[[0, 1]], [[1, 0], [0, 1]]],
    ),
    "expand_dims": (lambda: tf.expand_dims(rows(), -1), [[[1], [2]], [], [[3], [4], [5]]]),
    "size": (lambda: tf.size(rows()), 5),
    "rank": (lambda: tf.rank(wide()), 3),
}


def listed(found):
    return found.to_list() if isinstance(found, tf.RaggedTensor) else np.asarray(found).tolist()


@pytest.mark.parametrize("name", sorted(CASES))
def test_functions_take_ragged_tensors(name):
    make, expected = CASES[name]
    found = listed(make())
    np.testing.assert_equal(found, expected)


def test_gradients_flow_to_the_entries():
    variable = tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        ragged = tf.RaggedTensor.from_row_splits(variable * variable, [0, 2, 3])
        total = tf.reduce_sum(tf.reduce_max(ragged, axis=1))
    assert np.asarray(tape.gradient(total, variable)).tolist() == [0, 4, 6]


def test_what_takes_no_ragged_tensor_says_what_does():
    with pytest.raises(NotImplementedError, match=r"tf.linalg.matmul takes no ragged tensor.*to_tensor"):
        tf.matmul(rows(), rows())
    with pytest.raises(tf.errors.InvalidArgumentError, match="other rows"):
        rows() + tf.ragged.constant([[1.0], [2.0, 3.0]])


@pytest.mark.parametrize(
    ("ragged", "expected"),
    [
        (rows, ([[0, 0], [0, 1], [2, 0], [2, 1], [2, 2]], [1, 2, 3, 4, 5], [3, 3])),
        (deep, ([[0, 0, 0], [0, 0, 1], [0, 1, 0], [2, 0, 0]], [1, 2, 3, 1], [3, 2, 2])),
        (wide, (np.argwhere(np.array([[[1, 1], [1, 1]], [[1, 1], [0, 0]]])), [1, 2, 3, 4, 5, 6], [2, 2, 2])),
    ],
)
def test_ragged_tensors_become_sparse_ones(ragged, expected):
    found = ragged().to_sparse()
    for part, wanted in zip((found.indices, found.values, found.dense_shape), expected, strict=True):
        np.testing.assert_array_equal(part, wanted)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: tf.cast(x, tf.int32), [-2, 1]),
        (tf.abs, [2.5, 1]),
        (tf.square, [6.25, 1]),
        (tf.sign, [-1, 1]),
        (lambda x: -x, [2.5, -1]),
    ],
)
def test_functions_that_keep_zeros_take_sparse_tensors(function, expected):
    found = function(tf.SparseTensor([[0, 0], [1, 2]], [-2.5, 1.0], [2, 3]))
    assert np.asarray(found.values).tolist() == expected
    assert np.asarray(found.indices).tolist() == [[0, 0], [1, 2]]


def test_other_functions_of_sparse_tensors_are_refused():
    with pytest.raises(NotImplementedError, match=r"tf.sparse.to_dense"):
        tf.exp(tf.SparseTensor([[0, 0]], [1.0], [2, 3]))
