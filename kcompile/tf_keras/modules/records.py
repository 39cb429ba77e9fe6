"""``tf.train.Example`` and what reads it: records of named lists of bytes, fractions or whole numbers.

The encoding is that of protocol buffers: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...keras.data.dtypes import as_dtype
from ..tensorflow.tensors import convert_to_tensor
from ..tensorflow.text import text_array, text_of
from .errors import InvalidArgumentError
from .sparse import SparseTensor

# --- bytes --------------------------------------------------------------------------------------------------


def _number(value: int) -> bytes:
    """A number of seven bits a byte."""
    value &= (1 << 64) - 1
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)


def _field(tag: int, data: bytes) -> bytes:
    return _number(tag << 3 | 2) + _number(len(data)) + data


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (1 << 64) - 1, at
    raise InvalidArgumentError("The bytes are no tf.train.Example: a number in them does not end.")


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message: their tags, with bytes, or a number."""
    at = 0
    while at < len(data):
        key, at = _read_number(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _read_number(data, at)
            yield key >> 3, value
            continue
        size = {1: 8, 5: 4}.get(kind, 0)
        if kind == 2:
            size, at = _read_number(data, at)
        elif not size:
            raise InvalidArgumentError(
                f"The bytes are no tf.train.Example: a field in them has the kind {kind}."
            )
        if at + size > len(data):
            raise InvalidArgumentError("The bytes are no tf.train.Example: they end early.")
        yield key >> 3, data[at : at + size]
        at += size


# --- messages -----------------------------------------------------------------------------------------------


class Message:
    """What is written as bytes, and read from them, by the methods of protocol buffers."""

    def encoded(self) -> bytes:
        """As bytes."""
        raise NotImplementedError

    @classmethod
    def of(cls, data: bytes) -> Any:
        """Out of bytes."""
        raise NotImplementedError

    def lines(self) -> Iterator[str]:
        """As text, line by line."""
        raise NotImplementedError

    def SerializeToString(self) -> bytes:
        """As bytes."""
        return self.encoded()

    @classmethod
    def FromString(cls, serialized: bytes) -> Any:
        """Out of bytes.

        Raises:
            InvalidArgumentError: where they are something else.
        """
        return cls.of(bytes(serialized))

    def ParseFromString(self, serialized: bytes) -> int:
        """Takes over what bytes say; returns their number."""
        vars(self).update(vars(self.FromString(serialized)))
        return len(serialized)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.encoded() == self.encoded()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "".join(f"{line}\n" for line in self.lines())


def _block(name: str, message: Message) -> Iterator[str]:
    yield f"{name} {{"
    yield from (f"  {line}" for line in message.lines())
    yield "}"


class _List(Message):
    """Values of one type."""

    value: list[Any]

    def lines(self) -> Iterator[str]:
        return (f"value: {self._shown(x)}" for x in self.value)

    @staticmethod
    def _shown(entry: Any) -> str:
        return str(entry)


class BytesList(_List):
    """Texts.

    Args:
        value: bytes, one after the other.
    """

    def __init__(self, value: Iterable[Any] = ()) -> None:
        self.value = [text_of(x).array.item() for x in value]

    def encoded(self) -> bytes:
        """As bytes."""
        return b"".join(_field(1, text_of(x).array.item()) for x in self.value)

    @staticmethod
    def _shown(entry: Any) -> str:
        return '"' + repr(text_of(entry).array.item())[2:-1].replace('"', '\\"') + '"'

    @classmethod
    def of(cls, data: bytes) -> BytesList:
        """Out of bytes."""
        return cls([value for tag, value in _fields(data) if tag == 1])


class FloatList(_List):
    """Fractions, of single precision.

    Args:
        value: numbers, one after the other.
    """

    def __init__(self, value: Iterable[Any] = ()) -> None:
        self.value = [float(x) for x in np.asarray(list(value), np.float32)]

    def encoded(self) -> bytes:
        """As bytes."""
        return _field(1, struct.pack(f"<{len(self.value)}f", *self.value)) if self.value else b""

    @classmethod
    def of(cls, data: bytes) -> FloatList:
        """Out of bytes."""
        parts = [value for tag, value in _fields(data) if tag == 1 and isinstance(value, bytes)]
        whole = b"".join(parts)
        return cls(np.frombuffer(whole[: len(whole) // 4 * 4], "<f4"))


class Int64List(_List):
    """Whole numbers.

    Args:
        value: numbers, one after the other.
    """

    def __init__(self, value: Iterable[Any] = ()) -> None:
        self.value = [int(x) for x in value]

    def encoded(self) -> bytes:
        """As bytes."""
        return _field(1, b"".join(map(_number, self.value))) if self.value else b""

    @classmethod
    def of(cls, data: bytes) -> Int64List:
        """Out of bytes."""
        found: list[int] = []
        for tag, value in _fields(data):
            if tag == 1:
                found += [value] if isinstance(value, int) else _numbers(value)
        return cls(x - (1 << 64) if x >> 63 else x for x in found)


def _numbers(data: bytes) -> list[int]:
    found, at = [], 0
    while at < len(data):
        value, at = _read_number(data, at)
        found.append(value)
    return found


_LISTS: tuple[tuple[str, Any], ...] = (
    ("bytes_list", BytesList),
    ("float_list", FloatList),
    ("int64_list", Int64List),
)


class Feature(Message):
    """One of three lists.

    Args:
        bytes_list, float_list, int64_list: the list; the others are empty.
    """

    def __init__(self, bytes_list: Any = None, float_list: Any = None, int64_list: Any = None) -> None:
        given = (bytes_list, float_list, int64_list)
        self._said = next((name for (name, _), x in zip(_LISTS, given, strict=True) if x is not None), None)
        self.bytes_list, self.float_list, self.int64_list = (
            x if x is not None else make() for x, (_, make) in zip(given, _LISTS, strict=True)
        )

    @property
    def kind(self) -> str | None:
        """The name of the list that is there: that which was given, or has something in it."""
        filled = (name for name, _ in _LISTS if getattr(self, name).value)
        return self._said or next(filled, None)

    def lines(self) -> Iterator[str]:
        return _block(self.kind, getattr(self, self.kind)) if self.kind else iter(())

    def WhichOneof(self, group: str) -> str | None:
        """The name of the list that is there."""
        return self.kind

    @property
    def values(self) -> list[Any]:
        """What is in the list that is there."""
        return getattr(self, self.kind).value if self.kind else []

    def encoded(self) -> bytes:
        """As bytes."""
        return b"".join(
            _field(tag, getattr(self, name).encoded())
            for tag, (name, _) in enumerate(_LISTS, 1)
            if name == self.kind
        )

    @classmethod
    def of(cls, data: bytes) -> Feature:
        """Out of bytes."""
        for tag, value in _fields(data):
            if 1 <= tag <= 3:
                name, kind = _LISTS[tag - 1]
                return cls(**{name: kind.of(value)})
        return cls()


class Features(Message):
    """Lists by name.

    Args:
        feature: name -> Feature; a name that is asked for and not there is made, with nothing in it.
    """

    def __init__(self, feature: Mapping[str, Feature] | None = None) -> None:
        self.feature = defaultdict(Feature, feature or {})

    def lines(self) -> Iterator[str]:
        for name, feature in sorted(self.feature.items()):
            inner = (f'key: "{name}"', *_block("value", feature))
            yield from ("feature {", *(f"  {line}" for line in inner), "}")

    def encoded(self) -> bytes:
        """As bytes; names in their order."""
        entries = sorted(self.feature.items())
        return b"".join(_field(1, _field(1, n.encode()) + _field(2, f.encoded())) for n, f in entries)

    @classmethod
    def of(cls, data: bytes) -> Features:
        """Out of bytes."""
        found = {}
        for tag, entry in _fields(data):
            if tag == 1:
                parts = dict(_fields(entry))
                found[bytes(parts.get(1, b"")).decode("utf-8", "replace")] = Feature.of(parts.get(2, b""))
        return cls(found)


class Example(Message):
    """A record.

    Args:
        features: its lists by name.
    """

    def __init__(self, features: Features | None = None) -> None:
        self.features = features or Features()

    def lines(self) -> Iterator[str]:
        return _block("features", self.features)

    def encoded(self) -> bytes:
        """As bytes."""
        return _field(1, self.features.encoded())

    @classmethod
    def of(cls, data: bytes) -> Example:
        """Out of bytes."""
        parts = [value for tag, value in _fields(data) if tag == 1 and isinstance(value, bytes)]
        return cls(Features.of(b"".join(parts)))


# --- parsing ------------------------------------------------------------------------------------------------


class FixedLenFeature(NamedTuple):
    """A list of a known length.

    Attributes:
        shape: of the tensor.
        dtype: of its elements.
        default_value: what stands for a list that is not there; None where it must be.
    """

    shape: Sequence[int]
    dtype: Any
    default_value: Any = None


class VarLenFeature(NamedTuple):
    """A list of any length: a sparse tensor.

    Attributes:
        dtype: of its elements.
    """

    dtype: Any


class FixedLenSequenceFeature(NamedTuple):
    """A list of any length of parts of one shape.

    Attributes:
        shape: of a part.
        dtype: of its elements.
        allow_missing: True; an empty list stands for one that is not there.
        default_value: what fills up shorter lists in a batch.
    """

    shape: Sequence[int]
    dtype: Any
    allow_missing: bool = False
    default_value: Any = None


def parse_single_example(
    serialized: Any, features: Mapping[str, Any], example_names: Any = None, name: Any = None
) -> dict[str, Any]:
    """The tensors of a record, by name.

    Args:
        serialized: bytes of a ``tf.train.Example``.
        features: name -> FixedLenFeature, VarLenFeature or FixedLenSequenceFeature.

    Raises:
        InvalidArgumentError: for a list that is not there, or of another type or length.
    """
    record = Example.FromString(text_of(serialized).array.item()).features.feature
    return {key: _parsed(key, record.get(key, Feature()), spec) for key, spec in features.items()}


def _checked(name: str, feature: Feature, dtype: Any) -> list[Any]:
    wanted = as_dtype(dtype)
    kind = "bytes_list" if wanted == "string" else "float_list" if wanted.is_floating else "int64_list"
    if feature.kind not in (None, kind):
        raise InvalidArgumentError(f"Feature {name}: expected {kind} for {wanted!r}, found {feature.kind}.")
    return feature.values


def _made(values: list[Any], dtype: Any, shape: Sequence[int]) -> Any:
    if as_dtype(dtype) == "string":
        return text_array(values, shape)
    return convert_to_tensor(np.array(values, as_dtype(dtype).as_numpy_dtype).reshape(tuple(shape)))


def _parsed(name: str, feature: Feature, spec: Any) -> Any:
    values = _checked(name, feature, spec.dtype)
    if isinstance(spec, VarLenFeature):
        places = np.arange(len(values), dtype=np.int64)[:, None]
        return SparseTensor(places, _made(values, spec.dtype, [len(values)]), [len(values)])
    shape = tuple(spec.shape)
    size = int(np.prod(shape, dtype=np.int64))
    if isinstance(spec, FixedLenSequenceFeature):
        count = len(values) // max(size, 1)
        return _made(values[: count * size], spec.dtype, (count, *shape))
    if not values and spec.default_value is not None:
        values = list(np.broadcast_to(np.asarray(spec.default_value, object), shape).reshape(-1))
        values = [x.encode() if isinstance(x, str) else x for x in values]
    if len(values) != size:
        found = "it is not there" if not values else f"found {len(values)}"
        raise InvalidArgumentError(f"Feature {name}: expected {size} values for the shape {shape}; {found}.")
    return _made(values, spec.dtype, shape)


def parse_example(
    serialized: Any, features: Mapping[str, Any], example_names: Any = None, name: Any = None
) -> dict:
    """The tensors of several records, stacked along a first axis; see ``parse_single_example``."""
    records = [parse_single_example(x, features) for x in text_of(serialized)]
    return {key: _batched([record[key] for record in records], spec) for key, spec in features.items()}


def _batched(parts: list[Any], spec: Any) -> Any:
    if isinstance(spec, VarLenFeature):
        return SparseTensor.of_rows(parts, spec.dtype)
    arrays = [np.asarray(part) for part in parts]
    if isinstance(spec, FixedLenSequenceFeature):
        longest = max((len(a) for a in arrays), default=0)
        text = as_dtype(spec.dtype) == "string"
        fill = spec.default_value if spec.default_value is not None else b"" if text else 0
        widths = [[(0, longest - len(a)), *[(0, 0)] * (a.ndim - 1)] for a in arrays]
        arrays = [np.pad(a, w, constant_values=fill) for a, w in zip(arrays, widths, strict=True)]
    whole = np.stack(arrays)
    return text_of(whole) if whole.dtype.kind == "O" else convert_to_tensor(whole)


TRAIN = ["BytesList", "Example", "Feature", "Features", "FloatList", "Int64List"]
IO = [
    "FixedLenFeature", "FixedLenSequenceFeature", "VarLenFeature", "parse_example",
    "parse_single_example",
]  # fmt: skip
