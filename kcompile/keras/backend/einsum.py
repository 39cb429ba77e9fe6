"""Einstein summation, by a product of matrices wherever it is one.

Kernels for products are faster than those for Einsum, gradients included; onnxruntime and the torch bridge
know what to compute together with them.
"""

from __future__ import annotations

import math

import numpy as np

from ...ir import Value, op
from ...ir.einsum_letters import Letters, einsum_letters, permutation
from .tensors import refine


def einsum(equation: str, *operands: Value, bias: Value | None = None) -> Value:
    """The sum of products that an equation says.

    Args:
        equation: such as ``"abc,cd->abd"``.
        operands: of one type.
        bias: added to the result, over which it broadcasts.
    """
    letters = _letters(equation, operands)
    if letters is not None and letters.is_projection and _knows_matrix(operands[1], letters):
        return _projected(operands[0], operands[1], letters, bias)
    if letters is not None and letters.is_product:
        result = _product(operands[0], operands[1], letters)
    else:
        result = op.Einsum(*operands, equation=equation)
    return result if bias is None else op.Add(result, bias)


def _letters(equation: str, operands: tuple[Value, ...]) -> Letters | None:
    """None where the letters do not say one product, or where sizes that meet are not the same."""
    if len(operands) != 2 or any(x.dims is None for x in operands):
        return None
    a, b = (x.dims or () for x in operands)
    letters = einsum_letters(equation, (len(a), len(b)))
    if letters is None:
        return None
    sizes = dict(zip(letters.b, b, strict=True))
    if any(
        letter in sizes and not _may_be_same(size, sizes[letter])
        for letter, size in zip(letters.a, a, strict=True)
    ):
        return None
    return letters


def _knows_matrix(kernel: Value, letters: Letters) -> bool:
    """Whether the sizes are known of the axes that become the rows and columns of one matrix."""
    sizes = dict(zip(letters.b, kernel.dims or (), strict=True))
    return all(isinstance(sizes[c], int) for c in letters.summed + letters.right)


def _may_be_same(a: object, b: object) -> bool:
    """Einsum broadcasts along axes of size 1, the product does not along those that it sums over."""
    return a == b or not isinstance(a, int) and not isinstance(b, int)


def _projected(x: Value, kernel: Value, letters: Letters, bias: Value | None) -> Value:
    """``x`` times one matrix, whose rows and columns may stand for several axes."""
    sizes = {c: size for c, size in zip(letters.b, kernel.dims or (), strict=True) if isinstance(size, int)}
    rows, columns = ([sizes[c] for c in text] for text in (letters.summed, letters.right))
    x = _transposed(x, permutation(letters.a, letters.left + letters.summed))
    free = list(x.dims or ())[: len(letters.left)]
    kept = [0] * len(free)
    if len(rows) > 1:
        x = refine(op.Reshape(x, np.array([*kept, math.prod(rows)])), [*free, math.prod(rows)])
    kernel = _transposed(kernel, permutation(letters.b, letters.summed + letters.right))
    if len(rows) + len(columns) > 2:
        kernel = op.Reshape(kernel, np.array([math.prod(rows), math.prod(columns)]))
    y = refine(op.MatMul(x, kernel), [*free, math.prod(columns)])
    in_order = letters.output == letters.left + letters.right
    if bias is not None and in_order and list(bias.dims or ()) == columns:
        flat = bias if len(columns) == 1 else op.Reshape(bias, np.array([math.prod(columns)]))
        y, bias = op.Add(y, flat), None
    if len(columns) > 1:
        y = refine(op.Reshape(y, np.array([*kept, *columns])), [*free, *columns])
    y = _transposed(y, permutation(letters.left + letters.right, letters.output))
    return y if bias is None else op.Add(y, bias)


def _product(a: Value, b: Value, letters: Letters) -> Value:
    a = _transposed(a, permutation(letters.a, letters.both + letters.left + letters.summed))
    b = _transposed(b, permutation(letters.b, letters.both + letters.summed + letters.right))
    return _transposed(
        op.MatMul(a, b), permutation(letters.both + letters.left + letters.right, letters.output)
    )


def _transposed(x: Value, perm: list[int]) -> Value:
    return x if perm == sorted(perm) else op.Transpose(x, perm=perm)


__all__ = ["einsum"]
