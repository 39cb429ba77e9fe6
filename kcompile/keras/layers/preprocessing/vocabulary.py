"""A vocabulary: its special entries, adapting it to data, and what is made of places in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from ....ir import Constant, Value, claim_steps, eagerly, op
from ... import backend as K
from ... import registry
from ...core.layer import Layer
from ...data.tensors import eager_interpreter
from .categories import encoded

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
NO_PLACE = int(np.iinfo(np.int32).max)
"""What gets no entry in a vector: OneHot leaves out what lies beyond its size."""


def output_mode(layer: Layer, name: str, value: str) -> str:
    """The mode by its name in Keras 3."""
    return {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(value, value)


class Vocabulary(Layer):
    """Entries by place, and vectors of such places; the base of what looks entries up.

    A subclass says what its entries are: ``_entries`` and ``_rows``.
    """

    max_tokens: int | None
    num_oov_indices: int = 1
    mask_token: Any
    oov_token: Any
    invert: bool = False
    output_mode: str
    pad_to_max_tokens: bool
    vocabulary: list[Any] | None
    idf_weights: list[float] | None

    #: What its entries are, for messages.
    _holds: str

    def _start(self, vocabulary: Any, idf_weights: Any) -> None:
        """What constructors end with."""
        name = type(self).__name__
        if self.output_mode not in _MODES or self.invert and self.output_mode != "int":
            raise ValueError(
                f"{name}: output_mode must be one of {', '.join(_MODES)} ('int' with invert); found "
                f"{self.output_mode!r}."
            )
        if self.num_oov_indices < 0 or self.pad_to_max_tokens and self.max_tokens is None:
            raise ValueError(
                f"{name}: num_oov_indices must be at least 0, and pad_to_max_tokens comes with max_tokens; "
                f"found {self.num_oov_indices!r} and max_tokens={self.max_tokens!r}."
            )
        self.vocabulary = self.idf_weights = None
        claim_steps(10 * self.num_oov_indices, f"num_oov_indices={self.num_oov_indices}")
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        arguments["dtype"] = K.floatx()  # Keras writes that of the vocabulary

    def _entries(self, vocabulary: Any) -> list[Any]:
        """The entries of a vocabulary as they are kept."""
        raise NotImplementedError

    def _rows(self, data: Any, steps: int | None) -> Iterable[list[Any]]:
        """The entries in each sample of data."""
        raise NotImplementedError

    @property
    def _is_masked(self) -> bool:
        """Whether place 0 is the mask's."""
        return self.mask_token is not None and self.output_mode == "int"

    def _special(self) -> list[Any]:
        """What stands before the vocabulary."""
        return [self.mask_token] * self._is_masked + [self.oov_token] * self.num_oov_indices

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Sets the entries, with or without the special ones before them, and weights for "tf_idf"."""
        if isinstance(vocabulary, str):
            raise ValueError(
                f"Layer {self.name}: the vocabulary must be a list of {self._holds}; found the path "
                f"{vocabulary!r}. Read the file and pass what is in it."
            )
        entries = self._entries(vocabulary)
        special = self._special()
        weights = None if idf_weights is None else [float(x) for x in np.asarray(idf_weights)]
        if (weights is None) == (self.output_mode == "tf_idf") or weights and len(weights) != len(entries):
            raise ValueError(
                f"Layer {self.name}: idf_weights, one for each entry of the vocabulary, go with "
                f"output_mode='tf_idf'; found {idf_weights!r} and output_mode={self.output_mode!r}."
            )
        if special and entries[: len(special)] == special:
            entries = entries[len(special) :]
        elif weights is not None:
            weights = [float(np.mean(weights))] * len(special) + weights
        if len(set(entries)) < len(entries) or self.mask_token in entries:
            raise ValueError(
                f"Layer {self.name}: the vocabulary {entries!r} names an entry twice, or the mask."
            )
        if self.max_tokens is not None and len(special) + len(entries) > self.max_tokens:
            raise ValueError(
                f"Layer {self.name}: {len(special)} special entries and {len(entries)} others exceed "
                f"max_tokens={self.max_tokens}."
            )
        self.vocabulary, self.idf_weights = entries, weights

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The entries by place."""
        special = self._special() if include_special_tokens else []
        return special + (self.vocabulary or [])

    def vocabulary_size(self) -> int:
        """Number of places, special ones included."""
        return len(self.get_vocabulary())

    vocab_size = vocabulary_size

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Takes the vocabulary from data: the most frequent entries first, of those the largest.

        Args:
            data: an array, a list, or a dataset of batches or of single entries.
            batch_size: accepted.
            steps: how many batches to look at; None for all.
        """
        counts: Counter[Any] = Counter()
        documents: Counter[Any] = Counter()
        total = 0
        for row in self._rows(data, steps):
            counts.update(row)
            documents.update(set(row))
            total += 1
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        entries = sorted(counts, key=lambda x: (counts[x], x), reverse=True)
        room = None if self.max_tokens is None else self.max_tokens - len(self._special())
        entries = entries[:room]
        weights = None
        if self.output_mode == "tf_idf":
            weights = [float(np.log1p(total / (1 + documents[x]))) for x in entries]
        self.set_vocabulary(entries, weights)

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        """Takes rows of unequal lengths, too: places come in such rows, vectors as one for each."""
        if hasattr(inputs, "with_flat_values"):
            return self._of_rows(inputs)
        return super().__call__(inputs, **kwargs)

    def _of_rows(self, rows: Any) -> Any:
        self._require_vocabulary()
        places = self._places_of(np.asarray(rows.flat_values))
        if self.output_mode == "int":
            return rows.with_flat_values(eager_interpreter().eager_array(places))
        splits = np.asarray(rows.row_splits)
        among = np.full((len(splits) - 1, int(np.diff(splits).max(initial=1))), NO_PLACE, np.int64)
        for row, begin, end in zip(among, splits[:-1], splits[1:], strict=True):
            row[: end - begin] = places[begin:end]
        at_once = eager_interpreter()
        with eagerly(at_once):
            return self._encoded(at_once.eager_array(among))

    def _places_of(self, entries: np.ndarray) -> np.ndarray:
        """The place of each entry."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Weights stand for the special entries too."""
        config = super().get_config()
        return config if self.idf_weights is None else {**config, "vocabulary": self.get_vocabulary()}

    def _require_vocabulary(self) -> None:
        if not self.vocabulary:
            raise ValueError(f"Layer {self.name}: call adapt(data) first, or give a vocabulary.")

    def _encoded(self, places: Value) -> Value:
        """Places as the mode wants them."""
        if self.output_mode == "int":
            return places
        size = int((self.max_tokens if self.pad_to_max_tokens else None) or self.vocabulary_size())
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        vectors = encoded(places, size, mode, K.floatx())
        if self.idf_weights is None:
            return vectors
        claim_steps(size, f"max_tokens={self.max_tokens}")
        weights = np.zeros(size, K.floatx())
        weights[: len(self.idf_weights)] = self.idf_weights
        return op.Mul(vectors, Constant(weights))


registry.register(globals())
