"""Sequences of different lengths, skip-grams, and windows over time series."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence as SequenceABC
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import registry
from ..declaration import configuration, configured
from ..legacy.old_names import answer_old_names
from ..utils.sequences import Sequence

__all__ = [
    "TimeseriesGenerator",
    "make_sampling_table",
    "pad_sequences",
    "sequence",
    "skipgrams",
    "timeseries_generator_from_json",
    "utils",
]

utils: Any  # is answered as an old name

#: Keras 2.3 also shows its implementing module under this name.
sequence = sys.modules[__name__]

# Largest seed that skipgrams draws for itself.
_LARGEST_SEED = 10_000_000


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences as the rows of one array, filled up or cut to one length.

    Args:
        sequences: list of sequences; an element may itself be an array, of one shape throughout.
        maxlen: length of the rows, by default that of the longest sequence.
        dtype: of the result, "int32"; ``object`` for strings of any length.
        padding: "pre" or "post", where the fill goes.
        truncating: "pre" or "post", where a sequence that is too long is cut.
        value: the fill.

    Returns:
        Array of shape (samples, maxlen, ...).

    Raises:
        ValueError: ``sequences`` is not a list of sequences, it is empty and ``maxlen`` not given, elements
            differ in shape, or an option is unknown.
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"`sequences` must be iterable and have a length, found {type(sequences).__name__}.")
    _check_choice("Padding", padding)
    _check_choice("Truncating", truncating)
    if isinstance(value, str) and not _holds_strings(dtype):
        raise ValueError(
            f"`dtype` {dtype} is not compatible with `value`'s type: {type(value)}\n"
            "You should set `dtype=object` for variable length strings."
        )
    lengths = _lengths(sequences)
    if maxlen is None:
        if not lengths:
            raise ValueError("pad_sequences got no sequences, so it needs maxlen, the length of a row.")
        maxlen = max(lengths)
    first = next((row for row, length in zip(sequences, lengths, strict=True) if length), None)
    sample_shape = () if first is None else np.asarray(first).shape[1:]

    padded = np.full((len(lengths), maxlen, *sample_shape), value, dtype=dtype)
    for position, row in enumerate(sequences):
        if not lengths[position]:
            continue
        kept = row[max(0, lengths[position] - maxlen) :] if truncating == "pre" else row[:maxlen]
        kept = np.asarray(kept, dtype=dtype)
        if len(kept) and kept.shape[1:] != sample_shape:
            raise ValueError(
                f"Shape of sample {kept.shape[1:]} of sequence at position {position} is different from "
                f"expected shape {sample_shape}"
            )
        start = maxlen - len(kept) if padding == "pre" else 0
        padded[position, start : start + len(kept)] = kept
    return padded


def _check_choice(what: str, choice: Any) -> None:
    if choice not in ("pre", "post"):
        raise ValueError(f"{what} type {choice!r} not understood; expected 'pre' or 'post'.")


def _holds_strings(dtype: Any) -> bool:
    return dtype is object or np.dtype(dtype).kind in "OSU"


def _lengths(sequences: Any) -> list[int]:
    lengths = []
    for position, row in enumerate(sequences):
        try:
            lengths.append(len(row))
        except TypeError:
            raise ValueError(
                f"`sequences` must be a list of iterables. Found non-iterable: {row} at position {position}"
            ) from None
    return lengths


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """Probability of keeping the word of each rank, for ``skipgrams``.

    word2vec keeps a word of frequency f with probability min(1, sqrt(factor / f)) (Mikolov et al. 2013);
    frequencies are taken to follow Zipf's law, with 1 / f ~ rank (ln rank + gamma) + 1/2 - 1 / (12 rank).

    Args:
        size: number of ranks, at least one.
        sampling_factor: the factor, 1e-5.

    Returns:
        Array of shape (size,); rank 0 is treated as rank 1.

    Raises:
        ValueError: for a size below 1.
    """
    if size < 1:
        raise ValueError(f"make_sampling_table needs a size of at least 1, found {size}.")
    euler_gamma = 0.577
    rank = np.maximum(np.arange(size), 1)
    inverse_frequency = rank * (np.log(rank) + euler_gamma) + 0.5 - 1.0 / (12.0 * rank)
    ratio = sampling_factor * inverse_frequency
    return np.minimum(1.0, ratio / np.sqrt(ratio))


def skipgrams(
    sequence: SequenceABC[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Pairs of words that stand near one another (label 1), and random pairs (label 0).

    Args:
        sequence: word indices of one text; 0 is no word and skipped.
        vocabulary_size: largest word index plus one.
        window_size: how many words to each side count as near.
        negative_samples: random pairs for each true pair.
        shuffle: give the pairs in random order.
        categorical: labels are ``[0, 1]`` and ``[1, 0]`` instead of 1 and 0.
        sampling_table: probability of keeping the word of each index, see ``make_sampling_table``.
        seed: for the shuffling. Python's ``random`` is used, and seeded with it.

    Returns:
        ``(couples, labels)``, two lists of one length.
    """
    couples: list[list[int]] = []
    for position, word in enumerate(sequence):
        if not word:
            continue
        if sampling_table is not None and sampling_table[word] < random.random():
            continue
        near = range(max(0, position - window_size), min(len(sequence), position + window_size + 1))
        couples += [[word, sequence[other]] for other in near if other != position and sequence[other]]
    true_label, false_label = ([0, 1], [1, 0]) if categorical else (1, 0)
    labels: list[Any] = [true_label] * len(couples)

    if negative_samples > 0:
        count = int(len(labels) * negative_samples)
        words = [word for word, _ in couples]
        random.shuffle(words)
        couples += [[words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)]
        labels += [false_label] * count

    if shuffle:
        if seed is None:
            seed = random.randint(0, _LARGEST_SEED)
        # The same seed before each gives both lists the same order.
        for values in (couples, labels):
            random.seed(seed)
            random.shuffle(values)
    return couples, labels


