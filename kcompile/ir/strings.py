"""Text as a tensor: file names, lines, records. No operator computes with it but what is here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .eager import EagerTensor, Interpreter
from .values import Constant


class StringTensor(Constant):
    """Strings of bytes, of any shape, that stay where Python is.

    ``==`` and ``!=`` compare element by element, ``+`` joins, indexing gives parts.

    Args:
        value: text, bytes, or nested lists or an array of them; text is encoded as UTF-8.
        interpreter: makes tensors of what comparisons give, which are arrays of numpy without one.
    """

    __slots__ = ("interpreter",)

    def __init__(self, value: Any, interpreter: Interpreter | None = None, name: str | None = None) -> None:
        super().__init__(as_bytes(value), object, name)
        self.interpreter = interpreter

    @property
    def device(self) -> str:
        """Where text lies, as TensorFlow writes it: always with the CPU."""
        return "/job:localhost/replica:0/task:0/device:CPU:0"

    def numpy(self) -> Any:
        """``bytes`` of a scalar, else an array of them."""
        return self.array[()] if self.array.ndim == 0 else np.array(self.array)

    def __getitem__(self, key: Any) -> StringTensor:
        return StringTensor(self.array[_plain(key)], self.interpreter)

    def __iter__(self) -> Iterator[StringTensor]:
        if not self.shape:
            raise TypeError(f"{self!r} is a scalar; there is nothing to go through.")
        return (self[i] for i in range(len(self.array)))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(f"{self!r} is a scalar and has no len().")
        return len(self.array)

    def __add__(self, other: Any) -> StringTensor:
        return StringTensor(self.array + as_bytes(other), self.interpreter)

    def __radd__(self, other: Any) -> StringTensor:
        return StringTensor(as_bytes(other) + self.array, self.interpreter)

    def __eq__(self, other: object) -> Any:
        return self._compared(other, np.equal)

    def __ne__(self, other: object) -> Any:
        return self._compared(other, np.not_equal)

    __hash__ = Constant.__hash__

    def _compared(self, other: Any, compare: Any) -> Any:
        try:
            found = np.asarray(compare(self.array, as_bytes(other)), dtype=bool)
        except (TypeError, ValueError):
            return NotImplemented
        make = getattr(self.interpreter, "eager_array", None)
        return found if make is None else make(found)

    def __str__(self) -> str:
        return str(self.numpy())

    def __repr__(self) -> str:
        return f"<StringTensor string{list(self.shape or ())} {self.numpy()!r}>"


def as_bytes(value: Any) -> np.ndarray:
    """An array of objects that are ``bytes``.

    Raises:
        TypeError: for anything that is no text.
    """
    if isinstance(value, Constant):
        value = value.array
    array = np.array(value, dtype=object) if not isinstance(value, np.ndarray) else value.astype(object)
    flat = [_encoded(entry) for entry in array.reshape(-1)]
    found = np.empty(len(flat), object)
    found[:] = flat
    return found.reshape(array.shape)


def as_str(array: np.ndarray) -> np.ndarray:
    """The same text as ``str``, as onnxruntime takes it."""
    found = np.empty(array.size, object)
    found[:] = [x.decode("utf-8") if isinstance(x, bytes) else x for x in array.reshape(-1)]
    return found.reshape(array.shape)


def _encoded(entry: Any) -> bytes:
    if isinstance(entry, bytes):
        return bytes(entry)
    if isinstance(entry, str):
        return entry.encode("utf-8", "surrogateescape")
    raise TypeError(f"Expected text or bytes, found {entry!r} ({type(entry).__name__}).")


def _plain(key: Any) -> Any:
    """An index without tensors."""
    if isinstance(key, tuple):
        return tuple(map(_plain, key))
    if isinstance(key, EagerTensor):
        array = key.array
        return array if array.ndim else array.item()
    return key
