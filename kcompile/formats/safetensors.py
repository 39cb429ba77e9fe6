"""Weights as ``.safetensors``: a JSON header of names, dtypes, shapes and byte ranges, and the bytes.

Read here rather than by the library of that name, as weights stay in the file until they are asked for, file
objects are read as well, and every check ends in an error of this package. The layout is the published one:
8 bytes of header length (little-endian), the header, the data without gaps. bfloat16 values are read as
float32, which has all of them.
"""

from __future__ import annotations

import json as stdlib_json
import math
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from kcompile.formats import json
from kcompile.formats.archive import (
    Archive,
    Array,
    FileFormatError,
    LayerWeights,
    StoredArray,
    UnsafeFileError,
)

if TYPE_CHECKING:
    from kcompile.formats.registry import Source, Target

_DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "|b1"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1"},
}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items() if name != "BF16"}
_METADATA = "__metadata__"


def read(source: Source, lazy: bool = False) -> Archive:
    """Read all tensors, as the weights of one nameless layer in the order of the file.

    Raises:
        FileFormatError: truncated, damaged, or a data type that numpy lacks.
        UnsafeFileError: byte ranges that overlap, leave gaps, exceed the file, or do not fit the shape.
    """
    header, start = _header(source)
    weights: list[tuple[str, Array]] = []
    entries = [(name, _entry(name, entry, source)) for name, entry in header.items() if name != _METADATA]
    entries.sort(key=lambda pair: pair[1][2])
    end = 0
    for name, (kind, shape, begin, stop) in entries:
        if begin != end:
            raise UnsafeFileError(source.name, f"tensor {name!r} begins at byte {begin}, expected {end}.")
        end = stop
        stored = _stored(source, name, kind, shape, start + begin)
        weights.append((name, stored if lazy else stored.read()))
    if start + end != source.size:
        raise UnsafeFileError(
            source.name,
            f"the header describes {start + end} bytes, the file has {source.size}; is it truncated?",
        )
    return Archive(layer_weights=[LayerWeights("", weights)], metadata={"format": "safetensors"})


def _header(source: Source) -> tuple[dict[str, Any], int]:
    with source.open() as file:
        size = int.from_bytes(file.read(8), "little")
        if size > min(source.size - 8, json.MAX_CONFIG_BYTES):
            raise FileFormatError(source.name, f"the header has {size} bytes; is the file truncated?")
        text = file.read(size)
    try:
        header = stdlib_json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(source.name, f"the header is damaged ({error}).") from error
    if not isinstance(header, dict):
        raise FileFormatError(source.name, "the header is not a mapping.")
    return header, 8 + size


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name is there twice")
    return result


def _entry(name: str, entry: Any, source: Source) -> tuple[str, tuple[int, ...], int, int]:
    """Data type, shape and byte range of a tensor, checked against each other."""
    where = f"tensor {name!r}"
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= set(entry):
        raise FileFormatError(source.name, f"{where}: expected dtype, shape and data_offsets.")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in _DTYPES:
        raise FileFormatError(source.name, f"{where}: the data type {kind!r} is not read.")
    sizes = [*shape, *offsets] if isinstance(shape, list) and isinstance(offsets, list) else [None]
    if len(sizes) != len(shape) + 2 or not all(type(n) is int and 0 <= n < 2**62 for n in sizes):
        raise UnsafeFileError(source.name, f"{where}: impossible shape {shape} or byte range {offsets}.")
    if len(shape) > 32 or offsets[1] - offsets[0] != math.prod(shape) * np.dtype(_DTYPES[kind]).itemsize:
        raise UnsafeFileError(
            source.name, f"{where}: the byte range {offsets} does not fit the shape {shape} of {kind}."
        )
    if offsets[1] > source.size:
        raise UnsafeFileError(source.name, f"{where}: its data end at byte {offsets[1]}, beyond the file.")
    return kind, tuple(shape), offsets[0], offsets[1]


def _stored(source: Source, name: str, kind: str, shape: tuple[int, ...], start: int) -> StoredArray:
    stored_dtype = np.dtype(_DTYPES[kind])
    dtype = np.dtype(np.float32) if kind == "BF16" else stored_dtype.newbyteorder("=")

    def fill(out: np.ndarray) -> None:
        place = out if kind != "BF16" else np.empty(shape, stored_dtype)
        with source.open() as file:
            file.seek(start)
            _read_into(file, place, source.name, name)
        if kind == "BF16":
            out[...] = (place.astype(np.uint32) << 16).view(np.float32)
        elif stored_dtype != dtype:
            out.byteswap(inplace=True)

    return StoredArray(shape, dtype, fill)


def _read_into(file: Any, place: np.ndarray, source: str, name: str) -> None:
    if not place.size:
        return
    view: Any = memoryview(place.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
    done = 0
    while done < len(view):
        count = file.readinto(view[done:])
        if not count:
            raise FileFormatError(source, f"tensor {name!r}: the file ends before its data.")
        done += count


def write(archive: Archive, target: Target) -> None:
    """Write the weights of all layers by name (``dense_1/kernel``).

    Raises:
        ValueError: the archive holds more than weights, names repeat, or a data type has no name in the
        format.
    """
    if archive.config is not None or archive.objects is not None:
        raise ValueError("A .safetensors file takes weights alone; use save_weights.")
    stored = [pair for entry in archive.layer_weights for pair in entry.weights]
    arrays = [(name.removesuffix(":0"), array) for name, array in stored]
    header: dict[str, Any] = {_METADATA: {"format": "keras"}}
    offset = 0
    for name, array in arrays:
        kind = _NAMES.get(np.dtype(array.dtype).newbyteorder("<"))
        if name in header or kind is None:
            problem = "is there twice" if kind is not None else f"has the data type {array.dtype}"
            raise ValueError(f"The weight {name!r} {problem}: it cannot be written to a .safetensors file.")
        end = offset + array.nbytes
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    text = stdlib_json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    parts = [len(text).to_bytes(8, "little") + text]
    target.write_parts(chain(parts, (_bytes(array) for _, array in arrays)))


def _bytes(array: Any) -> Any:
    values = np.ascontiguousarray(np.asarray(array))
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
