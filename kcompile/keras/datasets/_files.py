"""Reading the files of data sets: .npz archives, and a split into lists of words for training and test."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..preprocessing.sequence import _remove_long_seq
from ..utils import npz_files
from . import _pickles

#: Where tf.keras and Keras publish the files that Keras 2.3 names, unchanged.
ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def read_npz(path: str, names: Sequence[str]) -> list[np.ndarray]:
    """Arrays of an .npz file by name; arrays of Python lists come through the restricted unpickler.

    Raises:
        ValueError: it is no .npz file, an array is missing, or its content does not fit its header.
    """
    return list(npz_files.read_npz(path, names, _pickles.load).values())


def read_json(path: str) -> Any:
    """The content of a JSON file."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def renamed_num_words(num_words: int | None, kwargs: dict[str, Any]) -> int | None:
    """``num_words``, or ``nb_words`` as Keras 1 called it; TypeError for other arguments."""
    if "nb_words" in kwargs:
        warnings.warn("The `nb_words` argument in `load_data` has been renamed `num_words`.", stacklevel=3)
        num_words = kwargs.pop("nb_words")
    if kwargs:
        raise TypeError(f"Unrecognized keyword arguments: {kwargs}")
    return num_words


def shuffled(rng: np.random.RandomState, *arrays: np.ndarray) -> list[np.ndarray]:
    """The arrays in one random order of their rows."""
    order = np.arange(len(arrays[0]))
    rng.shuffle(order)
    return [array[order] for array in arrays]


def word_sequences(
    texts: Any,
    labels: Any,
    num_words: int | None,
    skip_top: int,
    maxlen: int | None,
    start_char: int | None,
    oov_char: int | None,
    index_from: int,
) -> tuple[list[list[int]], Any]:
    """Word ranks of texts as the word indices that a model reads, and the labels of the texts kept.

    Args:
        texts: lists of ranks, 1 for the most frequent word.
        labels: one for each text.
        num_words: indices from it on are replaced by ``oov_char``. By default the greatest index of all,
            which Keras thereby replaces too.
        skip_top: indices below it are replaced by ``oov_char``.
        maxlen: only texts shorter than it are kept.
        start_char: put before each text; None for nothing.
        oov_char: None leaves replaced words out.
        index_from: added to the ranks.

    Raises:
        ValueError: ``maxlen`` leaves no text.
    """
    if start_char is not None:
        texts = [[start_char] + [word + index_from for word in text] for text in texts]
    else:
        texts = [[word + index_from for word in text] for text in texts]
    if maxlen:
        texts, labels = _remove_long_seq(maxlen, texts, labels)
        if not texts:
            raise ValueError(
                f"After filtering for sequences shorter than maxlen={maxlen}, no sequence was kept. Increase "
                "maxlen."
            )
    if not num_words:
        num_words = max(max(text) for text in texts if text)
    if oov_char is None:
        return [[word for word in text if skip_top <= word < num_words] for text in texts], labels
    return [[word if skip_top <= word < num_words else oov_char for word in text] for text in texts], labels


def lists_as_array(lists: Sequence[list[int]]) -> np.ndarray:
    """An array of one axis whose elements are the lists."""
    array = np.empty(len(lists), dtype=object)
    array[:] = lists
    return array
