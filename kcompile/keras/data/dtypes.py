"""Element types by TensorFlow's names: ``tf.float32``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import as_dtype as _numpy_dtype


class DType(str):
    """An element type: the text of its name, which numpy and ``K`` understand.

    Equal to numpy's type of that name, whichever side asks.
    """

    __slots__ = ()

    @property
    def as_numpy_dtype(self) -> Any:
        """numpy's type: ``np.float32``."""
        return np.dtype(self).type if self not in ("bfloat16", "string") else _numpy_dtype(str(self)).type

    @property
    def name(self) -> str:
        """``"float32"``."""
        return str(self)

    @property
    def base_dtype(self) -> DType:
        """The type itself."""
        return self

    @property
    def is_floating(self) -> bool:
        """Whether it has fractions."""
        return "float" in self

    @property
    def is_integer(self) -> bool:
        """Whether it has whole numbers alone."""
        return "int" in self

    @property
    def is_complex(self) -> bool:
        """Whether it has complex numbers."""
        return "complex" in self

    @property
    def is_bool(self) -> bool:
        """Whether it has truth values."""
        return self == "bool"

    @property
    def is_unsigned(self) -> bool:
        """Whether it has whole numbers from 0 on alone."""
        return self.startswith("uint")

    @property
    def is_quantized(self) -> bool:
        """Whether numbers stand for others; none of these types is so."""
        return False

    @property
    def is_numpy_compatible(self) -> bool:
        """Whether NumPy has the type."""
        return True

    @property
    def real_dtype(self) -> DType:
        """The type of the parts of complex numbers; of others itself."""
        return DTYPES[{"complex64": "float32", "complex128": "float64"}.get(str(self), str(self))]

    @property
    def limits(self) -> tuple[Any, Any]:
        """The least and the largest number."""
        return self.min, self.max

    def is_compatible_with(self, other: Any) -> bool:
        """Whether another type is this one."""
        return self == as_dtype(other)

    @property
    def size(self) -> int:
        """Bytes of an element."""
        return _numpy_dtype(str(self)).itemsize

    @property
    def min(self) -> Any:
        """The least number."""
        return self._limits().min

    @property
    def max(self) -> Any:
        """The largest number."""
        return self._limits().max

    def _limits(self) -> Any:
        dtype = _numpy_dtype(str(self))
        return np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)

    def __repr__(self) -> str:
        return f"tf.{self!s}"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return str(self) == str(other)
        try:
            return _name_of(_numpy_dtype(other)) == str(self)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


_NAMES = (
    "float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64 "
    "complex128 string"
).split()
DTYPES: dict[str, DType] = {name: DType(name) for name in _NAMES} | {
    "half": DType("float16"),
    "double": DType("float64"),
}
"""The types by their names in TensorFlow."""


def as_dtype(dtype: Any) -> DType:
    """An element type from whatever names one: a DType, a name, numpy's or Python's type.

    Raises:
        TypeError: if nothing does.
    """
    if isinstance(dtype, DType):
        return dtype
    name = dtype if isinstance(dtype, str) else _name_of(_numpy_dtype(dtype))
    if name not in DTYPES:
        raise TypeError(f"Cannot convert {dtype!r} to an element type; there are {', '.join(DTYPES)}.")
    return DTYPES[name]


def _name_of(dtype: np.dtype) -> str:
    return "string" if dtype.kind in "OSU" else dtype.name
