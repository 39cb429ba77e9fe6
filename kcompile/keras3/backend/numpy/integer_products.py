"""Einstein's notation of int8 as ONNX multiplies int8: by matrices, into int32."""

from __future__ import annotations

import math
import string
from typing import NamedTuple

import numpy as np

from kcompile.ir import Value, op
from kcompile.keras.backend.tensors import known_shape


class _Terms(NamedTuple):
    """Which axes of two operands are which.

    Attributes:
        left, right, result: a letter for each axis.
        rows: of the left one alone. columns: of the right one alone. summed: of both, and not of the result.
    """

    left: str
    right: str
    result: str
    rows: str
    columns: str
    summed: str


def product_of_int8(equation: str, a: Value, b: Value) -> Value | None:
    """``einsum`` of two operands as one MatMulInteger.

    Args:
        equation: without blanks. a, b: of int8.

    Returns:
        int32; None where an axis is in all three terms or in one alone, so that it is not one product, or
        where a size is open that has to be known.
    """
    terms = _terms(equation, len(known_shape(a)))
    if terms is None or len(terms.left) != len(known_shape(a)) or len(terms.right) != len(known_shape(b)):
        return None
    sizes = dict(zip(terms.right, known_shape(b), strict=True))
    if not all(isinstance(n, int) for n in sizes.values()):
        return None
    depth, width = (math.prod(sizes[x] for x in axes) for axes in (terms.summed, terms.columns))
    rows = [0] * len(terms.rows)  # in a Reshape: as it is
    matrix = _ordered(b, terms.right, terms.summed + terms.columns)
    matrix = op.Reshape(matrix, np.array([depth, width]))
    stack = _ordered(a, terms.left, terms.rows + terms.summed)
    if len(terms.summed) != 1:
        stack = op.Reshape(stack, np.array([*rows, depth]))
    found = op.MatMulInteger(stack, matrix)
    if len(terms.columns) != 1:
        found = op.Reshape(found, np.array([*rows, *(sizes[x] for x in terms.columns)], np.int64))
    return _ordered(found, terms.rows + terms.columns, terms.result)


def _terms(equation: str, rank: int) -> _Terms | None:
    operands, arrow, result = equation.partition("->")
    left, _, right = operands.partition(",")
    if not arrow or "..." in right:
        return None
    if "..." in left:
        free = [x for x in string.ascii_letters if x not in equation]
        dots = "".join(free[: rank - len(left) + 3])
        left, result = left.replace("...", dots), result.replace("...", dots)
    if any(len(set(term)) != len(term) for term in (left, right, result)):
        return None
    rows = "".join(x for x in left if x not in right)
    columns = "".join(x for x in right if x not in left)
    summed = "".join(x for x in left if x in right)
    is_product = summed and not set(summed) & set(result) and set(rows + columns) == set(result)
    return _Terms(left, right, result, rows, columns, summed) if is_product else None


def _ordered(x: Value, axes: str, wanted: str) -> Value:
    return x if axes == wanted else op.Transpose(x, perm=[axes.index(axis) for axis in wanted])
