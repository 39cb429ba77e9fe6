"""Reductions, products, comparisons and element-wise functions."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Body, Value, op
from .. import registry
from . import config
from .tensors import axis_index, cast_value, dims_of, known_shape, pair, rank, refine, shape_vector, tensor

_BOOL = np.dtype(bool)
_INT32 = np.dtype(np.int32)

Axis = int | Sequence[int] | None


def _reduce(operator: str, x: Value, axis: Axis, keepdims: bool) -> Value:
    """A reduction over ``axis``: None for all axes, an int, or a sequence of ints."""
    if x.rank == 0:
        return x
    if axis is None:
        return getattr(op, operator)(x, keepdims=int(keepdims))
    axes = [int(axis)] if isinstance(axis, int | np.integer) else [int(a) for a in axis]
    if not axes:
        return x
    if x.dims is not None:
        axes = [axis_index(x, a, f"K.{operator.removeprefix('Reduce').lower()}") for a in axes]
    return getattr(op, operator)(x, axes, keepdims=int(keepdims))


def _numeric(x: Any) -> Value:
    x = tensor(x)
    return cast_value(x, np.dtype(config.floatx())) if x.dtype == _BOOL else x


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """The largest elements along ``axis``."""
    return _reduce("ReduceMax", _numeric(x), axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """The smallest elements along ``axis``."""
    return _reduce("ReduceMin", _numeric(x), axis, keepdims)


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """The sums along ``axis``."""
    return _reduce("ReduceSum", _numeric(x), axis, keepdims)


def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """The products along ``axis``."""
    return _reduce("ReduceProd", _numeric(x), axis, keepdims)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """The means along ``axis``; bools count as 0 and 1."""
    return _reduce("ReduceMean", _numeric(x), axis, keepdims)


def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """The population variances along ``axis``."""
    x = _numeric(x)
    return mean(square(x - mean(x, axis, True)), axis, keepdims)


def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """The population standard deviations along ``axis``."""
    return op.Sqrt(var(x, axis, keepdims))


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """``log(sum(exp(x)))`` along ``axis`` without overflow."""
    return _reduce("ReduceLogSumExp", _numeric(x), axis, keepdims)


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """Logical or along ``axis``, as bool."""
    return _reduce_bool("ReduceMax", x, axis, keepdims)


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """Logical and along ``axis``, as bool."""
    return _reduce_bool("ReduceMin", x, axis, keepdims)


def _reduce_bool(operator: str, x: Any, axis: Axis, keepdims: bool) -> Value:
    x = cast_value(cast_value(tensor(x), _BOOL), _INT32)  # onnxruntime reduces no bools
    return cast_value(_reduce(operator, x, axis, keepdims), _BOOL)


def argmax(x: Any, axis: int | None = -1) -> Value:
    """Index of the largest element along ``axis``, int64; the first one of equals."""
    return op.ArgMax(tensor(x), axis=0 if axis is None else axis, keepdims=0)


def argmin(x: Any, axis: int | None = -1) -> Value:
    """Index of the smallest element along ``axis``, int64; the first one of equals."""
    return op.ArgMin(tensor(x), axis=0 if axis is None else axis, keepdims=0)


def cumsum(x: Any, axis: int = 0) -> Value:
    """Running sums along ``axis``."""
    x = tensor(x)
    return refine(op.CumSum(x, np.array(axis, np.int64)), x.dims)


def cumprod(x: Any, axis: int = 0) -> Value:
    """Running products along ``axis`` (a Scan: ONNX has no operator for it)."""
    x = tensor(x)
    axis = axis_index(x, axis, "K.cumprod")
    row = [d for i, d in enumerate(x.dims) if i != axis]
    total, item = Value(x.dtype, row, "total"), Value(x.dtype, row, "item")
    step = op.Mul(total, item)
    first = op.ReduceProd(op.Slice(x, [0], [0], [axis]), [axis], keepdims=0)  # ones: the product of nothing
    _, out = op.Scan(
        first,
        x,
        body=Body([step, step], [total, item]),
        num_scan_inputs=1,
        scan_input_axes=[axis],
        scan_output_axes=[axis],
        outputs=2,
    )
    return refine(out, x.dims)


def square(x: Any) -> Value:
    """``x * x``."""
    x = tensor(x)
    return op.Mul(x, x)


def abs(x: Any) -> Value:
    """Absolute values. Element by element."""
    return op.Abs(tensor(x))


def sqrt(x: Any) -> Value:
    """Square roots; negative elements count as zero. Element by element."""
    x = tensor(x)
    return op.Sqrt(op.Clip(x, 0.0))


def exp(x: Any) -> Value:
    """e to the power of x. Element by element."""
    return op.Exp(tensor(x))


def log(x: Any) -> Value:
    """Natural logarithms. Element by element."""
    return op.Log(tensor(x))


def round(x: Any) -> Value:
    """Nearest integers, halves to the even one. Element by element."""
    x = tensor(x)
    return x if x.dtype.kind in "iu" else op.Round(x)


def sign(x: Any) -> Value:
    """-1, 0 or 1. Element by element."""
    return op.Sign(tensor(x))


def pow(x: Any, a: Any) -> Value:
    """``x`` to the power of ``a``."""
    if isinstance(x, Value):
        return x**a
    x, a = pair(x, a)
    return op.Pow(x, a)


def clip(x: Any, min_value: Any, max_value: Any) -> Value:
    """``x`` limited to [min_value, max_value]; None leaves that side open."""
    x = tensor(x)
    if isinstance(min_value, int | float) and isinstance(max_value, int | float):
        max_value = builtins.max(min_value, max_value)
    low, high = _bound(min_value), _bound(max_value)
    if builtins.all(b is None or np.ndim(b) == 0 and not isinstance(b, Value) for b in (low, high)):
        return op.Clip(x, low, high) if (low, high) != (None, None) else x
    if high is not None:
        x = minimum(x, high)
    return x if low is None else maximum(x, low)


def _bound(value: Any) -> Any:
    return None if isinstance(value, float) and np.isinf(value) else value


def equal(x: Any, y: Any) -> Value:
    """``x == y`` element by element."""
    return op.Equal(*pair(x, y))


def not_equal(x: Any, y: Any) -> Value:
    """``x != y`` element by element."""
    return op.Not(equal(x, y))


def greater(x: Any, y: Any) -> Value:
    """``x > y`` element by element."""
    return op.Greater(*pair(x, y))


def greater_equal(x: Any, y: Any) -> Value:
    """``x >= y`` element by element."""
    return op.GreaterOrEqual(*pair(x, y))


def less(x: Any, y: Any) -> Value:
    """``x < y`` element by element."""
    return op.Less(*pair(x, y))


def less_equal(x: Any, y: Any) -> Value:
    """``x <= y`` element by element."""
    return op.LessOrEqual(*pair(x, y))


def maximum(x: Any, y: Any) -> Value:
    """The larger one of two, element by element."""
    return op.Max(*pair(x, y))


def minimum(x: Any, y: Any) -> Value:
    """The smaller one of two, element by element."""
    return op.Min(*pair(x, y))


def sin(x: Any) -> Value:
    """Sines. Element by element."""
    return op.Sin(tensor(x))


def cos(x: Any) -> Value:
    """Cosines. Element by element."""
    return op.Cos(tensor(x))


def dot(x: Any, y: Any) -> Value:
    """The product over the last axis of ``x`` and the second to last of ``y``.

    (2, 3) . (4, 3, 5) is (2, 4, 5), as in numpy; a ``y`` of two axes is a matrix product of any stack of
    ``x``.
    """
    x, y = pair(x, y)
    count = rank(y, "K.dot")
    if count <= 2:
        return op.MatMul(x, y)
    inner = count - 2
    perm = [inner, *(i for i in range(count) if i != inner)]
    flat = op.Reshape(op.Transpose(y, perm=perm), shape_vector([_one_dim(y, inner), -1]))
    rest = [d for i, d in enumerate(y.shape) if i != inner]
    out_dims = [*dims_of(x)[:-1], *(d for i, d in enumerate(dims_of(y)) if i != inner)]
    return refine(op.Reshape(op.MatMul(x, flat), shape_vector(out_dims)), [*x.dims[:-1], *rest])


def _one_dim(x: Value, axis: int) -> Any:
    return dims_of(x)[axis]


def batch_dot(x: Any, y: Any, axes: Any = None) -> Value:
    """The product, sample by sample, over one axis of each operand.

    Args:
        x, y: at least two axes, the first being the batch.
        axes: the axis of each, an int for the same one, or None: the last of ``x`` and the second to last of
            ``y`` (the last, where ``y`` has two axes).

    Returns:
        (batch, axes of x but the one summed over, axes of y but the one summed over); where both have two
        axes, (batch, 1).

    Raises:
        ValueError: where axes or sizes do not fit, as Keras says it.
    """
    x, y = pair(x, y)
    a0, a1 = _batch_dot_axes(x, y, axes)
    x_rank, y_rank = rank(x, "K.batch_dot"), rank(y, "K.batch_dot")
    x_rest = [i for i in range(1, x_rank) if i != a0]
    y_rest = [i for i in range(1, y_rank) if i != a1]
    left = _to_stack(x, x_rest, a0, summed_last=True)
    right = _to_stack(y, y_rest, a1, summed_last=False)
    out = op.MatMul(left, right)
    static = [x.dims[0], *(x.dims[i] for i in x_rest), *(y.dims[i] for i in y_rest)]
    if len(x_rest) <= 1 and len(y_rest) <= 1:
        squeezed = [1] * (not x_rest) + [2] * (not y_rest and builtins.bool(x_rest))
        return op.Squeeze(out, squeezed) if squeezed else out
    x_dims, y_dims = dims_of(x), dims_of(y)
    dims = [x_dims[0], *(x_dims[i] for i in x_rest), *(y_dims[i] for i in y_rest)]
    return refine(op.Reshape(out, shape_vector(dims)), static)


def _to_stack(x: Value, rest: list[int], summed: int, summed_last: bool) -> Value:
    """``x`` as a stack of matrices (batch, rest, summed) or (batch, summed, rest)."""
    perm = [0, *rest, summed] if summed_last else [0, summed, *rest]
    if perm != list(range(len(perm))):
        x = op.Transpose(x, perm=perm)
    if len(rest) == 1:
        return x
    if not rest:
        return op.Unsqueeze(x, [1 if summed_last else 2])
    dims = dims_of(x)
    return op.Reshape(x, shape_vector([dims[0], -1, dims[-1]] if summed_last else [dims[0], dims[1], -1]))


def _batch_dot_axes(x: Value, y: Value, axes: Any) -> tuple[int, int]:
    x_rank, y_rank = rank(x, "K.batch_dot"), rank(y, "K.batch_dot")
    shown = f"{x.shape} and {y.shape}"
    if x_rank < 2 or y_rank < 2:
        raise ValueError(
            f"Can not do batch_dot on inputs with rank < 2. Received inputs with shapes {shown}."
        )
    if axes is None:
        axes = (x_rank - 1, y_rank - 1 if y_rank == 2 else y_rank - 2)
    elif isinstance(axes, int | np.integer):
        axes = (axes, axes)
    if builtins.any(isinstance(a, list | tuple) for a in axes) or len(axes) != 2:
        raise ValueError(
            f"Multiple target dimensions are not supported. Expected: None, int, (int, int), provided: {axes}"
        )
    a0, a1 = axis_index(x, axes[0], "K.batch_dot"), axis_index(y, axes[1], "K.batch_dot")
    if 0 in (a0, a1):
        raise ValueError(
            "Can not perform batch_dot over axis 0. If your inputs are not batched, add a dummy batch "
            "dimension to your inputs using K.expand_dims(x, 0)."
        )
    for name, i, j in (("batch sizes", 0, 0), (f"sizes along axes {[a0, a1]}", a0, a1)):
        m, n = known_shape(x)[i], known_shape(y)[j]
        if isinstance(m, int) and isinstance(n, int) and m != n:
            raise ValueError(
                f"Can not do batch_dot on inputs with different {name}: {m} and {n}, shapes {shown}."
            )
    return a0, a1


registry.publish(globals())
