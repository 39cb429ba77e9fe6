"""Looks at a model before onnxruntime does.

A truncated or foreign file is named as what it is, and weights outside the file are found before anything
opens a path that the file names: releases of onnxruntime differ in which paths they follow. Only the
structure of ONNX's protobuf messages is walked; tensors and strings are stepped over, so the work grows with
the number of nodes, not with the size of the weights.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass

from .errors import ModelFileError
from .limits import Measured, measure
from .mistaken import HEAD, mistaken_for_model
from .wire import Buffer, Malformed, Truncated, fields

_KNOWN_MAGIC = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file; compile it first: kcompile compile MODEL.h5 -o MODEL.onnx"),
    (b"PK\x03\x04", "a zip archive (a .keras or .pt file is one); compile it to ONNX first"),
    (b"\x80\x02", "a Python pickle, which is never loaded"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
)
_IR_VERSION, _GRAPH = 1, 7
_TENSOR_NAME, _TENSOR_EXTERNAL_DATA = 8, 13
# Wire types of ModelProto's fields: 0 is a varint, 2 is length-delimited. Fields that later versions of ONNX
# add are accepted with any wire type.
_MODEL_WIRE_TYPES = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
# The way to every tensor: for each message of onnx.proto, the fields that lead on and the messages that they
# hold.
_CHILDREN = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}


@dataclass(frozen=True)
class ExternalWeight:
    """A tensor whose values are outside the model: its name and where the model says that they are."""

    name: str
    location: str


def inspect(model: str | os.PathLike[str] | bytes, where: str) -> tuple[list[ExternalWeight], Measured]:
    """The weights that a model keeps outside itself, and what it makes onnxruntime do, after checking that it
    is a whole ONNX model.

    Args:
        model: path of a file, or the file's bytes.
        where: how messages name the model.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: the file is empty, truncated, of another kind, or made to be more than it is.
    """
    if isinstance(model, bytes):
        return _inspect(model, where)
    path = os.fspath(model)
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no model file {path!r} (working directory: {os.getcwd()!r})")
    if os.path.isdir(path):
        raise ModelFileError(f"expected an ONNX file, found a folder: {path!r}")
    if os.path.getsize(path) == 0:
        return _inspect(b"", where)
    with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _inspect(content, where)


def check_locations(weights: list[ExternalWeight], folder: str, where: str) -> None:
    """Raise ModelFileError where a weight is not in a file inside `folder`."""
    root = os.path.realpath(folder)
    for location in dict.fromkeys(weight.location for weight in weights):
        if "\0" in location:
            raise ModelFileError(f"{where} says that weights are in {location!r}, which is no name of a file")
        path = os.path.realpath(os.path.join(root, location))
        if os.path.isabs(location) or os.path.commonpath([root, path]) != root:
            raise ModelFileError(
                f"{where} says that weights are in {location!r}; refused, since a model may name files in "
                "its own folder only"
            )
        if not os.path.isfile(path):
            raise ModelFileError(f"{where} has weights in {location!r} beside it, and there is no such file")
        with open(path, "rb") as stream:
            mistaken = mistaken_for_model(stream.read(HEAD))
        if mistaken:
            raise ModelFileError(f"{where} has weights in {location!r} beside it, which is {mistaken}")


def _inspect(content: Buffer, where: str) -> tuple[list[ExternalWeight], Measured]:
    if not content:
        raise ModelFileError(f"{where}: expected an ONNX model, found an empty file")
    mistaken = mistaken_for_model(content[:HEAD])
    if mistaken:
        raise ModelFileError(f"{where}: expected an ONNX model, found {mistaken}")
    start = content[:32]
    for magic, kind in _KNOWN_MAGIC:
        if start.startswith(magic):
            raise ModelFileError(f"{where}: expected an ONNX model, found {kind}")
    seen = _model_fields(content, where)
    missing = [name for name, field in (("IR version", _IR_VERSION), ("graph", _GRAPH)) if field not in seen]
    if missing:
        raise ModelFileError(f"{where} is no ONNX model: it has no {missing[0]}")
    try:
        return _external_weights(content), measure(content, where)
    except (Truncated, Malformed):
        raise ModelFileError(f"{where} is damaged: its graph is not in ONNX's protobuf encoding") from None


def _model_fields(content: Buffer, where: str) -> set[int]:
    """Numbers of the fields of the outermost message, whose whole length the file must hold."""
    seen: set[int] = set()
    try:
        for field, wire, _, _ in fields(content, 0, len(content)):
            if _MODEL_WIRE_TYPES.get(field, wire) != wire:
                raise Malformed(0)
            seen.add(field)
    except Truncated as error:
        if _IR_VERSION in seen:
            raise ModelFileError(
                f"{where} is truncated: it has {len(content)} bytes and needs {error.needed} or more"
            ) from None
        raise ModelFileError(f"{where} is no ONNX model: it does not start like one") from None
    except Malformed:
        kind = "damaged" if {_IR_VERSION, _GRAPH} <= seen else "no ONNX model, or damaged"
        raise ModelFileError(f"{where} is {kind}: it is not in ONNX's protobuf encoding") from None
    return seen


def _external_weights(content: Buffer) -> list[ExternalWeight]:
    found: list[ExternalWeight] = []
    todo = [("model", 0, len(content))]
    while todo:
        kind, start, end = todo.pop()
        if kind == "tensor":
            found += _locations(content, start, end)
            continue
        children = _CHILDREN[kind]
        for field, wire, first, last in fields(content, start, end):
            if wire == 2 and field in children:
                todo.append((children[field], first, last))
    return found


def _locations(content: Buffer, start: int, end: int) -> list[ExternalWeight]:
    """Every location that one TensorProto names, whether or not it says that it is external."""
    name, locations = "", []
    for field, wire, first, last in fields(content, start, end):
        if field == _TENSOR_NAME and wire == 2:
            name = content[first:last].decode("utf-8", "replace")
        elif field == _TENSOR_EXTERNAL_DATA and wire == 2:
            entry = {number: content[a:b] for number, kind, a, b in fields(content, first, last) if kind == 2}
            if entry.get(1) == b"location":
                locations.append(os.fsdecode(entry.get(2, b"")))
    return [ExternalWeight(name, location) for location in locations]
