"""Reuters: 11228 newswires as lists of word indices, on 46 topics."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..utils.download import get_file
from ._files import ORIGIN, lists_as_array, read_json, read_npz, renamed_num_words, shuffled, word_sequences

ORIGIN_URL = ORIGIN + "reuters.npz"
HASH = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
WORD_INDEX_URL = ORIGIN + "reuters_word_index.json"
WORD_INDEX_HASH = "4d44cc38712099c9e383dc6e5f11a921"


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    **kwargs: Any,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """``(x_train, y_train), (x_test, y_test)``.

    Args:
        path: name in the cache folder, downloaded if it is not there.
        num_words: keep words of an index below it, the most frequent ones; the others become ``oov_char``.
        skip_top: words of an index below it become ``oov_char``.
        maxlen: leave out newswires that are not shorter.
        test_split: part of the samples in the test set.
        seed: for the order, before the split.
        start_char: index put before each newswire.
        oov_char: index of words left out; None for none.
        index_from: added to all words' ranks.

    Returns:
        x: object array (samples,) of lists of int; y: int64 (samples,), 0 to 45.

    Raises:
        ValueError: ``maxlen`` leaves no newswire.
    """
    num_words = renamed_num_words(num_words, kwargs)
    path = get_file(path, origin=ORIGIN_URL, file_hash=HASH)
    ranks, topics = shuffled(np.random.RandomState(seed), *read_npz(path, ["x", "y"]))
    texts, labels = word_sequences(
        ranks, topics, num_words, skip_top, maxlen, start_char, oov_char, index_from
    )
    x, y = lists_as_array(texts), np.array(labels)
    edge = int(len(x) * (1 - test_split))
    return (x[:edge], y[:edge]), (x[edge:], y[edge:])


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Word to rank, 1 for the most frequent; ``load_data`` adds ``index_from`` to ranks."""
    return read_json(get_file(path, origin=WORD_INDEX_URL, file_hash=WORD_INDEX_HASH))