def _remove_long_seq(maxlen: int, seq: Any, label: Any) -> tuple[list[Any], list[Any]]:
    """The sequences shorter than ``maxlen``, and their labels."""
    kept = [(x, y) for x, y in zip(seq, label, strict=False) if len(x) < maxlen]
    return [x for x, _ in kept], [y for _, y in kept]


class TimeseriesGenerator(Sequence):
    """Batches of windows over a time series, each with the target that follows it.

    Args:
        data: the series, axis 0 is time: a list or array.
        targets: one target for each step of ``data``.
        length: steps that a window spans.
        sampling_rate: take every so many-th step of a window.
        stride: steps from one window to the next.
        start_index: first step that may be used.
        end_index: last step that may be a target, by default the last one.
        shuffle: draw windows at random (with NumPy's generator) instead of in order.
        reverse: the steps of a window run backwards.
        batch_size: windows in a batch.

    Batch: ``(samples, targets)``, samples of shape (batch, ceil(length / sampling_rate), ...).

    Raises:
        ValueError: lengths of data and targets differ, or no window fits.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # the arguments that the constructor declares

    @configured(
        start_index=lambda generator, _, first: first + generator.length,
        end_index=lambda generator, _, last: len(generator.data) - 1 if last is None else last,
    )
    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
    ) -> None:
        if len(data) != len(targets):
            raise ValueError(
                f"Data and targets have to be of same length. Data length is {len(data)} while target length "
                f"is {len(targets)}"
            )
        if self.start_index > self.end_index:
            raise ValueError(
                f"`start_index+length={self.start_index} > end_index={self.end_index}` is disallowed, as no "
                "part of the sequence would be left to be used as current step."
            )

    def __len__(self) -> int:
        span = self.batch_size * self.stride
        return (self.end_index - self.start_index + span) // span

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if self.shuffle:
            ends = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            span = self.batch_size * self.stride
            first = self.start_index + span * index
            ends = np.arange(first, min(first + span, self.end_index + 1), self.stride)
        samples = np.array([self.data[end - self.length : end : self.sampling_rate] for end in ends])
        targets = np.array([self.targets[end] for end in ends])
        return (samples[:, ::-1, ...] if self.reverse else samples), targets

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; ``data`` and ``targets`` as JSON text, ``start_index`` with length
        added.
        """
        texts = {"data": _json_text("Data", self.data), "targets": _json_text("Targets", self.targets)}
        return configuration(self) | texts

    def to_json(self, **kwargs: Any) -> str:
        """Class name and config as JSON text; ``kwargs`` go to ``json.dumps``."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def _json_text(what: str, values: Any) -> str:
    try:
        return json.dumps(values.tolist() if isinstance(values, (np.ndarray, np.generic)) else values)
    except TypeError as error:
        raise TypeError(f"{what} not JSON Serializable: {error}") from error


def timeseries_generator_from_json(json_string: str) -> TimeseriesGenerator:
    """The generator that ``to_json`` wrote.

    The window starts where it did: ``to_json`` writes ``start_index`` with ``length`` added, which is taken
        off here
    (Keras 2.3 adds it again).
    """
    config = dict(json.loads(json_string)["config"])
    for name in ("data", "targets"):
        config[name] = json.loads(config[name])
    config["start_index"] -= config["length"]
    return TimeseriesGenerator(**config)


answer_old_names(__name__)
registry.register(globals())
