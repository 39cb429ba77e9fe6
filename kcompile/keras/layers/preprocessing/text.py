"""TextVectorization and StringLookup: text as places in a vocabulary."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ....ir import Constant, StringTensor, Value, as_bytes, op, text_labels
from ... import registry
from ...backend.tensors import static_sizes
from ...data.tensors import eager_interpreter
from ...declaration import ANY, configured, only
from ...operations.text_operators import lowered, replaced
from ...utils.fingerprints import fingerprints
from .text_inputs import TextLayer, text_of, texts_of
from .vocabulary import NO_PLACE, Vocabulary, output_mode

_PUNCTUATION = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"
_ENCODINGS = ("utf-8", "utf8", "UTF-8")


class _TextVocabulary(TextLayer, Vocabulary):
    """A vocabulary of text."""

    _holds = "text"
    encoding: str = "utf-8"

    def _entries(self, vocabulary: Any) -> list[str]:
        text = text_of(list(vocabulary) if not isinstance(vocabulary, np.ndarray) else vocabulary)
        if text is None and len(vocabulary):
            raise ValueError(
                f"Layer {self.name}: the vocabulary must be a list of text; found {vocabulary!r}."
            )
        return [] if text is None else [entry.decode() for entry in text.array.ravel()]

    def _find(self, text: np.ndarray) -> np.ndarray:
        table, unknown = self._table(), self._unknown
        found = np.array([table.get(entry, unknown) for entry in text.ravel()], np.int64)
        if self.num_oov_indices > 1:
            away = np.array([entry not in table for entry in text.ravel()], bool)
            hashes = fingerprints(text.ravel()[away]) % self.num_oov_indices
            found[away] = unknown + hashes.astype(np.int64)
        return found.reshape(text.shape)

    def _table(self) -> dict[bytes, int]:
        """The place of each entry."""
        self._require_vocabulary()
        first = len(self._special())
        table = {entry.encode(): place for place, entry in enumerate(self.vocabulary or (), first)}
        if self.mask_token is not None:
            table[self.mask_token.encode()] = 0 if self._is_masked else NO_PLACE
        return table

    @property
    def _unknown(self) -> int:
        """The place of what the vocabulary lacks."""
        return int(self._is_masked) if self.num_oov_indices else -1

    def _write_places(self, entries: Value) -> Value:
        """ONNX's table of text: LabelEncoder of ai.onnx.ml."""
        if self.num_oov_indices > 1:
            raise ValueError(
                f"Layer {self.name}: several num_oov_indices part unknown text by its hash, for which ONNX "
                "has no operators. Export the model that follows it, Model(layer.output, model.output), and "
                "call the layer in front of it."
            )
        table = self._table()
        return text_labels(entries, list(table), list(table.values()), self._unknown)

    def _finish(self, found: Value) -> Value:
        return self._encoded(found)


class StringLookup(_TextVocabulary):
    """The place of each text in a vocabulary, or vectors of such places.

    Args:
        max_tokens: size of the vocabulary with its special entries at most; None for no limit.
        num_oov_indices: places for text that the vocabulary lacks. Without one, such text gets -1 (Keras
            raises an error); of several, each gets that of its hash in TensorFlow, which a file cannot say.
        mask_token: text that gets place 0; None for none. It only counts for "int".
        oov_token: what ``invert`` gives for places of unknown text.
        vocabulary: the text, in order; None to take it from data by ``adapt``.
        idf_weights: weight of each entry of the vocabulary, for "tf_idf".
        encoding: "utf-8".
        invert: whether to turn places into text.
        output_mode: "int", "one_hot", "multi_hot", "count" or "tf_idf".
        pad_to_max_tokens: whether vectors have max_tokens entries, however small the vocabulary.

    Input: text of any shape, of a model's input (``Input(shape, dtype="string")``) or as it is; output: int64
    of that shape, or vectors as CategoryEncoding has them; with ``invert`` the other way round, outside of
    models.

    Raises:
        ValueError: for a vocabulary with repetitions or beyond max_tokens, or arguments that do not fit.
    """

    @configured(
        output_mode=output_mode,
        sparse=only(False),
        vocabulary_dtype=only("string"),
        vocabulary_size=only(ANY),
        has_input_vocabulary=only(ANY),
        oov_method=only(ANY),  # of numbers alone
        salt=only(None),
    )
    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",  # noqa: S107
        vocabulary: Any = None,
        idf_weights: Any = None,
        encoding: str = "utf-8",
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        **kwargs: Any,
    ) -> None:
        _check_encoding(self, encoding)
        self._start(vocabulary, idf_weights)

    def _rows(self, data: Any, steps: int | None) -> Iterator[list[str]]:
        for batch in texts_of(data, steps):
            for row in batch.reshape(len(batch), -1) if batch.size else ():
                yield [entry.decode() for entry in row]

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        """Places of text; with ``invert``, the text of places, at once."""
        if hasattr(inputs, "with_flat_values") and not self.invert:
            return self._of_rows(inputs)
        return self._text_at(inputs) if self.invert else super().__call__(inputs, **kwargs)

    def _places_of(self, entries: np.ndarray) -> np.ndarray:
        return self._find(as_bytes(entries))

    def _text_at(self, inputs: Any) -> StringTensor:
        self._require_vocabulary()
        places = np.asarray(inputs).astype(np.int64)
        entries = as_bytes(np.array([*self.get_vocabulary(), self.oov_token], dtype=object))
        known = (places >= 0) & (places < len(entries) - 1)
        interpreter = getattr(inputs, "interpreter", None) or eager_interpreter()
        return StringTensor(entries[np.where(known, places, -1)], interpreter)

    def _write(self, text: Value) -> Value:
        return self._write_places(text)


