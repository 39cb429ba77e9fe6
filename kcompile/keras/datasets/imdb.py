"""IMDB: 50000 film reviews as lists of word indices, with their sentiment (Maas et al. 2011)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..utils.download import get_file
from ._files import ORIGIN, lists_as_array, read_json, read_npz, renamed_num_words, shuffled, word_sequences

ORIGIN_URL = ORIGIN + "imdb.npz"
HASH = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
WORD_INDEX_URL = ORIGIN + "imdb_word_index.json"
WORD_INDEX_HASH = "bfafd718b763782e994055a2d397834f"


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    **kwargs: Any,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """``(x_train, y_train), (x_test, y_test)``: 25000 reviews each.

    Args:
        path: name in the cache folder, downloaded if it is not there.
        num_words: keep words of an index below it, the most frequent ones; the others become ``oov_char``.
        skip_top: words of an index below it become ``oov_char``.
        maxlen: leave out reviews that are not shorter. As in Keras 2.3 the first 25000 of the reviews left
            are the training set.
        seed: for the order of the reviews.
        start_char: index put before each review.
        oov_char: index of words left out; None for none.
        index_from: added to all words' ranks.

    Returns:
        x: object array (samples,) of lists of int; y: int64 (samples,), 0 or 1.

    Raises:
        ValueError: ``maxlen`` leaves no review.
    """
    num_words = renamed_num_words(num_words, kwargs)
    path = get_file(path, origin=ORIGIN_URL, file_hash=HASH)
    x_train, y_train, x_test, y_test = read_npz(path, ["x_train", "y_train", "x_test", "y_test"])
    rng = np.random.RandomState(seed)
    x_train, y_train = shuffled(rng, x_train, y_train)
    x_test, y_test = shuffled(rng, x_test, y_test)
    edge = len(x_train)
    texts, labels = word_sequences(
        np.concatenate([x_train, x_test]),
        np.concatenate([y_train, y_test]),
        num_words,
        skip_top,
        maxlen,
        start_char,
        oov_char,
        index_from,
    )
    x, y = lists_as_array(texts), np.array(labels)
    return (x[:edge], y[:edge]), (x[edge:], y[edge:])


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Word to rank, 1 for the most frequent; ``load_data`` adds ``index_from`` to ranks."""
    return read_json(get_file(path, origin=WORD_INDEX_URL, file_hash=WORD_INDEX_HASH))
