"""Text as sequences of word indices, or as vectors over a vocabulary."""

from __future__ import annotations

import hashlib
import json
import math
import sys
import warnings
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from .. import registry, rules

maketrans = str.maketrans  # of Keras 2.0, for both Pythons

__all__ = [
    "Tokenizer",
    "hashing_trick",
    "one_hot",
    "text",
    "text_to_word_sequence",
    "tokenizer_from_json",
]

#: Keras 2.3 also shows its implementing module under this name.
text = sys.modules[__name__]

Analyzer = Callable[[Any], Iterable[str]]

_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_MODES = ("binary", "count", "freq", "tfidf")


@rules.with_arguments
def text_to_word_sequence(
    text: str, filters: Any = _FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """The words of a text.

    Args:
        text: the text.
        filters: characters that separate words as ``split`` does; by default ASCII punctuation without ``'``,
            tab and line break.
        lower: change to lower case first.
        split: the separator.
    """
    if lower:
        text = text.lower()
    separators: dict[str, Any] = dict.fromkeys(filters, split)
    separated = text.translate(str.maketrans(separators))
    return [word for word in separated.split(split) if word]


@rules.with_arguments
def one_hot(
    text: str,
    n: int,
    filters: Any = _FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Analyzer | None = None,
) -> list[int]:
    """Indices from 1 to n - 1 of a text's words by Python's ``hash``: two words may share one.

    ``hash`` of a string changes from run to run unless PYTHONHASHSEED is set; ``hashing_trick`` with "md5"
    does not.
    """
    return hashing_trick(text, n, hash, filters, lower, split, analyzer)


def hashing_trick(
    text: str,
    n: int,
    hash_function: Callable[[str], int] | str | None = None,
    filters: Any = _FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Analyzer | None = None,
) -> list[int]:
    """Indices from 1 to n - 1 of a text's words by a hash: two words may share one.

    Args:
        text: the text.
        n: size of the index space; 0 stays free.
        hash_function: None for Python's ``hash``, "md5" for one that is the same in every run, or a function
            from string to integer.
        filters, lower, split: as for ``text_to_word_sequence``.
        analyzer: function from a text to its words, in the place of all that.

    Raises:
        ValueError: if ``hash_function`` is none of these.
    """
    if hash_function == "md5":
        hash_function = _md5
    elif hash_function is None:
        hash_function = hash
    elif not callable(hash_function):
        raise ValueError(f"hash_function must be None, 'md5' or a function, found {hash_function!r}.")
    words = analyzer(text) if analyzer else text_to_word_sequence(text, filters, lower, split)
    return [hash_function(word) % (n - 1) + 1 for word in words]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """A vocabulary, and texts turned into sequences or vectors by it.

    Words are numbered from 1 by how often they occur, the most frequent first and the first seen before later
    ones; 0 is never given to a word.

    Args:
        num_words: only indices below it are used, so the ``num_words - 1`` most frequent words. None for all.
        filters: characters that separate words.
        lower: change texts to lower case.
        split: the separator of words.
        char_level: tokens are characters, not words.
        oov_token: if given, gets index 1 and stands for words that are unknown or cut by ``num_words``.
        document_count: texts seen so far.
        analyzer: function from a text to its words, in the place of filters, lower and split; it is no part
            of the configuration.

    Attributes: ``word_counts`` (word to number of occurrences), ``word_docs`` (word to number of texts),
    ``word_index``, ``index_word``, ``index_docs`` (index to number of texts), ``document_count``.

    A text that is a list is taken as a list of tokens.

    Raises:
        TypeError: for arguments that are not known.
    """

    @rules.with_arguments
    def __init__(
        self,
        num_words: int | None = None,
        filters: Any = _FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        document_count: int = 0,
        analyzer: Analyzer | None = None,
        **kwargs: Any,
    ) -> None:
        if "nb_words" in kwargs:
            warnings.warn(
                "The `nb_words` argument in `Tokenizer` has been renamed `num_words`.", stacklevel=2
            )
            num_words = kwargs.pop("nb_words")
        if kwargs:
            raise TypeError(f"Unrecognized keyword arguments: {kwargs}")
        self.word_counts: OrderedDict[str, int] = OrderedDict()
        self.word_docs: defaultdict[str, int] = defaultdict(int)
        self.filters = filters
        self.split = split
        self.lower = lower
        self.num_words = num_words
        self.document_count = document_count
        self.char_level = char_level
        self.oov_token = oov_token
        self.analyzer = analyzer
        self.index_docs: defaultdict[int, int] = defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def _tokens(self, text: Any) -> Any:
        if isinstance(text, list):
            return [token.lower() for token in text] if self.lower else text
        if self.char_level:
            return text.lower() if self.lower else text
        if self.analyzer is not None:
            return list(self.analyzer(text))
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Count the words of texts (strings, or lists of tokens) and number the vocabulary anew."""
        for text in texts:
            self.document_count += 1
            tokens = self._tokens(text)
            for token in tokens:
                self.word_counts[token] = self.word_counts.get(token, 0) + 1
            for token in dict.fromkeys(tokens):
                self.word_docs[token] += 1
        ranked = sorted(self.word_counts, key=self.word_counts.__getitem__, reverse=True)
        vocabulary = ranked if self.oov_token is None else [self.oov_token, *ranked]
        self.word_index = {word: index for index, word in enumerate(vocabulary, start=1)}
        self.index_word = {index: word for word, index in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Any) -> None:
        """Count in how many sequences each index occurs: what ``sequences_to_matrix`` needs for "tfidf"."""
        self.document_count += len(sequences)
        for sequence in sequences:
            for index in set(sequence):
                self.index_docs[index] += 1

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """The word indices of each text; unknown words are left out, or become that of ``oov_token``."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """``texts_to_sequences`` one text at a time."""
        oov_index = self._oov_index()
        for text in texts:
            indices = (self.word_index.get(token) for token in self._tokens(text))
            known = (index if self._in_use(index) else oov_index for index in indices)
            yield [index for index in known if index is not None]

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words of each sequence, joined by blanks; unknown indices are left out, or become
        ``oov_token``.
        """
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        """``sequences_to_texts`` one sequence at a time."""
        oov_index = self._oov_index()
        oov_word = None if oov_index is None else self.index_word[oov_index]
        for sequence in sequences:
            words = (self.index_word.get(index) if self._in_use(index) else oov_word for index in sequence)
            known = (oov_word if word is None else word for word in words)
            yield " ".join(word for word in known if word is not None)

    def _oov_index(self) -> int | None:
        return None if self.oov_token is None else self.word_index.get(self.oov_token)

    def _in_use(self, index: int | None) -> bool:
        return index is not None and not (self.num_words and index >= self.num_words)

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """One row per text, see ``sequences_to_matrix``."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode=mode)

    def sequences_to_matrix(self, sequences: Any, mode: str = "binary") -> np.ndarray:
        """One row per sequence, one column per word index.

        Args:
            sequences: lists of word indices.
            mode: "binary" (1 where the word occurs), "count", "freq" (count / length of the sequence), or
                "tfidf": (1 + ln count) * ln(1 + documents / (1 + documents with the word)).

        Returns:
            float64 array of shape (sequences, num_words), or (sequences, vocabulary + 1) where num_words is
            None.

        Raises:
            ValueError: no vocabulary size is known, "tfidf" before any fit, or an unknown mode.
        """
        if not self.num_words and not self.word_index:
            raise ValueError("Specify a dimension (`num_words` argument), or fit on some text data first.")
        if mode not in _MODES:
            raise ValueError(f"Unknown vectorization mode: {mode!r}; expected one of {', '.join(_MODES)}.")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Fit the Tokenizer on some data before using tfidf mode.")
        width = self.num_words or len(self.word_index) + 1
        matrix = np.zeros((len(sequences), width))
        for row, sequence in zip(matrix, sequences, strict=True):
            for index, count in Counter(index for index in sequence if index < width).items():
                row[index] = self._weight(index, count, len(sequence), mode)
        return matrix

    def _weight(self, index: int, count: int, length: int, mode: str) -> float:
        if mode == "tfidf":
            documents = 1 + self.index_docs.get(index, 0)
            return (1 + math.log(count)) * math.log(1 + self.document_count / documents)
        if mode == "freq":
            return count / length
        return count if mode == "count" else 1.0

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, and the vocabulary's tables as JSON texts."""
        return {
            "num_words": self.num_words,
            "filters": self.filters,
            "lower": self.lower,
            "split": self.split,
            "char_level": self.char_level,
            "oov_token": self.oov_token,
            "document_count": self.document_count,
            "word_counts": json.dumps(self.word_counts),
            "word_docs": json.dumps(self.word_docs),
            "index_docs": json.dumps(self.index_docs),
            "index_word": json.dumps(self.index_word),
            "word_index": json.dumps(self.word_index),
        }

    def to_json(self, **kwargs: Any) -> str:
        """Class name and config as JSON text; ``kwargs`` go to ``json.dumps``."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The Tokenizer that ``to_json`` wrote, here or in Keras; it can be fitted on.

    Raises:
        ValueError: the text is not JSON, or not that of a Tokenizer.
    """
    try:
        config = dict(json.loads(json_string)["config"])
        tables = {name: json.loads(config.pop(name)) for name in _TABLES}
        tokenizer = Tokenizer(**config)
        tokenizer.word_counts = OrderedDict(tables["word_counts"])
        tokenizer.word_docs = defaultdict(int, tables["word_docs"])
        # JSON's keys are strings.
        tokenizer.index_docs = defaultdict(int, {int(k): v for k, v in tables["index_docs"].items()})
        tokenizer.index_word = {int(k): v for k, v in tables["index_word"].items()}
        tokenizer.word_index = dict(tables["word_index"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"Expected the JSON text that Tokenizer.to_json() writes; it cannot be read: {error!r}."
        ) from error
    return tokenizer


_TABLES = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")

registry.register(globals())
