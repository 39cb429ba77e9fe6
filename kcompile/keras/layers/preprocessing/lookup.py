"""IntegerLookup: whole numbers as their places in a vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ....ir import Constant, Value, op
from ... import backend as K
from ... import registry
from ...declaration import ANY, configured, only
from .common import batches_of
from .vocabulary import NO_PLACE, Vocabulary, output_mode

_ORDER = (
    "invert",
    "max_tokens",
    "num_oov_indices",
    "oov_token",
    "mask_token",
    "output_mode",
    "pad_to_max_tokens",
    "vocabulary",
    "idf_weights",
    "vocabulary_dtype",
)


class IntegerLookup(Vocabulary):
    """The place of each whole number in a vocabulary, or vectors of such places.

    Args:
        max_tokens: size of the vocabulary with its special entries at most; None for no limit.
        num_oov_indices: places for numbers that the vocabulary lacks; with several, the remainder of the
            number decides. Without any, such numbers get -1 (Keras raises an error).
        mask_token: number that gets place 0; None for none. It only counts for "int".
        oov_token: what ``invert`` gives for places of unknown numbers.
        vocabulary: the numbers, in order; None to take them from data by ``adapt``.
        vocabulary_dtype: "int64".
        idf_weights: weight of each number of the vocabulary, for "tf_idf".
        invert: whether to turn places into numbers.
        output_mode: "int", "one_hot", "multi_hot", "count" or "tf_idf".
        pad_to_max_tokens: whether vectors have max_tokens entries, however small the vocabulary.

    Input: integers of any shape; output: int64 of that shape, or vectors as CategoryEncoding has them.
    Unknown numbers come behind the mask, before the vocabulary.

    Raises:
        ValueError: for a vocabulary with repetitions or beyond max_tokens, or arguments that do not fit.
    """

    _holds = "whole numbers"

    @configured(
        output_mode=output_mode,
        sparse=only(False),
        oov_method=only("floormod"),
        salt=only(None),
        vocabulary_size=only(ANY),
        has_input_vocabulary=only(ANY),
    )
    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ValueError(f"IntegerLookup: vocabulary_dtype must be 'int64'; found {vocabulary_dtype!r}.")
        self._start(vocabulary, idf_weights)

    def _entries(self, vocabulary: Any) -> list[int]:
        return [int(x) for x in vocabulary]

    def _rows(self, data: Any, steps: int | None) -> Iterator[list[int]]:
        for batch in batches_of(data, steps):
            if not batch.size:
                continue
            yield from batch.reshape(len(batch), -1).astype(np.int64).tolist()

    def call(self, inputs: Any) -> Any:
        self._require_vocabulary()
        x = K.cast(inputs, "int64")
        if self.invert:
            known = op.And(x >= 0, x < self.vocabulary_size())
            table = Constant(np.array(self.get_vocabulary(), np.int64))
            return op.Where(known, op.Gather(table, op.Where(known, x, x * 0)), x * 0 + self.oov_token)
        return self._encoded(self._places(x))

    def _places_of(self, entries: np.ndarray) -> np.ndarray:
        return np.asarray(self._places(Constant(entries.astype(np.int64))))

    def _places(self, x: Value) -> Value:
        """The place of each number, by bisection of the sorted vocabulary."""
        order = np.argsort(self.vocabulary or [])
        ordered = np.array(self.vocabulary, np.int64)[order]
        last = len(order) - 1
        at = x * 0
        for step in reversed([2**i for i in range(last.bit_length())]):
            ahead = op.Min(at + step, Constant(np.int64(last)))
            at = op.Where(op.Gather(Constant(ordered), ahead) <= x, ahead, at)
        found = op.Gather(Constant(order.astype(np.int64)), at) + len(self._special())
        unknown = x * 0 - 1
        if self.num_oov_indices:
            unknown = op.Mod(x, Constant(np.int64(self.num_oov_indices))) + int(self._is_masked)
        places = op.Where(op.Equal(op.Gather(Constant(ordered), at), x), found, unknown)
        if self.mask_token is None:
            return places
        mask = x * 0 + (0 if self._is_masked else NO_PLACE)
        return op.Where(op.Equal(x, Constant(np.int64(self.mask_token))), mask, places)

    def get_config(self) -> dict[str, Any]:
        """As Keras 3 writes it: in another order than the constructor's."""
        config = super().get_config()
        config |= {name: config.pop(name) for name in _ORDER}
        return config


registry.register(globals(), listed=True)
