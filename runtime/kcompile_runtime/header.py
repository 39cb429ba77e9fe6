"""Looks at a model before onnxruntime does, so that a truncated or foreign file is named as what it is.

Only the outermost protobuf message (ONNX's ModelProto) is walked, and the graph in it is skipped: a file of
any size costs a few reads.
"""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from .errors import ModelFileError

_KNOWN_MAGIC = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file; compile it first: kcompile compile MODEL.h5 -o MODEL.onnx"),
    (b"PK\x03\x04", "a zip archive (a .keras or .pt file is one); compile it to ONNX first"),
    (b"\x80\x02", "a Python pickle, which is never loaded"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with `git lfs pull`"),
)
_IR_VERSION, _GRAPH = 1, 7
# Wire types of ModelProto's fields: 0 is a varint, 2 is length-delimited. Fields that later versions of ONNX
# add are accepted with any wire type.
_FIELD_WIRE_TYPES = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}


def check_header(model: str | os.PathLike[str] | bytes, where: str) -> None:
    """Raise if `model` cannot be a whole ONNX file.

    Args:
        model: path of a file, or the file's bytes.
        where: how messages name the model.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: the file is empty, truncated, or of another kind.
    """
    if isinstance(model, bytes):
        _check_stream(io.BytesIO(model), len(model), where)
        return
    path = os.fspath(model)
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no model file {path!r} (working directory: {os.getcwd()!r})")
    if os.path.isdir(path):
        raise ModelFileError(f"expected an ONNX file, found a folder: {path!r}")
    with open(path, "rb") as stream:
        _check_stream(stream, os.path.getsize(path), where)


def _check_stream(stream: BinaryIO, size: int, where: str) -> None:
    if size == 0:
        raise ModelFileError(f"{where}: expected an ONNX model, found an empty file")
    start = stream.read(32)
    for magic, kind in _KNOWN_MAGIC:
        if start.startswith(magic):
            raise ModelFileError(f"{where}: expected an ONNX model, found {kind}")
    stream.seek(0)
    seen: set[int] = set()
    while stream.tell() < size:
        field = _read_field(stream, size, where, first=not seen)
        seen.add(field)
    if _IR_VERSION not in seen or _GRAPH not in seen:
        missing = "IR version" if _IR_VERSION not in seen else "graph"
        raise ModelFileError(f"{where}: this is no ONNX model: it has no {missing}")


def _read_field(stream: BinaryIO, size: int, where: str, first: bool) -> int:
    """Skip one field of the outermost message and return its number."""
    start = stream.tell()
    key = _read_varint(stream)
    field, wire = (key >> 3, key & 7) if key is not None else (0, 7)
    plausible = field > 0 and wire in (0, 1, 2, 5) and _FIELD_WIRE_TYPES.get(field, wire) == wire
    if key is not None and not plausible:
        raise ModelFileError(f"{where} is no ONNX model, or damaged at byte {start}")
    length: int | None
    if wire == 0:
        length = 0 if _read_varint(stream) is not None else None
    elif wire == 2:
        length = _read_varint(stream)
    else:
        length = 8 if wire == 1 else 4
    if key is None or length is None or stream.tell() + length > size:
        if first and field not in _FIELD_WIRE_TYPES:
            raise ModelFileError(f"{where} is no ONNX model: it does not start like one")
        needed = "more" if length is None else f"at least {stream.tell() + length}"
        raise ModelFileError(f"{where} is truncated: it has {size} bytes, its contents need {needed}")
    stream.seek(length, os.SEEK_CUR)
    return field


def _read_varint(stream: BinaryIO) -> int | None:
    """A protobuf varint; None where the stream ends inside it or it is longer than 64 bits."""
    value = 0
    for shift in range(0, 70, 7):
        byte = stream.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return None
