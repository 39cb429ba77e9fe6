"""Element types as tensors have them: what TensorFlow's types answer, and what numpy's do.

Keras code asks ``x.dtype.is_floating``, ``x.dtype.base_dtype``; what computes asks ``x.dtype.kind``. numpy's
type cannot be subclassed, so ours holds it, and is equal to it, whichever side asks, also as a key.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

from .dtypes import DTypeLike, as_dtype

#: The types that TensorFlow has, and their numbers in its files (``tensorflow/core/framework/types.proto``).
NUMBERS = {
    "float16": 19, "float32": 1, "float64": 2, "bfloat16": 14, "int8": 6, "int16": 5, "int32": 3, "int64": 9,
    "uint8": 4, "uint16": 17, "uint32": 22, "uint64": 23, "bool": 10, "complex64": 8, "complex128": 18,
    "string": 7,
}  # fmt: skip
_BY_NUMBER = {number: name for name, number in NUMBERS.items()}
#: Other names of these types.
OTHER_NAMES = {"half": "float16", "float": "float32", "double": "float64"}


class DType:
    """An element type.

    There is one object for each type (``element_type``). What numpy's type has, it has too: ``kind``,
    ``itemsize``, ``type``.

    Args:
        type_enum: the number of the type in TensorFlow's files.

    Attributes:
        dtype: numpy's type, by which numpy takes this one for it; that of text is ``object``.
        name: ``"float32"``; ``"string"`` for text.
    """

    __slots__ = ("_hash", "dtype", "itemsize", "kind", "name", "type")

    _hash: int
    dtype: np.dtype
    name: str
    kind: str
    itemsize: int
    type: Any

    def __new__(cls, type_enum: int) -> DType:
        if type_enum not in _BY_NUMBER:
            raise TypeError(f"{type_enum!r} is not the number of an element type.")
        return element_type(_BY_NUMBER[type_enum])

    @classmethod
    def _of(cls, dtype: np.dtype) -> DType:
        made = object.__new__(cls)
        made.dtype, made.kind, made.itemsize, made.type = dtype, dtype.kind, dtype.itemsize, dtype.type
        made.name = "string" if dtype.kind == "O" else dtype.name
        made._hash = hash(dtype)
        return made

    def __getattr__(self, name: str) -> Any:
        """What else numpy's type has."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.dtype, name)

    # --- as TensorFlow has it -----------------------------------------------------------------------------

    @property
    def as_numpy_dtype(self) -> Any:
        """numpy's type: ``np.float32``; ``object`` for text."""
        return object if self.kind == "O" else self.type

    @property
    def as_datatype_enum(self) -> int:
        """The number of the type in TensorFlow's files.

        Raises:
            TypeError: for a type that TensorFlow lacks.
        """
        if self.name not in NUMBERS:
            raise TypeError(f"TensorFlow has no number for {self!r}.")
        return NUMBERS[self.name]

    @property
    def base_dtype(self) -> DType:
        """The type itself."""
        return self

    @property
    def real_dtype(self) -> DType:
        """The type of the parts of complex numbers; of others itself."""
        return element_type(f"float{self.itemsize * 4}") if self.is_complex else self

    @property
    def is_floating(self) -> bool:
        """Whether it has fractions."""
        return "float" in self.name

    @property
    def is_integer(self) -> bool:
        """Whether it has whole numbers alone."""
        return "int" in self.name

    @property
    def is_complex(self) -> bool:
        """Whether it has complex numbers."""
        return self.kind == "c"

    @property
    def is_bool(self) -> bool:
        """Whether it has truth values."""
        return self.kind == "b"

    @property
    def is_unsigned(self) -> bool:
        """Whether it has whole numbers from 0 on alone."""
        return self.name.startswith("uint")

    @property
    def is_numeric(self) -> bool:
        """Whether it has numbers."""
        return self.kind not in "bO"

    @property
    def is_quantized(self) -> bool:
        """Whether numbers stand for others; none of these types is so."""
        return False

    @property
    def is_numpy_compatible(self) -> bool:
        """Whether NumPy has the type."""
        return True

    @property
    def size(self) -> int:
        """Bytes of an element; 0 for text."""
        return 0 if self.kind == "O" else self.itemsize

    @property
    def min(self) -> Any:
        """The least number.

        Raises:
            TypeError: where a type has none.
        """
        return -self.max if self.is_floating else self._whole_limits("minimum").min

    @property
    def max(self) -> Any:
        """The largest number; TypeError where a type has none."""
        if self.name == "bfloat16":  # 8 bits of exponent, 7 of fraction
            return self.type((2 - 2.0**-7) * 2.0**127)
        return np.finfo(self.dtype).max if self.is_floating else self._whole_limits("maximum").max

    def _whole_limits(self, which: str) -> Any:
        if not self.is_integer:
            raise TypeError(f"Cannot find {which} value of {self!r}: whole numbers and fractions have one.")
        return np.iinfo(self.dtype)

    @property
    def limits(self) -> tuple[Any, Any]:
        """The least and the largest number that pixels of images have: (0, 1), (0, 255).

        Raises:
            ValueError: for types that images do not have.
        """
        if self.is_integer:
            return 0, self.max
        if self.name not in ("float32", "float64", "bool"):
            raise ValueError(f"{self!r} does not have defined limits.")
        return 0, True if self.is_bool else 1

    def is_compatible_with(self, other: Any) -> bool:
        """Whether another type is this one."""
        return self == element_type(other)

    is_subtype_of = is_compatible_with

    def most_specific_common_supertype(self, types: Iterable[Any]) -> DType | None:
        """The type, if all of ``types`` are it; else None."""
        return self if all(self == other for other in types) else None

    # --- equal to numpy's ---------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, DType):
            return bool(self.dtype == other.dtype)
        if isinstance(other, str) and (other in OTHER_NAMES or other == "string"):
            return self.name == OTHER_NAMES.get(other, other)
        if other is None:  # which numpy takes for float64
            return False
        return bool(self.dtype == other) or self._is_text(other)

    def _is_text(self, other: object) -> bool:
        return self.kind == "O" and isinstance(other, np.dtype) and other.kind in "SU"

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> Any:
        return element_type, (self.name if self.dtype.isnative else self.dtype,)

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return self.name


_BY_NUMPY: dict[np.dtype, DType] = {}


@cache
def element_type(dtype: DTypeLike) -> DType:
    """The type of a name (``"float32"``, ``"bfloat16"``, ``"string"``), of numpy's type or of a scalar type.

    Raises:
        TypeError: for what is none.
    """
    if isinstance(dtype, DType):
        return dtype
    numpy_type = as_dtype(OTHER_NAMES.get(dtype, dtype) if isinstance(dtype, str) else dtype)
    return _BY_NUMPY.setdefault(numpy_type, DType._of(numpy_type))
