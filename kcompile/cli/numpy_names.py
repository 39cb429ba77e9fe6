"""Names that NumPy had when the programs were written, and NumPy 2 has under other ones.

kcompile needs NumPy 2, so what it runs finds that, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

#: Old name -> today's, of numpy or of Python.
_RENAMED = {
    "Inf": "inf",
    "Infinity": "inf",
    "infty": "inf",
    "PINF": "inf",
    "NaN": "nan",
    "NAN": "nan",
    "float_": "float64",
    "complex_": "complex128",
    "unicode_": "str_",
    "string_": "bytes_",
    "bool8": "bool_",
    "int0": "intp",
    "uint0": "uintp",
    "object0": "object_",
    "singlecomplex": "complex64",
    "cfloat": "complex128",
    "longfloat": "longdouble",
    "longcomplex": "clongdouble",
    "product": "prod",
    "cumproduct": "cumprod",
    "sometrue": "any",
    "alltrue": "all",
    "round_": "round",
    "trapz": "trapezoid",
    "row_stack": "vstack",
    "mat": "asmatrix",
}
_OF_PYTHON = {"float": float, "int": int, "complex": complex, "object": object, "str": str}


def _in1d(ar1: Any, ar2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    return np.isin(np.ravel(ar1), ar2, assume_unique=assume_unique, invert=invert)


def _msort(a: Any) -> Any:
    return np.sort(a, axis=0)


def _asfarray(a: Any, dtype: Any = np.float64) -> Any:
    return np.asarray(a, dtype if np.issubdtype(dtype, np.inexact) else np.float64)


def _asscalar(a: Any) -> Any:
    return a.item()


def _find_common_type(array_types: Any, scalar_types: Any) -> Any:
    """That of arrays; a scalar counts where it is of a higher kind."""
    arrays, scalars = ([np.dtype(kind) for kind in kinds] for kinds in (array_types, scalar_types))
    if not arrays or not scalars:
        return np.result_type(*arrays, *scalars) if arrays or scalars else None
    of_arrays, of_scalars = np.result_type(*arrays), np.result_type(*scalars)
    return (
        of_scalars if "biufcmSUVO".index(of_scalars.kind) > "biufcmSUVO".index(of_arrays.kind) else of_arrays
    )


_SCTYPES = {
    "int": [np.int8, np.int16, np.int32, np.int64],
    "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
    "float": [np.float16, np.float32, np.float64, np.longdouble],
    "complex": [np.complex64, np.complex128, np.clongdouble],
    "others": [bool, object, bytes, str, np.void],
}
_OTHERS: dict[str, Any] = {
    "NINF": -np.inf,
    "in1d": _in1d,
    "msort": _msort,
    "asfarray": _asfarray,
    "asscalar": _asscalar,
    "find_common_type": _find_common_type,
    "sctypes": _SCTYPES,
}


def restore() -> None:
    """Gives numpy those of the names that it lacks."""
    wanted = {old: getattr(np, new, None) for old, new in _RENAMED.items()} | _OF_PYTHON | _OTHERS
    for name, value in wanted.items():
        if value is not None and name not in vars(np):  # numpy warns where it is asked
            setattr(np, name, value)
