"""``tf.lookup``: tables of keys and values in memory. They look up at once, and text in models, too."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import StringTensor, TextNode, Value, text_labels
from ...keras import backend as K
from ..tensorflow.dtypes import DType, as_dtype
from ..tensorflow.tensors import convert_to_tensor
from ..tensorflow.text import text_array
from .strings import as_string, to_hash_bucket_fast


def _entries(tensor: Any, dtype: Any = None) -> np.ndarray:
    found = convert_to_tensor(tensor, dtype)
    return np.asarray(found.numpy())


class KeyValueTensorInitializer:
    """Keys and values, each a vector."""

    def __init__(
        self, keys: Any, values: Any, key_dtype: Any = None, value_dtype: Any = None, name: Any = None
    ):
        self.keys, self.values = _entries(keys, key_dtype), _entries(values, value_dtype)
        if self.keys.shape != self.values.shape or self.keys.ndim != 1:
            raise ValueError(
                f"Keys and values must be vectors of one length; found "
                f"{self.keys.shape} and {self.values.shape}."
            )


def _nothing(key_dtype: Any, value_dtype: Any) -> KeyValueTensorInitializer:
    def empty(dtype: Any) -> np.ndarray:
        return np.array([], object if as_dtype(dtype) == "string" else as_dtype(dtype).as_numpy_dtype)

    return KeyValueTensorInitializer(empty(key_dtype), empty(value_dtype))


class TextFileIndex:
    """What of a line of a text file is a key or a value."""

    WHOLE_LINE = -2
    LINE_NUMBER = -1


class TextFileInitializer(KeyValueTensorInitializer):
    """Keys and values from the lines of a text file: columns, whole lines or their numbers."""

    def __init__(
        self, filename: Any, key_dtype: Any, key_index: int, value_dtype: Any, value_index: int,
        vocab_size: int | None = None, delimiter: str = "\t", name: Any = None, value_index_offset: int = 0,
    ) -> None:  # fmt: skip
        path: Any = filename.numpy() if isinstance(filename, Value) else filename
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()[:vocab_size]

        def column(index: int, dtype: Any) -> np.ndarray:
            if index == TextFileIndex.LINE_NUMBER:
                return np.arange(len(lines)) + value_index_offset
            found = lines if index == TextFileIndex.WHOLE_LINE else [x.split(delimiter)[index] for x in lines]
            kind = as_dtype(dtype)
            return (
                np.array(found, object) if kind == "string" else np.array(found).astype(kind.as_numpy_dtype)
            )

        super().__init__(column(key_index, key_dtype), column(value_index, value_dtype))


class StaticHashTable:
    """A table that does not change.

    Args:
        initializer: its keys and values.
        default_value: what is found for a key that is not there.
    """

    def __init__(self, initializer: Any, default_value: Any, name: Any = None, **options: Any) -> None:
        if not hasattr(initializer, "keys"):  # a class of the user's, which knows its types alone
            initializer = _nothing(initializer.key_dtype, initializer.value_dtype)
        self._values = initializer.values
        self._table = dict(zip(initializer.keys.tolist(), initializer.values.tolist(), strict=True))
        self._text = self._values.dtype.kind == "O"
        default = _entries(default_value)[()]
        self._default = default if self._text else self._values.dtype.type(default)
        self._keys = initializer.keys

    @property
    def key_dtype(self) -> DType:
        """Element type of the keys."""
        return as_dtype("string" if self._keys.dtype.kind == "O" else self._keys.dtype)

    @property
    def value_dtype(self) -> DType:
        """Element type of the values."""
        return as_dtype("string" if self._text else self._values.dtype)

    def lookup(self, keys: Any, name: Any = None) -> Value:
        """The value of each key. Of text that a model is given it has to be a whole number."""
        symbolic = isinstance(keys, Value) and keys.dtype == object and not isinstance(keys, StringTensor)
        if symbolic and self._values.dtype.kind in "iu":
            node = TextNode("StaticHashTable", keys, self._find, self._write, np.int64, keys.dims)
            return K.cast(node.outputs[0], self._values.dtype.name)
        given = _entries(keys)
        found = [self._table.get(key, self._default) for key in given.reshape(-1).tolist()]
        return self._made(found, given.shape)

    def _find(self, text: np.ndarray) -> np.ndarray:
        found = [self._table.get(key, self._default) for key in text.ravel()]
        return np.array(found, np.int64).reshape(text.shape)

    def _write(self, text: Value) -> Value:
        return text_labels(
            text, list(self._table), [int(n) for n in self._table.values()], int(self._default)
        )

    def _made(self, found: list[Any], shape: tuple[int, ...]) -> Value:
        if self._text:
            return text_array(found, shape)
        return convert_to_tensor(np.array(found, self._values.dtype).reshape(shape))

    def __getitem__(self, keys: Any) -> Value:
        return self.lookup(keys)

    def size(self, name: Any = None) -> Value:
        """Number of keys: int64."""
        return convert_to_tensor(np.int64(len(self._table)))

    def export(self, name: Any = None) -> tuple[Value, Value]:
        """All keys, and all values."""
        return convert_to_tensor(self._keys), convert_to_tensor(self._values)


class StaticVocabularyTable(StaticHashTable):
    """A table of keys and numbers, where other keys have numbers behind those.

    Args:
        initializer: keys, and the numbers from 0 on; None for a table of none.
        num_oov_buckets: how many numbers there are for keys that are not there.
    """

    def __init__(
        self,
        initializer: Any,
        num_oov_buckets: int,
        lookup_key_dtype: Any = None,
        name: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            initializer or KeyValueTensorInitializer(np.array([], object), np.array([], np.int64)), -1
        )
        self._buckets = num_oov_buckets

    def lookup(self, keys: Any, name: Any = None) -> Value:
        """The number of each key."""
        found = np.asarray(super().lookup(keys))
        given = convert_to_tensor(keys)
        text = given if given.dtype.kind == "O" else as_string(given)
        beyond = len(self._table) + np.asarray(to_hash_bucket_fast(text, self._buckets))
        return convert_to_tensor(np.where(found < 0, beyond, found))


class MutableHashTable(StaticHashTable):
    """A table that keys are put into.

    Args:
        key_dtype: element type of the keys.
        value_dtype: element type of the values.
        default_value: what is found for a key that is not there.
    """

    def __init__(
        self, key_dtype: Any, value_dtype: Any, default_value: Any, name: Any = None, **options: Any
    ):
        super().__init__(_nothing(key_dtype, value_dtype), default_value)

    def insert(self, keys: Any, values: Any, name: Any = None) -> None:
        """Puts keys in, with their values."""
        pairs = zip(_entries(keys).reshape(-1).tolist(), _entries(values).reshape(-1).tolist(), strict=True)
        self._table.update(pairs)

    def remove(self, keys: Any, name: Any = None) -> None:
        """Takes keys out."""
        for key in _entries(keys).reshape(-1).tolist():
            self._table.pop(key, None)

    def export(self, name: Any = None) -> tuple[Value, Value]:
        """All keys, and all values."""
        text, keys = self._keys.dtype.kind == "O", list(self._table)
        made = text_array(keys, [len(keys)]) if text else convert_to_tensor(np.array(keys, self._keys.dtype))
        return made, self._made(list(self._table.values()), (len(self._table),))


class experimental:
    """``tf.lookup.experimental``."""

    MutableHashTable = MutableHashTable


__all__ = [
    "KeyValueTensorInitializer", "StaticHashTable", "StaticVocabularyTable", "TextFileIndex",
    "TextFileInitializer", "experimental",
]  # fmt: skip
