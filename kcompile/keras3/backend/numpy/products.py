"""Products of matrices and tensors, and what is on diagonals."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch

from kcompile.ir import Value, op
from kcompile.keras import backend as K
from kcompile.keras.backend.einsum import einsum as products_of
from kcompile.keras.operations import keras_ops
from kcompile.keras.operations import tensorflow as of_tensorflow

from ..promotion import counting, floating, in_type, past_bfloat16, promoted
from ..tensors import as_torch, as_value, eager_only, of_plain, operation, publish
from .elementwise import number
from .integer_products import product_of_int8
from .reductions import reduced
from .shapes import as_list, axis_of, known_size, moveaxis, rank_of


def _computed(emit: Callable[..., Value], *xs: Value) -> Value:
    """A product of operands of one type; ONNX multiplies matrices of floats and of wide integers."""
    kind = xs[0].dtype
    if kind.kind == "b":
        return in_type(emit(*(in_type(x, "float32") for x in xs)), "bool")
    if kind.kind in "iu" and kind.itemsize < 4:
        return in_type(emit(*(in_type(x, "int32") for x in xs)), kind.name)
    return emit(*xs)


def _widened(xs: tuple[Any, ...]) -> list[Value]:
    """Operands in one type; int8 in int32, in which their products are."""
    given = [as_value(x) if not isinstance(x, int | float) else x for x in xs]
    return [in_type(x, "int32") for x in given] if _are_int8(given) else promoted(*given)


def _are_int8(xs: Iterable[Any]) -> bool:
    """Whether all operands are tensors of int8."""
    return builtins.all(isinstance(x, Value) and x.dtype == np.int8 for x in xs)


@partial(operation, directly=of_plain(torch.matmul))
def matmul(x1: Any, x2: Any) -> Value:
    """The product of matrices, or of stacks of them; of int8, in int32."""
    if _are_int8((x1, x2)):
        return op.MatMulInteger(x1, x2)
    return _computed(op.MatMul, *_widened((x1, x2)))


@operation
def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Value:
    """Sums of products by Einstein's notation; of int8, in int32."""
    equation = subscripts.replace(" ", "")
    if len(operands) == 2 and _are_int8(operands):
        found = product_of_int8(equation, *operands)
        if found is not None:
            return found
    emit = past_bfloat16(lambda *xs: products_of(equation, *xs))
    return _computed(emit, *_widened(operands))


@operation
def dot(x1: Any, x2: Any) -> Value:
    """The product over the last axis of ``x1`` and the second to last of ``x2``."""
    a, b = promoted(x1, x2)
    if rank_of(a) == 0 or rank_of(b) == 0:
        return op.And(a, b) if a.dtype.kind == "b" else op.Mul(a, b)
    return _computed(op.MatMul if rank_of(b) <= 2 else K.dot, a, b)


@operation
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Value:
    """Sums of products over several axes."""
    over = axes if isinstance(axes, int) else [[int(a) for a in as_list(given)] for given in axes]
    emit = past_bfloat16(lambda a, b: of_tensorflow.tensordot(a, b, over))
    return _computed(emit, *promoted(x1, x2))


@operation
def inner(x1: Any, x2: Any) -> Value:
    """Sums of products over the last axes."""
    a, b = promoted(x1, x2)
    if rank_of(a) == 0 or rank_of(b) == 0:
        return op.Mul(a, b)
    return tensordot(a, b, [[-1], [-1]])


@operation
def vdot(x1: Any, x2: Any) -> Value:
    """The sum of the products of all elements."""
    a, b = (op.Reshape(x, [-1]) for x in promoted(x1, x2))
    return _computed(op.MatMul, a, b)


@operation
def outer(x1: Any, x2: Any) -> Value:
    """The product of each element with each."""
    a, b = promoted(x1, x2)
    a, b = op.Reshape(a, [-1, 1]), op.Reshape(b, [1, -1])
    return op.And(a, b) if a.dtype.kind == "b" else op.Mul(a, b)


@operation
def kron(x1: Any, x2: Any) -> Value:
    """Kronecker's product."""
    a, b = promoted(x1, x2)
    if a.dtype.kind == "b":
        return in_type(kron(in_type(a, "int32"), in_type(b, "int32")), "bool")
    return keras_ops.ROWS["Kron"].emit(a, b)  # type: ignore[no-any-return]


