"""Arrays in pickles, read without running what a pickle may ask for.

A pickle is a program: it names functions and has them called. Here the only names it may use are those by
which NumPy arrays are pickled, and they lead to stand-ins that merely keep what they are given; real arrays
are made afterwards, from checked parts.
"""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np


class UnsafePickleError(ValueError):
    """A pickle that is refused: it names something other than an array, or is damaged."""


class _DType:
    def __init__(self, name: Any = None, align: Any = False, copy: Any = False) -> None:
        self.name = name
        self.byte_order: Any = "="

    def __setstate__(self, state: Any) -> None:
        order = _text(state[1])
        self.byte_order = "=" if order == "|" else order

    def numpy(self) -> np.dtype[Any]:
        name = _text(self.name)
        if name.startswith("O"):  # "O8" in pickles of old
            return np.dtype(object)
        dtype = np.dtype(name).newbyteorder(self.byte_order)
        if dtype.kind not in "biuf":
            raise UnsafePickleError(f"an array of {dtype} is not expected")
        return dtype


class _Array:
    def __init__(self, *args: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def numpy(self) -> np.ndarray:
        _, shape, dtype, is_fortran, data = self.state
        dtype = dtype.numpy()
        if dtype.kind == "O":
            return _object_array(data, shape)
        data = data.encode("latin1") if isinstance(data, str) else data
        if len(data) != math.prod(shape) * dtype.itemsize:
            raise UnsafePickleError(f"an array of shape {shape} and {dtype} has {len(data)} bytes")
        flat = np.frombuffer(bytearray(data), dtype)
        return flat.reshape(shape, order="F" if is_fortran else "C")


def _object_array(values: Any, shape: Any) -> np.ndarray:
    if not isinstance(values, list) or tuple(shape) != (len(values),):
        raise UnsafePickleError(f"an array of lists must have one axis, found shape {shape}")
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = _real(value)
    return array


class _Scalar:
    def __init__(self, dtype: _DType, data: Any) -> None:
        self.dtype, self.data = dtype, data

    def numpy(self) -> Any:
        data = self.data.encode("latin1") if isinstance(self.data, str) else self.data
        return np.frombuffer(data, self.dtype.numpy(), count=1)[0]


def _text(value: Any) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else str(value)


def _latin1_bytes(text: str, encoding: str = "latin1") -> bytes:
    # How Python 3 writes bytes for pickle protocols up to 2.
    return text.encode("latin1")


def _allowed() -> dict[tuple[str, str], Any]:
    table: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _DType,
        ("_codecs", "encode"): _latin1_bytes,
    }
    for core in ("numpy.core", "numpy._core"):
        table[f"{core}.multiarray", "_reconstruct"] = _Array
        table[f"{core}.multiarray", "scalar"] = _Scalar
    return table


class _ArrayUnpickler(pickle.Unpickler):
    _ALLOWED = _allowed()

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._ALLOWED[module, name]
        except KeyError:
            raise UnsafePickleError(
                f"it asks for {module}.{name}, and only arrays, lists and numbers are allowed"
            ) from None

    def persistent_load(self, pid: Any) -> Any:
        raise UnsafePickleError("it refers to objects outside the file")


def _real(value: Any) -> Any:
    if isinstance(value, (_Array, _Scalar)):
        return value.numpy()
    if isinstance(value, dict):
        return {key: _real(item) for key, item in value.items()}
    if isinstance(value, list):
        # Lists of numbers are most of a file: look inside only where something is to do.
        return value if all(type(item) is int for item in value) else [_real(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_real(item) for item in value)
    return value


def load(file: Any, what: str) -> Any:
    """The arrays, lists, dictionaries, numbers and strings of one pickle.

    Args:
        file: open for reading, at the pickle's start.
        what: names the file in errors.

    Strings of Python 2 become bytes.

    Raises:
        UnsafePickleError: the pickle asks for anything else, or is damaged.
    """
    try:
        return _real(_ArrayUnpickler(file, encoding="bytes").load())
    except UnsafePickleError as error:
        raise UnsafePickleError(f"Refused to load {what}: {error}.") from error
    except (
        pickle.UnpicklingError,
        EOFError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        KeyError,
    ) as error:
        raise UnsafePickleError(f"Cannot load {what}: the pickle is damaged ({error!r}).") from error
    except (MemoryError, OverflowError, RecursionError) as error:
        raise UnsafePickleError(
            f"Cannot load {what}: the pickle asks for more than there is ({error!r})."
        ) from error
