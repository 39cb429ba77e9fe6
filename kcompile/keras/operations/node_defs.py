"""One operator of a TensorFlow graph, as ``TensorFlowOpLayer`` of tf.keras 2.0 to 2.3 writes it: NodeDef.

TensorFlow 2.2 and later write the message as JSON, 2.0 and 2.1 its encoding as text. The fields are those of
``node_def.proto``, ``attr_value.proto`` and ``types.proto``. Nothing in it is looked up or run.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

#: Types by their numbers in ``types.proto``.
_TYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string", 8: "complex64",
    9: "int64", 10: "bool", 14: "bfloat16", 17: "uint16", 18: "complex128", 19: "float16", 22: "uint32",
    23: "uint64",
}  # fmt: skip
_TYPE_NAMES = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16"}


class DType(str):
    """The name of a type, as the value of an attribute."""


@dataclass
class NodeDef:
    """An operator: its name in TensorFlow, how many inputs it has, and its attributes as Python's values
    (types as :class:`DType`, shapes as lists, tensors and functions as None)."""

    op: str
    inputs: int
    attributes: dict[str, Any] = field(default_factory=dict)


def read_node_def(node_def: Any) -> NodeDef:
    """The operator in a layer's configuration.

    Args:
        node_def: the message as a dict, or its encoding as text or bytes.

    Raises:
        ValueError: if it is neither.
    """
    try:
        if isinstance(node_def, Mapping):
            return _from_json(node_def)
        if isinstance(node_def, str):
            return _from_bytes(node_def.encode())
        if isinstance(node_def, bytes):
            return _from_bytes(node_def)
    except (ValueError, TypeError, IndexError, AttributeError, OverflowError, struct.error) as error:
        raise ValueError(f"its node_def cannot be read ({error})") from error
    raise ValueError(f"its node_def is {type(node_def).__name__}; a dict or text was expected")


# --- JSON ---------------------------------------------------------------------------------------------------


def _from_json(node: Mapping[str, Any]) -> NodeDef:
    inputs = [name for name in node.get("input", ()) if not str(name).startswith("^")]
    attributes = {str(name): _json_value(value) for name, value in node.get("attr", {}).items()}
    return NodeDef(str(node["op"]) if "op" in node else "?", len(inputs), attributes)


def _json_value(value: Mapping[str, Any]) -> Any:
    for kind, content in value.items():
        if kind == "list":
            return [_json_scalar(inner, entry) for inner, entries in content.items() for entry in entries]
        return _json_scalar(kind, content)
    return None


def _json_scalar(kind: str, content: Any) -> Any:
    if kind == "i":
        return int(content)
    if kind == "f":
        return float(content)  # "NaN" and "Infinity" are texts
    if kind == "b":
        return content is True
    if kind == "s":
        return _text(base64.b64decode(content, validate=True))
    if kind == "type":
        return DType(_TYPE_NAMES.get(content, content.removeprefix("DT_").lower()))
    if kind == "shape":
        sizes = [int(dim.get("size", 0)) for dim in content.get("dim", ())]
        return [size if size >= 0 else None for size in sizes]
    return None


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


# --- the encoding -------------------------------------------------------------------------------------------

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def _from_bytes(data: bytes) -> NodeDef:
    node = NodeDef("?", 0)
    for number, content in _fields(data):
        if number == 2:
            node.op = _text(content)
        elif number == 3:
            node.inputs += not content.startswith(b"^")
        elif number == 5:
            entry = dict(_fields(content))
            node.attributes[_text(entry.get(1, b""))] = _value(entry.get(2, b""))
    return node


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """(number, content) of the fields of a message: numbers as integers, the rest as bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            content, at = _varint(data, at)
            yield tag >> 3, content
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"a field of the unknown kind {kind}")
        if at + size > len(data):
            raise ValueError("it ends within a field")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and where the next field does."""
    value = 0
    for i in range(10):
        if at + i >= len(data):
            raise ValueError("it ends within a number")
        value |= (data[at + i] & 127) << 7 * i
        if data[at + i] < 128:
            return value & (1 << 64) - 1, at + i + 1
    raise ValueError("a number of more than 64 bits")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _value(data: bytes) -> Any:
    for number, content in _fields(data):
        if number == 1:
            return [entry for inner, part in _fields(content) for entry in _entries(inner, part)]
        return _scalar(number, content)
    return None


def _entries(number: int, content: Any) -> list[Any]:
    """The entries of a list that one of its fields holds: several, where numbers are packed."""
    if not isinstance(content, bytes) or number not in (3, 4, 5, 6):
        return [_scalar(number, content)]
    if number == 4:
        return list(struct.unpack(f"<{len(content) // 4}f", content))
    found, at = [], 0
    while at < len(content):
        value, at = _varint(content, at)
        found.append(_scalar(number, value))
    return found


def _scalar(number: int, content: Any) -> Any:
    if number == 2:
        return _text(content)
    if number == 3:
        return _signed(content)
    if number == 4:
        return struct.unpack("<f", content)[0]
    if number == 5:
        return bool(content)
    if number == 6:
        return DType(_TYPES.get(content, f"type {content}"))
    if number == 7:
        sizes = [_signed(dict(_fields(dim)).get(1, 0)) for kind, dim in _fields(content) if kind == 2]
        return [size if size >= 0 else None for size in sizes]
    return None
