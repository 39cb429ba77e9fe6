"""Element types by their names in the Open Inference Protocol, and tensors as bytes."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...bfloat16 import BFLOAT16, from_float32, to_float32
from ...bfloat16 import NAME as BFLOAT16_NAME
from ..errors import bad_request, too_large
from ..limits import Limits

_NUMPY = {
    "BOOL": "bool",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "object",
}
DATATYPES: dict[str, np.dtype] = {name: np.dtype(kind).newbyteorder("<") for name, kind in _NUMPY.items()}
DATATYPES["BF16"] = BFLOAT16
_NAMES = {kind: name for name, kind in _NUMPY.items()} | {BFLOAT16_NAME: "BF16"}
_BY_DTYPE = {np.dtype(kind): name for name, kind in _NUMPY.items()} | {BFLOAT16: "BF16"}


def datatype_of(dtype: str) -> str | None:
    """The protocol's name of the dtype of a `TensorInfo`; None where it has none."""
    return _NAMES.get(dtype)


def datatype_of_array(array: np.ndarray) -> str:
    """The protocol's name of the element type of a tensor."""
    return _BY_DTYPE[array.dtype]


def dtype_of(datatype: Any, name: str) -> np.dtype:
    """The numpy dtype of a datatype that a request names.

    Raises:
        ServingError: 400 for one that there is not.
    """
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        known = ", ".join(DATATYPES)
        raise bad_request(f"input {name!r}: expected a datatype of {known}, found {str(datatype)[:64]!r}")
    return DATATYPES[datatype]


def checked_shape(shape: Any, name: str, limits: Limits) -> tuple[int, ...]:
    """The shape of a tensor of a request.

    Raises:
        ServingError: 400 for what is no list of sizes; 413 for too many elements.
    """
    sizes = isinstance(shape, Sequence) and not isinstance(shape, str) and len(shape) <= 32
    if not sizes or any(type(size) is not int or size < 0 for size in shape):
        raise bad_request(f"input {name!r}: expected a shape of at most 32 sizes, found {str(shape)[:100]}")
    count = math.prod(shape) or math.prod(max(1, size) for size in shape)  # numpy has no [0, 1 << 62] either
    if count > limits.elements:
        raise too_large(f"input {name!r}: expected at most {limits.elements} elements, found {list(shape)}")
    return tuple(shape)


def from_bytes(data: memoryview, datatype: str, shape: tuple[int, ...], name: str) -> np.ndarray:
    """The bytes of a request as a tensor: a view where they are aligned; BYTES are decoded.

    Raises:
        ServingError: 400 where the number of bytes is another than datatype and shape say.
    """
    dtype = dtype_of(datatype, name)
    if datatype == "BYTES":
        return _strings(data, shape, name)
    expected = math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise bad_request(
            f"input {name!r}: expected {expected} bytes for {datatype}{list(shape)}, found {len(data)}"
        )
    if datatype == "BOOL":  # other bytes than 0 and 1 are no booleans, and kernels trust them to be
        return np.frombuffer(data, np.uint8).reshape(shape) != 0
    array = np.frombuffer(data, dtype).reshape(shape)
    return array if array.flags.aligned else array.copy()  # kernels trust elements to lie at their multiples


def _strings(data: memoryview, shape: tuple[int, ...], name: str) -> np.ndarray:
    count, place = math.prod(shape), 0
    if count * 4 > len(data):
        raise bad_request(f"input {name!r}: {len(data)} bytes cannot hold {count} elements of BYTES")
    values = np.empty(count, object)
    for index in range(count):
        if place + 4 > len(data):
            raise bad_request(f"input {name!r}: element {index} of BYTES has no length")
        (length,) = struct.unpack_from("<I", data, place)
        place += 4
        if place + length > len(data):
            raise bad_request(f"input {name!r}: element {index} of BYTES says {length} bytes, fewer are left")
        values[index] = decoded(bytes(data[place : place + length]), name)
        place += length
    if place != len(data):
        raise bad_request(f"input {name!r}: {len(data) - place} bytes are left behind {count} elements")
    return values.reshape(shape)


def decoded(value: bytes, name: str) -> str:
    """Text of a tensor; ONNX's strings are UTF-8.

    Raises:
        ServingError: 400 for other bytes.
    """
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise bad_request(f"input {name!r}: expected UTF-8 in BYTES, found other bytes") from None


def as_buffer(array: np.ndarray) -> Any:
    """A tensor as the protocol's bytes, in an array or a memoryview; numbers in order are not copied."""
    if array.dtype == object:
        parts = []
        for value in array.ravel():
            text = str(value).encode("utf-8")
            parts += [struct.pack("<I", len(text)), text]
        return memoryview(b"".join(parts))
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def from_json(data: Any, datatype: str, shape: tuple[int, ...], name: str) -> np.ndarray:
    """A tensor from numbers, flat or nested.

    Raises:
        ServingError: 400 for values of another kind, count or range.
    """
    dtype = dtype_of(datatype, name)
    if not isinstance(data, list):
        raise bad_request(f"input {name!r}: expected a list as data, found {type(data).__name__}")
    array = array_of(data, dtype, name)
    if array.size != math.prod(shape):
        raise bad_request(
            f"input {name!r}: expected {math.prod(shape)} values for the shape {list(shape)}, "
            f"found {array.size}"
        )
    return array.reshape(shape)


def array_of(data: Any, dtype: np.dtype, name: str) -> np.ndarray:
    """Values of JSON as an array of a model's type, none of them changed but floats rounded.

    Raises:
        ServingError: 400 for lists of differing lengths, values of another kind or beyond the range.
    """
    if dtype == BFLOAT16:
        return from_float32(array_of(data, np.dtype(np.float32), name))
    try:
        array = np.array(data, object if dtype.kind == "O" else None)
        if dtype.kind == "u" and array.dtype.kind == "f":  # numpy's way out for integers beyond int64
            array = np.array(data, object)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise bad_request(f"input {name!r}: its values are lists of differing lengths") from None
    if array.size == 0:
        return np.zeros(array.shape, dtype)
    if not _is_of_kind(array, dtype):
        raise bad_request(f"input {name!r}: expected values of {_BY_DTYPE[dtype]}, found other ones")
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        if array.min() < bounds.min or array.max() > bounds.max:
            raise bad_request(
                f"input {name!r}: expected {bounds.min} to {bounds.max}, found values beyond these"
            )
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def _is_of_kind(array: np.ndarray, dtype: np.dtype) -> bool:
    if array.dtype.kind == "O":
        wanted = {"O": str, "u": int}.get(dtype.kind)
        return wanted is not None and all(type(value) is wanted for value in array.ravel())
    return array.dtype.kind in {"O": "", "b": "b", "f": "iuf"}.get(dtype.kind, "iu")


def to_json(array: np.ndarray) -> Any:
    """The values as nested lists; NaN and infinities, which JSON has not, are null."""
    if array.dtype == BFLOAT16:
        array = to_float32(array)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        values = array.astype(object)
        values[~np.isfinite(array)] = None
        return values.tolist()
    return array.tolist()
