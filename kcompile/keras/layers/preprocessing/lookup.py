"""IntegerLookup: whole numbers as their places in a vocabulary."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from ....ir import Constant, Value, claim_steps, op
from ... import backend as K
from ... import registry
from ...core.layer import Layer
from ...declaration import ANY, configured, only
from .categories import encoded
from .common import batches_of

__all__ = ["IntegerLookup"]

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


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


def _output_mode(layer: Layer, name: str, value: str) -> str:
    return {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(value, value)


class IntegerLookup(Layer):
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

    @configured(
        output_mode=_output_mode,
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
        if self.output_mode not in _MODES or invert and self.output_mode != "int":
            raise ValueError(
                f"IntegerLookup: output_mode must be one of {', '.join(_MODES)} ('int' with invert); found "
                f"{self.output_mode!r}."
            )
        if vocabulary_dtype != "int64" or num_oov_indices < 0 or pad_to_max_tokens and max_tokens is None:
            raise ValueError(
                "IntegerLookup: vocabulary_dtype must be 'int64', num_oov_indices at least 0, and "
                f"pad_to_max_tokens comes with max_tokens; found {vocabulary_dtype!r}, {num_oov_indices!r} "
                f"and max_tokens={max_tokens!r}."
            )
        self.vocabulary: list[int] | None = None
        self.idf_weights: list[float] | None = None
        claim_steps(10 * num_oov_indices, f"num_oov_indices={num_oov_indices}")
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        arguments["dtype"] = K.floatx()  # Keras writes that of the vocabulary

    def _special(self) -> list[Any]:
        """What stands before the vocabulary."""
        masked = self.mask_token is not None and self.output_mode == "int"
        return [self.mask_token] * masked + [self.oov_token] * self.num_oov_indices

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Sets the numbers, with or without the special entries before them, and weights for "tf_idf"."""
        if isinstance(vocabulary, str):
            raise ValueError(
                f"Layer {self.name}: the vocabulary must be a list of whole numbers; found the path "
                f"{vocabulary!r}. Read the file and pass its numbers."
            )
        numbers = [int(x) for x in vocabulary]
        special = self._special()
        weights = None if idf_weights is None else [float(x) for x in idf_weights]
        if (weights is None) == (self.output_mode == "tf_idf") or weights and len(weights) != len(numbers):
            raise ValueError(
                f"Layer {self.name}: idf_weights, one for each number of the vocabulary, go with "
                f"output_mode='tf_idf'; found {idf_weights!r} and output_mode={self.output_mode!r}."
            )
        if special and numbers[: len(special)] == special:
            numbers = numbers[len(special) :]
        elif weights is not None:
            weights = [float(np.mean(weights))] * len(special) + weights
        if len(set(numbers)) < len(numbers) or self.mask_token in numbers:
            raise ValueError(
                f"Layer {self.name}: the vocabulary {numbers!r} names a number twice, or the mask."
            )
        if self.max_tokens is not None and len(special) + len(numbers) > self.max_tokens:
            raise ValueError(
                f"Layer {self.name}: {len(special)} special entries and {len(numbers)} numbers exceed "
                f"max_tokens={self.max_tokens}."
            )
        self.vocabulary, self.idf_weights = numbers, weights

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The numbers by place."""
        special = self._special() if include_special_tokens else []
        return special + (self.vocabulary or [])

    def vocabulary_size(self) -> int:
        """Number of places, special ones included."""
        return len(self.get_vocabulary())

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Takes the vocabulary from data: the most frequent numbers first, of those the largest."""
        counts: Counter[int] = Counter()
        documents: Counter[int] = Counter()
        total = 0
        for batch in batches_of(data, steps):
            for row in batch.reshape(len(batch), -1).astype(np.int64).tolist():
                counts.update(row)
                documents.update(set(row))
                total += 1
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)  # type: ignore[arg-type]
        numbers = sorted(counts, key=lambda x: (counts[x], x), reverse=True)
        room = None if self.max_tokens is None else self.max_tokens - len(self._special())
        numbers = numbers[:room]
        weights = None
        if self.output_mode == "tf_idf":
            weights = [float(np.log1p(total / (1 + documents[x]))) for x in numbers]
        self.set_vocabulary(numbers, weights)

    def call(self, inputs: Any) -> Any:
        if not self.vocabulary:
            raise ValueError(f"Layer {self.name}: call adapt(data) first, or give a vocabulary.")
        x = K.cast(inputs, "int64")
        if self.invert:
            known = op.And(x >= 0, x < self.vocabulary_size())
            table = Constant(np.array(self.get_vocabulary(), np.int64))
            return op.Where(known, op.Gather(table, op.Where(known, x, x * 0)), x * 0 + self.oov_token)
        places = self._places(x)
        if self.output_mode == "int":
            return places
        size = self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        vectors = encoded(places, int(size or 0), mode, K.floatx())
        if self.idf_weights is None:
            return vectors
        claim_steps(int(size or 0), f"max_tokens={self.max_tokens}")
        weights = np.zeros(int(size or 0), K.floatx())
        weights[: len(self.idf_weights)] = self.idf_weights
        return op.Mul(vectors, Constant(weights))

    def _places(self, x: Value) -> Value:
        """The place of each number, by bisection of the sorted vocabulary."""
        order = np.argsort(self.vocabulary or [])
        ordered = np.array(self.vocabulary, np.int64)[order]
        last = len(order) - 1
        at = x * 0
        for step in reversed([2**i for i in range(last.bit_length())]):
            ahead = op.Min(at + step, Constant(np.int64(last)))
            at = op.Where(op.Gather(Constant(ordered), ahead) <= x, ahead, at)
        masked = self.mask_token is not None and self.output_mode == "int"
        found = op.Gather(Constant(order.astype(np.int64)), at) + len(self._special())
        unknown = x * 0 - 1
        if self.num_oov_indices:
            unknown = op.Mod(x, Constant(np.int64(self.num_oov_indices))) + int(masked)
        places = op.Where(op.Equal(op.Gather(Constant(ordered), at), x), found, unknown)
        if self.mask_token is None:
            return places
        # of no place: OneHot leaves out what lies beyond its size
        mask = x * 0 + (0 if masked else np.iinfo(np.int32).max)
        return op.Where(op.Equal(x, Constant(np.int64(self.mask_token))), mask, places)

    def get_config(self) -> dict[str, Any]:
        """As Keras 3 writes it: in another order than the constructor's."""
        config = super().get_config()
        config |= {name: config.pop(name) for name in _ORDER}
        return config if self.idf_weights is None else {**config, "vocabulary": self.get_vocabulary()}


registry.register(globals())
