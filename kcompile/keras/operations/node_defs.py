"""One operator of a TensorFlow graph, as ``TensorFlowOpLayer`` of tf.keras 2.0 to 2.3 writes it: NodeDef.

TensorFlow 2.2 and later write the message as JSON, 2.0 and 2.1 its encoding as text. The fields are those of
``node_def.proto``, ``attr_value.proto`` and ``types.proto``. Nothing in it is looked up or run.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcompile_runtime.wire import Truncated, signed, values, varint

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
    except Truncated as error:
        raise ValueError("its node_def cannot be read (it is no message of protobuf)") from error
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


def _from_bytes(data: bytes) -> NodeDef:
    node = NodeDef("?", 0)
    for number, content in values(data):
        if number == 2:
            node.op = _text(content)
        elif number == 3:
            node.inputs += not content.startswith(b"^")
        elif number == 5:
            entry = dict(values(content))
            node.attributes[_text(entry.get(1, b""))] = _value(entry.get(2, b""))
    return node


def _value(data: bytes) -> Any:
    for number, content in values(data):
        if number == 1:
            return [entry for inner, part in values(content) for entry in _entries(inner, part)]
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
        value, at = varint(content, at, len(content))
        found.append(_scalar(number, value))
    return found


def _scalar(number: int, content: Any) -> Any:
    if number == 2:
        return _text(content)
    if number == 3:
        return signed(content)
    if number == 4:
        return struct.unpack("<f", content)[0]
    if number == 5:
        return bool(content)
    if number == 6:
        return DType(_TYPES.get(content, f"type {content}"))
    if number == 7:
        sizes = [signed(dict(values(dim)).get(1, 0)) for kind, dim in values(content) if kind == 2]
        return [size if size >= 0 else None for size in sizes]
    return None