@operation
def cross(
    x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Value:
    """The vector that stands upright on two of 3 elements; of two of 2 elements, its length."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = promoted(x1, x2)
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    sizes = [known_size(x, -1, "cross") for x in (a, b)]
    if sizes == [2, 2]:
        return _planar(a, b)
    a, b = (
        x if n == 3 else op.Pad(x, [0] * (2 * rank_of(x) - 1) + [1])
        for x, n in zip((a, b), sizes, strict=True)
    )
    return moveaxis(of_tensorflow.cross(a, b), -1, axisc)


def _planar(a: Value, b: Value) -> Value:
    a0, a1, b0, b1 = (op.Gather(x, np.int64(i), axis=-1) for x in (a, b) for i in range(2))
    return op.Sub(op.Mul(a0, b1), op.Mul(a1, b0))


# --- diagonals ----------------------------------------------------------------------------------------------


@operation
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
    """What lies on a diagonal of two axes, as a last axis."""
    return keras_ops.diagonal(as_value(x), offset, axis1, axis2)


@operation
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
    """The sum of a diagonal; of truth values and narrow integers, in 32 bits."""
    return reduced("ReduceSum", counting(keras_ops.diagonal(as_value(x), offset, axis1, axis2)), -1, False)


@operation
def diagflat(x: Any, k: int = 0) -> Value:
    """A matrix that has all elements on a diagonal."""
    x = op.Reshape(as_value(x), [-1])
    if x.dtype.kind == "b":
        return in_type(diagflat(in_type(x, "uint8"), k), "bool")
    count = known_size(x, 0, "diagflat")
    places = np.arange(count)
    size = count + builtins.abs(k)
    at = np.stack([places + builtins.max(-k, 0), places + builtins.max(k, 0)], axis=-1)
    return op.ScatterND(op.Expand(number(0, x), [size, size]), at, x)


@operation
def diag(x: Any, k: int = 0) -> Value:
    """The diagonal of a matrix, or a matrix that has a vector on it."""
    x = as_value(x)
    return diagflat(x, k) if rank_of(x) == 1 else diagonal(x, k)


def _triangle(x: Any, k: int, upper: int) -> Value:
    x = as_value(x)
    if x.dtype.kind == "b":
        return in_type(op.Trilu(in_type(x, "uint8"), int(k), upper=upper), "bool")
    return op.Trilu(x, int(k), upper=upper)


@operation
def tril(x: Any, k: int = 0) -> Value:
    """What lies on and below a diagonal, the rest 0."""
    return _triangle(x, k, 0)


@operation
def triu(x: Any, k: int = 0) -> Value:
    """What lies on and above a diagonal, the rest 0."""
    return _triangle(x, k, 1)


# --- along an axis ------------------------------------------------------------------------------------------


@operation
def diff(a: Any, n: int = 1, axis: int = -1) -> Value:
    """The differences of neighbours, ``n`` times; of truth values, whether they differ."""
    x = as_value(a)
    at = axis_of(x, axis)
    end = np.iinfo(np.int64).max
    for _ in range(n):
        later, earlier = op.Slice(x, [1], [end], [at]), op.Slice(x, [0], [-1], [at])
        x = op.Xor(later, earlier) if x.dtype.kind == "b" else op.Sub(later, earlier)
    return x


@operation
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Value:
    """The area under a curve, by trapezoids."""
    y = floating(y)
    at, end = axis_of(y, axis), np.iinfo(np.int64).max
    sums = op.Add(op.Slice(y, [1], [end], [at]), op.Slice(y, [0], [-1], [at]))
    if x is None:
        sums, width = promoted(sums, dx)
    else:
        x = floating(x)
        width = diff(x, 1, 0 if rank_of(x) == 1 else axis)
        if rank_of(width) == 1:
            width = op.Reshape(width, [-1 if i == at else 1 for i in range(rank_of(y))])
        sums, width = promoted(sums, width)
    return op.Div(reduced("ReduceSum", op.Mul(sums, width), axis, False), number(2, sums))


@operation
def corrcoef(x: Any) -> Value:
    """How much each two rows vary together: 1 for alike, -1 for opposite, 0 for neither."""
    x = floating(x)
    if rank_of(x) < 2:
        return number(1, x)
    centred = op.Sub(x, op.ReduceMean(x, [-1], keepdims=1))
    products = op.MatMul(centred, op.Transpose(centred, perm=[1, 0]))
    lengths = op.Sqrt(op.ReduceSum(op.Mul(centred, centred), [-1], keepdims=0))
    return op.Div(products, op.Mul(op.Unsqueeze(lengths, [0]), op.Unsqueeze(lengths, [1])))


@operation
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Value:
    """Sums of products of two vectors at each distance.

    Args:
        mode: "valid" (where they lie on each other), "same" (as long as the longer one) or "full".
    """
    a, b = promoted(x1, x2, also=(float,))
    m, n = known_size(a, 0, "correlate"), known_size(b, 0, "correlate")
    found = op.Conv(op.Reshape(a, [1, 1, -1]), op.Reshape(b, [1, 1, -1]), pads=[n - 1, n - 1])
    found = op.Reshape(found, [-1])
    if mode == "full":
        return found
    length = builtins.max(m, n) - builtins.min(m, n) + 1 if mode == "valid" else builtins.max(m, n)
    start = (m + n - 1 - length) // 2
    return op.Slice(found, [start], [start + length], [0])


@eager_only
def slogdet(x: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The sign and the logarithm of the size of determinants."""
    sign, size = torch.linalg.slogdet(as_torch(x))
    return sign, size


publish(globals())
