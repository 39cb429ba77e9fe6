"""Element types by TensorFlow's names: ``tf.float32``."""

from __future__ import annotations

from typing import Any

from ...ir import DType, element_type
from ...ir.element_types import NUMBERS, OTHER_NAMES

DTYPES: dict[str, DType] = {
    **{name: element_type(name) for name in NUMBERS},
    **{name: element_type(name) for name in OTHER_NAMES if name != "float"},
}
"""The types by their names in TensorFlow."""


def as_dtype(dtype: Any) -> DType:
    """An element type from whatever names one: a DType, a name, a number, numpy's or Python's type.

    Raises:
        TypeError: if nothing does.
    """
    if isinstance(dtype, DType):
        return dtype
    try:
        found = DType(dtype) if isinstance(dtype, int) else element_type(_PYTHON.get(dtype, dtype))
    except TypeError:
        found = None
    if isinstance(found, DType) and found.kind in "SU":
        return DTYPES["string"]
    if dtype is None or found is None or found.name not in DTYPES:
        raise TypeError(f"Cannot convert {dtype!r} to an element type; there are {', '.join(DTYPES)}.")
    return found


_PYTHON = {float: "float32"}


__all__ = ["DTYPES", "DType", "as_dtype"]
