"""Sequences: what is refused, and what survives a round trip. The values themselves are in test_golden.py."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras.preprocessing import sequence
from kcompile.keras.preprocessing.sequence import TimeseriesGenerator, pad_sequences


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(sequences=iter([[1]])), "must be iterable and have a length"),
        (dict(sequences=[[1], 2]), "Found non-iterable: 2 at position 1"),
        (dict(sequences=[]), "needs maxlen"),
        (dict(sequences=[[1]], padding="front"), "Padding type 'front' not understood"),
        (dict(sequences=[[1]], truncating="front"), "Truncating type 'front' not understood"),
        (dict(sequences=[[1]], value="pad"), "dtype=object"),
        (dict(sequences=[[[1, 2]], [[1, 2, 3]]]), r"\(3,\) of sequence at position 1 .* \(2,\)"),
    ],
)
def test_what_cannot_be_padded_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        pad_sequences(**arguments)


@pytest.mark.parametrize("truncating", ["pre", "post"])
def test_rows_of_length_zero_are_empty(truncating):
    assert pad_sequences([[1, 2], []], maxlen=0, truncating=truncating).shape == (2, 0)


def test_no_sequences_with_a_length_give_no_rows():
    assert pad_sequences([], maxlen=3).shape == (0, 3)


def test_a_sampling_table_has_at_least_one_rank():
    with pytest.raises(ValueError, match="at least 1"):
        sequence.make_sampling_table(0)


def test_skipgrams_of_nothing_are_none():
    assert sequence.skipgrams([0, 0], 5) == ([], [])


def test_a_seed_fixes_the_order_of_skipgrams():
    first = sequence.skipgrams([1, 2, 3, 4], 10, negative_samples=0, seed=4)
    assert first == sequence.skipgrams([1, 2, 3, 4], 10, negative_samples=0, seed=4)
    assert first != sequence.skipgrams([1, 2, 3, 4], 10, negative_samples=0, seed=5)


def test_a_series_and_its_targets_have_one_length():
    with pytest.raises(ValueError, match="Data length is 5 while target length is 4"):
        TimeseriesGenerator(range(5), range(4), length=2)


def test_a_window_must_fit():
    with pytest.raises(ValueError, match="start_index.length=9 > end_index=7"):
        TimeseriesGenerator(range(8), range(8), length=4, start_index=5)


def test_a_generator_of_windows_comes_back_from_json():
    made = TimeseriesGenerator(
        np.arange(12.0)[:, None], np.arange(12), 3, start_index=2, stride=2, batch_size=2
    )
    again = sequence.timeseries_generator_from_json(made.to_json(indent=1))
    assert len(again) == len(made) == 2
    for one, other in zip(made, again, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    assert json.loads(again.to_json()) == json.loads(made.to_json())


def test_data_that_json_cannot_hold_are_named():
    with pytest.raises(TypeError, match="Targets not JSON Serializable"):
        TimeseriesGenerator([1, 2, 3], [{1}, {2}, {3}], length=1).to_json()


def test_windows_train_a_model():
    windows = TimeseriesGenerator(np.arange(30.0)[:, None] / 30, np.arange(30.0) / 30, 4, batch_size=8)
    assert isinstance(windows, keras.utils.Sequence)
    model = keras.Sequential([keras.layers.Flatten(input_shape=(4, 1)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    history = model.fit_generator(windows, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
