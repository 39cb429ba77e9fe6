"""Windows over series, and datasets divided in two, give what they give in tf_keras (2.21)."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
from kcompile.keras.data import Dataset, TensorSpec
from kcompile.keras.utils import split_dataset, timeseries_dataset_from_array


def lists(dataset):
    def plain(element):
        return tuple(map(plain, element)) if isinstance(element, tuple) else element.tolist()

    return [plain(element) for element in dataset.as_numpy_iterator()]


SERIES = np.arange(10)
WINDOWS = {
    "whole": (dict(sequence_length=3, batch_size=20), [[[i, i + 1, i + 2] for i in range(8)]]),
    "batches": (dict(sequence_length=7, batch_size=3), [
        [[*range(i, i + 7)] for i in range(3)], [[*range(3, 10)]],
    ]),
    "stride and rate": (
        dict(sequence_length=3, sequence_stride=2, sampling_rate=2), [[[0, 2, 4], [2, 4, 6], [4, 6, 8]]],
    ),
    "a part": (dict(sequence_length=2, start_index=2, end_index=7), [[[2, 3], [3, 4], [4, 5], [5, 6]]]),
    "single": (dict(sequence_length=9, batch_size=None), [[*range(9)], [*range(1, 10)]]),
}  # fmt: skip


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name):
    arguments, expected = WINDOWS[name]
    assert lists(timeseries_dataset_from_array(SERIES, None, **arguments)) == expected


def test_targets_go_with_the_beginning_of_their_window():
    made = timeseries_dataset_from_array(SERIES, 10 * SERIES, 2, batch_size=4, start_index=2, end_index=7)
    assert lists(made) == [([[2, 3], [3, 4], [4, 5], [5, 6]], [20, 30, 40, 50])]
    fewer = timeseries_dataset_from_array(SERIES, np.arange(5), 3, batch_size=4)
    assert lists(fewer) == [
        ([[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]], [0, 1, 2, 3]),
        ([[4, 5, 6]], [4]),
    ]
    assert fewer.element_spec == (TensorSpec((None, None), "int64"), TensorSpec((None,), "int64"))


def test_windows_of_several_features_are_shuffled_whole():
    series = np.arange(24.0).reshape(12, 2)
    made = timeseries_dataset_from_array(series, None, 4, shuffle=True, seed=2, batch_size=3)
    windows = np.concatenate(list(made.as_numpy_iterator()))
    assert windows.shape == (9, 4, 2)
    assert sorted(windows[:, 0, 0].tolist()) == [2.0 * i for i in range(9)] != windows[:, 0, 0].tolist()
    np.testing.assert_array_equal(np.diff(windows, axis=1), np.full((9, 3, 2), 2.0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(sequence_length=0), "sequence_length"),
        (dict(sequence_length=3, start_index=-1), "start_index"),
        (dict(sequence_length=3, start_index=12), "start_index"),
        (dict(sequence_length=3, end_index=12), "end_index"),
        (dict(sequence_length=3, sampling_rate=10), "sampling_rate"),
        (dict(sequence_length=3, sequence_stride=10), "sequence_stride"),
        (dict(sequence_length=3, start_index=5, end_index=5), "higher than start_index"),
    ],
)
def test_sizes_that_do_not_fit_are_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        timeseries_dataset_from_array(SERIES, None, **arguments)


X, Y = np.arange(5), 10 * np.arange(5)
PARTS = {
    "array": (X, dict(left_size=0.4), [0, 1], [2, 3, 4]),
    "half": (X, dict(left_size=0.5), [0, 1], [2, 3, 4]),
    "shuffled": (X, dict(left_size=0.4, shuffle=True, seed=3), [0, 2], [3, 4, 1]),
    "both": (X, dict(left_size=0.4, right_size=0.4), [0, 1], [3, 4]),
    "both by number": (X, dict(left_size=1, right_size=2), [0], [3, 4]),
    "tuple": ((X, Y), dict(left_size=2), [(0, 0), (1, 10)], [(2, 20), (3, 30), (4, 40)]),
    "list": ([X, Y], dict(right_size=3), [(0, 0), (1, 10)], [(2, 20), (3, 30), (4, 40)]),
    "dataset": (
        Dataset.from_tensor_slices((X, Y)), dict(right_size=2),
        [(0, 0), (1, 10), (2, 20)], [(3, 30), (4, 40)],
    ),
    "batches": (
        Dataset.range(8).batch(2).prefetch(1), dict(left_size=0.5), [[0, 1], [2, 3]], [[4, 5], [6, 7]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_two_parts(name):
    dataset, arguments, left, right = PARTS[name]
    parts = split_dataset(dataset, **arguments)
    assert [lists(part) for part in parts] == [left, right]
    assert [len(part) for part in parts] == [len(left), len(right)]


def test_two_parts_of_a_dataset_of_pytorch():
    torch = pytest.importorskip("torch")
    dataset = torch.utils.data.TensorDataset(torch.arange(6.0), torch.arange(6))
    left, right = split_dataset(dataset, left_size=4)
    assert lists(left) == [(float(i), i) for i in range(4)] and lists(right) == [(4.0, 4), (5.0, 5)]


@pytest.mark.parametrize(
    ("dataset", "arguments", "kind", "message"),
    [
        (X, dict(), ValueError, "At least one of"),
        (X, dict(left_size=9), ValueError, "positive integer smaller than 5"),
        (X, dict(left_size=-1), ValueError, "positive integer smaller than 5"),
        (X, dict(left_size=0.9, right_size=0.4), ValueError, "greater than 1"),
        (X, dict(left_size=4, right_size=4), ValueError, "smaller than the samples"),
        (X, dict(left_size=0.0), ValueError, "parts is empty"),
        (X, dict(left_size="all"), TypeError, "an integer or a float"),
        ("abc", dict(left_size=0.5), TypeError, "Received: 'abc' of type str"),
        ({"a": X}, dict(left_size=0.5), TypeError, "of type dict"),
    ],
)
def test_parts_that_do_not_fit_are_said(dataset, arguments, kind, message):
    with pytest.raises(kind, match=message):
        split_dataset(dataset, **arguments)
