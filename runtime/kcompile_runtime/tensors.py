"""What a model's inputs and outputs look like, and how an argument becomes an input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import bfloat16
from .errors import InputError
from .text import harmless

#: ONNX's element types that numpy has, by the name that onnxruntime gives them.
_NUMPY_NAMES = {
    "float": "float32",
    "double": "float64",
    "float16": "float16",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "bool": "bool",
    "complex64": "complex64",
    "complex128": "complex128",
    "string": "object",
}


@dataclass(frozen=True)
class TensorInfo:
    """Description of one input or output.

    Attributes:
        name: name in the graph.
        dtype: numpy's name of the element type; strings are "object". A type that numpy lacks keeps
            onnxruntime's name ("tensor(bfloat16)").
        shape: one entry an axis: an int, a str for a symbolic axis ("batch"), None for an unnamed one. None
            instead of a tuple where the rank is unknown or the value is no tensor.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return harmless(f"{self.name}: {self.dtype}")
        return harmless(f"{self.name}: {self.dtype}{format_shape(self.shape)}")

    @classmethod
    def from_node(cls, node: Any) -> TensorInfo:
        """From an onnxruntime NodeArg."""
        kind: str = node.type
        if not kind.startswith("tensor("):
            return cls(node.name, kind, None)
        dtype = _NUMPY_NAMES.get(kind[len("tensor(") : -1], kind)
        shape = tuple(size if size is None or isinstance(size, str) else int(size) for size in node.shape)
        return cls(node.name, dtype, shape)

    @property
    def is_numpy(self) -> bool:
        """Whether numpy has the element type."""
        return self.shape is not None and not self.dtype.startswith("tensor(")


def format_shape(shape: tuple[int | str | None, ...]) -> str:
    """(None, 28, 28) as "[?, 28, 28]"."""
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"