class TextVectorization(_TextVocabulary):
    """Text as the places of its words in a vocabulary, or vectors of such places.

    Args:
        max_tokens: size of the vocabulary with its special entries at most; None for no limit.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", None, or a function of a
            tensor of text, which is called on text, never on symbolic tensors.
        split: "whitespace", "character", None, or such a function, whose result has the words of each text.
        ngrams: up to so many words in a row are entries too, or the tuple of such numbers; None for words.
        output_mode: "int", "multi_hot", "count" or "tf_idf".
        output_sequence_length: how many places each text gives for "int", by 0 or cut; None for those of the
            longest text.
        pad_to_max_tokens: whether vectors have max_tokens entries, however small the vocabulary.
        vocabulary: the entries, in order; None to take them from data by ``adapt``.
        idf_weights: weight of each entry of the vocabulary, for "tf_idf".
        encoding: "utf-8".

    Input: text (batch,) or (batch, 1), or a single text; output: int64 (batch, length), or vectors
    (batch, entries). Place 0 stands for nothing, 1 for words that the vocabulary lacks (0 in vectors).

    An exported file computes the same with ONNX's own operators, unless split is a function or "character",
    or standardize is a function of more than ``tf.strings.lower``, ``upper`` and ``regex_replace`` of literal
    text or of a set of characters.

    Raises:
        ValueError: for another mode, or ``output_sequence_length`` without output_mode="int".
    """

    mask_token = ""
    oov_token = "[UNK]"  # noqa: S105

    @configured(
        output_mode=output_mode,
        sparse=only(False),
        ragged=only(False),
        vocabulary_size=only(ANY),
        has_input_vocabulary=only(ANY),
    )
    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        encoding: str = "utf-8",
        **kwargs: Any,
    ) -> None:
        _check_encoding(self, encoding)
        for name, value, known in (("standardize", standardize, _STANDARDS), ("split", split, _SPLITS)):
            if not callable(value) and value not in known:
                raise ValueError(
                    f"TextVectorization: {name} must be one of {', '.join(map(repr, known))} or a function; "
                    f"found {value!r}."
                )
        if output_sequence_length is not None and self.output_mode != "int":
            raise ValueError(
                f"TextVectorization: output_sequence_length goes with output_mode='int'; found "
                f"{self.output_mode!r}."
            )
        self._start(vocabulary, idf_weights)

    def _rows(self, data: Any, steps: int | None) -> Iterator[list[str]]:
        for batch in texts_of(data, steps):
            for row in self._words(batch):
                yield [word.decode() for word in row if word]

    # --- in Python ------------------------------------------------------------------------------------------

    def _words(self, text: np.ndarray) -> list[list[bytes]]:
        """The entries of each text."""
        if text.ndim > 1 and text.shape[-1] == 1 and self.split is not None:
            text = text[..., 0]
        standardize, split = self.standardize, self.split
        if callable(standardize):
            text = as_bytes(_array(standardize(StringTensor(text, eager_interpreter()))))
        else:
            text = _mapped(_STANDARDS[standardize], text)
        if callable(split):
            rows = _rows_of(split(StringTensor(text, eager_interpreter())))
        elif split is None:
            rows = [list(np.atleast_1d(row)) for row in text]
        else:
            rows = [_SPLITS[split](entry) for entry in text]
        return [self._with_ngrams(row) for row in rows]

    def _with_ngrams(self, words: list[bytes]) -> list[bytes]:
        if self.ngrams is None:
            return words
        return [b" ".join(words[i : i + n]) for n in self._sizes for i in range(len(words) - n + 1)]

    @property
    def _sizes(self) -> Sequence[int]:
        """How many words the entries have."""
        return range(1, self.ngrams + 1) if isinstance(self.ngrams, int) else self.ngrams

    def _find(self, text: np.ndarray) -> np.ndarray:
        rows = self._words(np.atleast_1d(text))
        if self.split is None and self.output_mode == "int":
            return super()._find(np.array([*itertools.chain(*rows)], object).reshape(text.shape))
        length = self.output_sequence_length or max(map(len, rows), default=0)
        filler = 0 if self.output_mode == "int" else NO_PLACE
        found = np.full((len(rows), max(length, int(self.output_mode != "int"))), filler, np.int64)
        table, unknown = self._table(), self._unknown
        for row, words in zip(found, rows, strict=True):
            places = [table.get(word, unknown) for word in words[:length]]
            row[: len(places)] = places
        return found if text.ndim else found[0]

    # --- in a graph -----------------------------------------------------------------------------------------

    def _found_type(self, text: Value) -> tuple[Any, Any]:
        if self.split is None and self.output_mode == "int":
            return super()._found_type(text)
        return np.int64, (None if text.dims is None else text.dims[0], self.output_sequence_length)

    def _write(self, text: Value) -> Value:
        for name, value, known in (
            ("standardize", None if callable(self.standardize) else self.standardize, _STANDARDS),
            ("split", self.split, ("whitespace",)),
        ):
            if callable(value) or value not in known:
                raise ValueError(
                    f"Layer {self.name}: ONNX has no operators for {name}={value!r} of TextVectorization. "
                    "Export the model that follows it, Model(layer.output, model.output), and do this step "
                    "in front of it."
                )
        if len(static_sizes(text)) > 1:
            text = op.Squeeze(text, [-1])
        if callable(self.standardize):
            text = self._written_by_function(text)
        if self.standardize in ("lower", "lower_and_strip_punctuation"):
            text = lowered(text)
        if self.standardize in ("strip_punctuation", "lower_and_strip_punctuation"):
            for character in _PUNCTUATION:
                text = replaced(text, character, "")
        words = op.StringSplit(text, outputs=2)[0]
        if self.ngrams is not None:
            words = _rows_of_ngrams(words, self._sizes)
        places = self._write_places(words)
        if self.ngrams is not None and self.output_mode == "int":
            places = _first_of_rows(places, op.Not(op.Equal(words, _NOTHING)))
        if self.output_sequence_length is not None:
            padding = Constant(np.array([0, 0, 0, self.output_sequence_length], np.int64))
            places = op.Pad(places, padding, Constant(np.int64(0)))
            places = op.Slice(places, [0], [self.output_sequence_length], [1])
        return places

    def _written_by_function(self, text: Value) -> Value:
        """What a user's function makes of text, in operators, where ``tf.strings`` can say it so."""
        try:
            found = self.standardize(text)
        except Exception as error:  # whatever a function raises that was made for text, not for a graph
            raise ValueError(
                f"Layer {self.name}: ONNX has no operators for standardize={self.standardize!r} of "
                f"TextVectorization ({error}). Export the model that follows it, Model(layer.output, "
                "model.output), and do this step in front of it."
            ) from error
        return found  # type: ignore[no-any-return]


