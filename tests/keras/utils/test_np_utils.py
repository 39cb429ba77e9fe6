"""to_categorical, to_ordinal and normalize."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras.utils import np_utils


@pytest.mark.parametrize(
    ("labels", "num_classes", "shape"),
    [
        ([0, 2, 1, 2, 0], None, (5, 3)),
        ([[0], [2], [1]], None, (3, 3)),
        ([[0, 1], [2, 1]], 4, (2, 2, 4)),
        ([[[1], [0]]], None, (1, 2, 2)),
        (1, 3, (3,)),
    ],
)
def test_one_hot_has_classes_last_and_gives_the_labels_back(labels, num_classes, shape):
    matrix = np_utils.to_categorical(labels, num_classes)
    assert matrix.shape == shape and matrix.dtype == np.float32
    assert np.array_equal(matrix.argmax(-1).ravel(), np.ravel(labels))
    assert (matrix.sum(-1) == 1).all()


def test_dtype_is_as_asked():
    assert np_utils.to_categorical([0, 1], dtype="int32").dtype == np.int32


@pytest.mark.parametrize(
    ("labels", "num_classes", "message"),
    [
        ([0, 3], 3, "from 0 to 2, found labels from 0 to 3"),
        ([-1, 1], None, "found labels from -1"),
        ([], None, "num_classes"),
    ],
)
def test_labels_outside_the_classes_are_an_error(labels, num_classes, message):
    with pytest.raises(ValueError, match=message):
        np_utils.to_categorical(labels, num_classes)


def test_normalize_gives_unit_vectors_and_keeps_zeros():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    assert np_utils.normalize(x).tolist() == [[0.6, 0.8], [0.0, 0.0]]
    assert np_utils.normalize(x, axis=0, order=1).tolist() == [[1.0, 1.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("labels", "num_classes", "expected"),
    [
        ([0, 1, 2, 3], 4, [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]),
        ([[2], [0]], None, [[1, 1], [0, 0]]),
        ([[2, 0], [1, 1]], 4, [[[1, 1, 0], [0, 0, 0]], [[1, 0, 0], [1, 0, 0]]]),
        (1, 3, [1, 0]),
        ([], 3, np.zeros((0, 2))),
    ],
    ids=["row", "column", "matrix", "number", "empty"],
)
def test_to_ordinal_has_as_many_ones_as_the_label_says(labels, num_classes, expected):
    matrix = np_utils.to_ordinal(labels, num_classes)
    assert matrix.dtype == np.float32 and matrix.shape == np.shape(expected)
    assert np.array_equal(matrix, expected)


@pytest.mark.parametrize(
    ("labels", "num_classes", "message"), [([], None, "needs num_classes"), ([-1, 2], 3, "from -1 to 2")]
)
def test_to_ordinal_refuses_labels_that_are_none(labels, num_classes, message):
    with pytest.raises(ValueError, match=f"to_ordinal .*{message}"):
        np_utils.to_ordinal(labels, num_classes)