class InputSpec:
    """One input of a model, prepared so that checking an argument that fits costs next to nothing."""

    def __init__(self, info: TensorInfo) -> None:
        self.info = info
        self.name = info.name
        self.dtype = np.dtype(info.dtype) if info.is_numpy else None
        if info.dtype == bfloat16.NAME:
            self.dtype = bfloat16.BFLOAT16
        shape = info.shape if info.shape is not None else ()
        self.rank: int | None = len(shape) if self.dtype is not None else None
        self.fixed = [(axis, size) for axis, size in enumerate(shape) if isinstance(size, int)]
        self.symbols = [(axis, size) for axis, size in enumerate(shape) if isinstance(size, str)]
        #: Whether axis 0 counts samples: it has no fixed size.
        self.has_sample_axis = bool(self.rank) and not isinstance(shape[0], int)

    @property
    def bytes_per_sample(self) -> int:
        """Size of one sample, symbolic axes counted as 1."""
        count = 1
        for axis, size in self.fixed:
            count *= size if axis else 1
        return count * (self.dtype.itemsize if self.dtype is not None else 1)

    def accept(self, value: Any) -> np.ndarray:
        """`value` as an array of this input's dtype and shape, not copied where it is one already.

        Floats, integers and booleans become the input's float dtype, as Keras casts them. A cast to an
        integer or boolean dtype must keep every value.

        Raises:
            InputError: wrong rank, axis length or dtype.
        """
        if self.dtype is None:
            return value
        array = value if type(value) is np.ndarray else self._to_array(value)
        if array.dtype != self.dtype:
            array = self._cast(array)
        if array.ndim != self.rank:
            array = self._fit_rank(array)
        shape = array.shape
        for axis, size in self.fixed:
            if shape[axis] != size:
                self._fail_shape(array, f"axis {axis} is {shape[axis]} instead of {size}")
        return array

    def fits(self, array: np.ndarray) -> bool:
        """Whether `accept` would return `array` itself."""
        if array.dtype != self.dtype or array.ndim != self.rank:
            return False
        shape = array.shape
        for axis, size in self.fixed:
            if shape[axis] != size:
                return False
        return True

    def _to_array(self, value: Any) -> np.ndarray:
        if value is None:
            raise InputError(f"input {self.name!r}: expected {self.info.dtype} values, found None")
        try:
            # asarray and not the cast below: it sees through lists, pandas, torch tensors and array
            # subclasses
            array = np.asarray(value)
        except (ValueError, TypeError) as error:
            raise InputError(f"input {self.name!r}: cannot be made an array: {error}") from None
        return array

    def _cast(self, array: np.ndarray) -> np.ndarray:
        target = self.dtype
        assert target is not None
        source = array.dtype
        if target == bfloat16.BFLOAT16:
            rounded = bfloat16.accepted(array)
            if rounded is None:
                raise InputError(f"input {self.name!r}: expected numbers or bfloat16, found {source}")
            return rounded
        if source.kind == "O":
            raise InputError(
                f"input {self.name!r}: expected {self.info.dtype} values of one shape, found ragged or mixed "
                "ones (dtype object); pad the samples to one length"
            )
        allowed = {"f": "fiub", "c": "cfiub", "i": "fiub", "u": "fiub", "b": "fiub", "O": "UO"}[target.kind]
        if source.kind not in allowed:
            raise InputError(
                f"input {self.name!r}: expected {self.info.dtype}, found {source}, which cannot be cast to it"
            )
        if target.kind in "iub" and not np.can_cast(source, target):
            with np.errstate(invalid="ignore"):
                cast = array.astype(target)
            lost = cast != array
            if lost.any():
                index = tuple(int(i) for i in np.argwhere(lost)[0])
                raise InputError(
                    f"input {self.name!r}: expected {self.info.dtype}, found {source} with values that "
                    f"it cannot hold, the first being {array[index]} at {list(index)}"
                )
            return cast
        return array.astype(target)

    def _fit_rank(self, array: np.ndarray) -> np.ndarray:
        # Keras reads a vector as samples of one feature each.
        if array.ndim == 1 and self.rank == 2 and self.fixed in ([(1, 1)], [(0, array.shape[0]), (1, 1)]):
            return array[:, np.newaxis]
        hint = ""
        if self.rank is not None and array.ndim == self.rank - 1 and self.has_sample_axis:
            hint = "; a single sample needs an axis for samples too: x[np.newaxis]"
        self._fail_shape(array, f"it has {array.ndim} axes instead of {self.rank}{hint}")
        raise AssertionError("unreachable")

    def _fail_shape(self, array: np.ndarray, why: str) -> None:
        expected = format_shape(self.info.shape or ())
        raise InputError(
            f"input {self.name!r}: expected shape {expected}, found {format_shape(array.shape)}: {why}"
        )


_BATCH_NAMES = frozenset(("b", "n", "bs", "batch", "batch_size", "batchsize", "batch_dim"))
_TIME_NAMES = frozenset(("t", "time", "seq", "seq_len", "seq_length", "sequence", "sequence_length", "steps"))


def samples_first(shapes: Sequence[tuple[int | str | None, ...] | None]) -> bool:
    """Whether axis 0 of the inputs counts samples, as far as the names of axes tell.

    It does not in a model that is time-major, nor where the samples of one input lie on another axis (states
    of shape (layers, batch, units)): then the inputs of a run cannot be cut into runs of fewer samples.
    """
    named = [[d.lower() if isinstance(d, str) else d for d in shape] for shape in shapes if shape]
    first = next((shape[0] for shape in named if not isinstance(shape[0], int)), None)
    if first is None:
        return True
    inner = {dim for shape in named for dim in shape[1:] if isinstance(dim, str)}
    return (
        first not in inner
        and first not in _TIME_NAMES
        and (first in _BATCH_NAMES or not inner & _BATCH_NAMES)
    )


def check_symbols(specs: list[InputSpec], arrays: list[np.ndarray]) -> None:
    """Raise InputError where two inputs disagree about an axis that bears the same name."""
    sizes: dict[str, tuple[int, str, int]] = {}
    for spec, array in zip(specs, arrays, strict=True):
        for axis, symbol in spec.symbols:
            size = array.shape[axis]
            known = sizes.setdefault(symbol, (size, spec.name, axis))
            if known[0] != size:
                raise InputError(
                    f"axis {symbol!r} has two sizes: {known[0]} (axis {known[2]} of input {known[1]!r}) and "
                    f"{size} (axis {axis} of input {spec.name!r})"
                )