_NOTHING = Constant(np.array("", object))
_SPACE = Constant(np.array(" ", object))


def _rows_of_ngrams(words: Value, sizes: Sequence[int]) -> Value:
    """So many words in a row as entries, of rows of words (batch, words) that are filled up with nothing;
    nothing, too, where a row has ended."""
    found = []
    for size in sizes:
        parts = [
            op.Slice(words, [i], [i + 1 - size if i + 1 < size else np.iinfo(np.int64).max], [1])
            for i in range(size)
        ]
        joined = parts[0]
        for part in parts[1:]:
            joined = op.StringConcat(op.StringConcat(joined, _SPACE), part)
        ended = op.Equal(parts[-1], _NOTHING)
        found.append(joined if size == 1 else op.Where(ended, _NOTHING, joined))
    return op.Concat(*found, axis=1)


def _first_of_rows(places: Value, are_entries: Value) -> Value:
    """The places of entries, in order, before those of nothing in each row."""
    count = op.Shape(places, start=1, end=2)
    numbers = op.Range(0, op.Squeeze(count), 1)
    keys = op.Where(are_entries, op.Sub(count, numbers), 0)
    order = op.TopK(keys, count, axis=1)[1]
    return op.GatherElements(op.Where(are_entries, places, 0), order, axis=1)


def _stripped(text: bytes) -> bytes:
    return text.translate(None, _PUNCTUATION.encode())


#: As TensorFlow has them: of ASCII's letters alone.
_STANDARDS: dict[Any, Any] = {
    "lower_and_strip_punctuation": lambda text: _stripped(text.lower()),
    "lower": bytes.lower,
    "strip_punctuation": _stripped,
    None: bytes,
}
_SPLITS: dict[Any, Any] = {
    "whitespace": bytes.split,
    "character": lambda text: [letter.encode() for letter in text.decode(errors="replace")],
    None: None,
}


def _mapped(function: Any, text: np.ndarray) -> np.ndarray:
    found = np.empty(text.shape, object)
    found.reshape(-1)[:] = [function(entry) for entry in text.ravel()]
    return found


def _array(text: Any) -> Any:
    return text.array if isinstance(text, Constant) else text


def _rows_of(words: Any) -> list[list[bytes]]:
    """What a function that splits gave: a tensor of text, or one with rows of their own lengths."""
    if isinstance(words, StringTensor):
        return [list(row) for row in words.array]
    rows = words.to_list() if hasattr(words, "to_list") else words
    return [list(as_bytes(np.array(list(row), dtype=object))) for row in rows]


def _check_encoding(layer: Any, encoding: str) -> None:
    if encoding not in _ENCODINGS:
        raise ValueError(f"{type(layer).__name__}: encoding must be 'utf-8'; found {encoding!r}.")


registry.register(globals(), listed=True)
