"""TensorFlow's functions in files of tf.keras 2 that no operation of Keras 3 is: arrays and arithmetic.

One Python function per function of TensorFlow, with its parameters by their names (those of both versions
where they differ) and its defaults; arguments that are lists or numbers come as they stand in the file.
"""

from __future__ import annotations

import builtins
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import Value, op
from .. import backend as K
from ..backend.tensors import stack_values
from .slices import sliced
from .table import OPERATIONS, Operation, _alike, _axis, _bool, _float, _rank, _size, _tensor, _unit

FUNCTIONS: dict[str, Callable[..., Any]] = {}


def of_tensorflow(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enters a function under its names in TensorFlow, without ``tf.`` and ``compat.v1.``."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS.update(dict.fromkeys(names, function))
        return function

    return enter


def rows() -> dict[str, Operation]:
    """The functions as rows of the table of operations, under ``tf.`` and their name."""
    return {
        f"tf.{name}": Operation("tf", function, tuple(inspect.signature(function).parameters))
        for name, function in FUNCTIONS.items()
    }


def as_list(value: Any) -> list[Any]:
    """The entries of a list, or of a vector of known size, each a number or a value."""
    if isinstance(value, Value):
        return (
            [op.Gather(value, np.int64(i), axis=0) for i in range(_size(value, 0))] if value.rank else [value]
        )
    return list(value) if isinstance(value, list | tuple) else [value]


def axes_of(x: Value, axis: Any) -> list[int]:
    """The axes, counted from the front; all of them for None."""
    if axis is None:
        return list(range(_rank(x)))
    return [_axis(x, a) for a in (axis if isinstance(axis, list | tuple) else [axis])]


_NUMBERED_TYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string", 9: "int64",
    10: "bool", 14: "bfloat16", 17: "uint16", 19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip


def type_name(dtype: Any) -> str:
    """The name of a type, which files also write as ``<dtype: 'int32'>``, programs as its number there."""
    if type(dtype) is int and dtype in _NUMBERED_TYPES:
        return _NUMBERED_TYPES[dtype]
    return str(dtype).removeprefix("<dtype: '").removesuffix("'>")


# --- arithmetic ---------------------------------------------------------------------------------------------


@of_tensorflow("floor_div", "math.floordiv", "__operators__.floordiv")
def floor_div(x: Any, y: Any) -> Value:
    x, y = _alike(x, y)
    return x // y if x.dtype.kind != "f" else op.Floor(x / y)


@of_tensorflow("math.squared_difference")
def squared_difference(x: Any, y: Any) -> Value:
    x, y = _alike(x, y)
    return op.Mul(x - y, x - y)


@of_tensorflow("math.multiply_no_nan")
def multiply_no_nan(x: Any, y: Any) -> Value:
    x, y = _alike(x, y)
    zero = _tensor(0.0, y)
    return op.Where(op.Equal(y, zero), zero, x * y)


@of_tensorflow("math.reciprocal_no_nan")
def reciprocal_no_nan(x: Value) -> Value:
    zero, one = _tensor(0.0, x), _tensor(1.0, x)
    return op.Where(op.Equal(x, zero), zero, one / op.Where(op.Equal(x, zero), one, x))


def _no_product_of_zero(x: Any, factor: Callable[[Value], Value], y: Any) -> Value:
    """x times a factor, 0 where x is 0 whatever the factor is."""
    x, y = _alike(x, y)
    zero = _tensor(0.0, x)
    return op.Where(op.Equal(x, zero), zero, x * factor(y))


@of_tensorflow("math.xlogy")
def xlogy(x: Any, y: Any) -> Value:
    return _no_product_of_zero(x, K.log, y)


@of_tensorflow("math.xlog1py")
def xlog1py(x: Any, y: Any) -> Value:
    return _no_product_of_zero(x, lambda y: K.log(y + 1.0), y)


@of_tensorflow("math.xdivy")
def xdivy(x: Any, y: Any) -> Value:
    return _no_product_of_zero(x, lambda y: 1.0 / y, y)


@of_tensorflow("math.add_n", "add_n")
def add_n(inputs: Sequence[Any]) -> Value:
    return builtins.sum(inputs[1:], _tensor(inputs[0]))


@of_tensorflow("math.accumulate_n")
def accumulate_n(inputs: Sequence[Any], shape: Any = None, tensor_dtype: Any = None) -> Value:
    return add_n(inputs)


@of_tensorflow("math.atan2")
def atan2(y: Any, x: Any) -> Value:
    y, x = _alike(y, x)
    zero, pi = _tensor(0.0, x), math.pi
    angle = op.Atan(y / op.Where(op.Equal(x, zero), _tensor(1.0, x), x))
    turned = op.Where(op.Less(y, zero), angle - pi, angle + pi)
    upright = K.sign(y) * (pi / 2)
    return op.Where(op.Equal(x, zero), upright, op.Where(op.Less(x, zero), turned, angle))


@of_tensorflow("math.rint")
def rint(x: Value) -> Value:
    return op.Round(x)


@of_tensorflow("math.erfc")
def erfc(x: Value) -> Value:
    return 1.0 - op.Erf(x)


@of_tensorflow("math.erfinv")
def erfinv(x: Value) -> Value:
    """Giles (2010), in two Newton steps more than single precision needs."""
    w = -K.log((1.0 - x) * (1.0 + x))
    near = [2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
            -0.00417768164, 0.246640727, 1.50140941]  # fmt: skip
    far = [-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
           0.00943887047, 1.00167406, 2.83297682]  # fmt: skip
    low, high = w - 2.5, K.sqrt(K.maximum(w, 5.0)) - 3.0
    found = op.Where(op.Less(w, _tensor(5.0, x)), _polynomial(near, low), _polynomial(far, high)) * x
    ends = op.Equal(op.Abs(x), _tensor(1.0, x))
    return op.Where(ends, x * _tensor(np.inf, x), found)


@of_tensorflow("math.erfcinv")
def erfcinv(x: Value) -> Value:
    return erfinv(1.0 - x)


@of_tensorflow("math.ndtri")
def ndtri(x: Value) -> Value:
    return erfinv(2.0 * x - 1.0) * math.sqrt(2.0)


def _polynomial(coefficients: Sequence[float], x: Value) -> Value:
    """From the highest power down."""
    result = _tensor(coefficients[0], x)
    for coefficient in coefficients[1:]:
        result = result * x + coefficient
    return result


_LANCZOS = (
    676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
    -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
)  # fmt: skip


@of_tensorflow("math.lgamma")
def lgamma(x: Value) -> Value:
    """Lanczos's approximation, by reflection below 1/2."""
    reflected = op.Less(x, _tensor(0.5, x))
    z = op.Where(reflected, 1.0 - x, x) - 1.0
    total = _tensor(0.99999999999980993, x)
    for i, coefficient in enumerate(_LANCZOS):
        total = total + coefficient / (z + float(i + 1))
    t = z + 7.5
    above = 0.5 * math.log(2 * math.pi) + (z + 0.5) * K.log(t) - t + K.log(total)
    sine = op.Abs(op.Sin((x - op.Floor(x)) * math.pi))
    return op.Where(reflected, math.log(math.pi) - K.log(sine) - above, above)


@of_tensorflow("math.digamma")
def digamma(x: Value) -> Value:
    """The asymptotic series six steps up, by reflection below 0."""
    reflected = op.LessOrEqual(x, _tensor(0.0, x))
    z = op.Where(reflected, 1.0 - x, x)
    shift = builtins.sum((1.0 / (z + float(i)) for i in range(1, 6)), 1.0 / z)
    y = z + 6.0
    inverse = 1.0 / (y * y)
    series = K.log(y) - 0.5 / y - inverse * _polynomial([1 / 252, -1 / 120, 1 / 12], inverse)
    part = x - op.Floor(x)
    return op.Where(reflected, series - shift - math.pi / op.Tan(part * math.pi), series - shift)


@of_tensorflow("math.cumsum", "cumsum")
def cumsum(x: Value, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Value:
    return op.CumSum(x, np.int64(axis), exclusive=int(exclusive), reverse=int(reverse))


@of_tensorflow("math.cumprod")
def cumprod(x: Value, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Value:
    x = K.reverse(x, axis) if reverse else x
    if exclusive:
        ones = K.ones_like(sliced(x, [*[slice(None)] * _axis(x, axis), slice(0, 1)]))
        x = K.concatenate([ones, sliced(x, [*[slice(None)] * _axis(x, axis), slice(0, -1)])], axis)
    product = K.cumprod(x, axis)
    return K.reverse(product, axis) if reverse else product


@of_tensorflow("math.cumulative_logsumexp")
def cumulative_logsumexp(x: Value, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Value:
    largest = op.Max(K.max(x, axis=axis, keepdims=True), _tensor(np.finfo("float32").min, x))
    return K.log(cumsum(K.exp(x - largest), axis, exclusive, reverse)) + largest


# --- reductions ---------------------------------------------------------------------------------------------


@of_tensorflow("math.reduce_mean")
def reduce_mean(input_tensor: Any, axis: Any = None, keepdims: Any = False) -> Value:
    x = _tensor(input_tensor)
    if x.dtype.kind == "f":
        return K.mean(x, axis=axis, keepdims=bool(keepdims))
    mean = K.mean(K.cast(x, "float64"), axis=axis, keepdims=bool(keepdims))
    whole = op.Where(op.Less(mean, _tensor(0.0, mean)), op.Ceil(mean), op.Floor(mean))
    return K.cast(whole, x.dtype.name)  # TensorFlow divides integers as integers


@of_tensorflow("math.reduce_euclidean_norm")
def reduce_euclidean_norm(input_tensor: Any, axis: Any = None, keepdims: Any = False) -> Value:
    x = _float(input_tensor)
    return K.sqrt(K.sum(x * x, axis=axis, keepdims=bool(keepdims)))


@of_tensorflow("math.count_nonzero")
def count_nonzero(
    input: Any = None, axis: Any = None, keepdims: Any = None, dtype: Any = "int64",
    input_tensor: Any = None, keep_dims: Any = None, reduction_indices: Any = None,
) -> Value:  # fmt: skip
    x = _bool(input if input_tensor is None else input_tensor)
    counted = K.cast(x, type_name(dtype))
    return K.sum(counted, axis=axis, keepdims=bool(keepdims or keep_dims))


@of_tensorflow("math.zero_fraction", "nn.zero_fraction")
def zero_fraction(value: Value) -> Value:
    return K.mean(K.cast(op.Equal(value, _tensor(0, value)), "float32"))


def _extreme(find: Callable[..., Value]) -> Callable[..., Value]:
    def emit(input: Any, axis: Any = None, output_type: Any = "int64", dimension: Any = None) -> Value:
        at = axis if axis is not None else dimension if dimension is not None else 0
        return K.cast(find(_float(input), axis=at), type_name(output_type))

    return emit


of_tensorflow("math.argmax", "argmax")(_extreme(K.argmax))
of_tensorflow("math.argmin", "argmin")(_extreme(K.argmin))


@of_tensorflow("norm", "linalg.norm")
def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: Any = None, keep_dims: Any = None
) -> Value:
    return _norm_of(_float(tensor), ord, axis, bool(keepdims or keep_dims))


def _norm_of(x: Value, ord: Any, axis: Any, keepdims: bool) -> Value:
    axes = axes_of(x, axis)
    if ord in ("euclidean", "fro") or ord == 2 and (len(axes) == 1 or axis is None):
        return K.sqrt(K.sum(x * x, axis=axes, keepdims=keepdims))
    order = float(ord)
    if len(axes) == 2 and axis is not None:
        if order not in (1.0, math.inf):
            raise ValueError(f"A norm is the matrix norm {ord!r}, which is not here.")
        along, over = axes if order == 1.0 else axes[::-1]
        found = K.max(K.sum(K.abs(x), axis=along, keepdims=True), axis=over, keepdims=True)
        return found if keepdims else op.Squeeze(found, axes)
    if order == math.inf:
        return K.max(K.abs(x), axis=axes, keepdims=keepdims)
    return K.pow(K.sum(K.pow(K.abs(x), order), axis=axes, keepdims=keepdims), 1.0 / order)


@of_tensorflow("linalg.normalize")
def linalg_normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None) -> list[Value]:
    x = _float(tensor)
    found = _norm_of(x, ord, axis, True)
    return [x / found, found]


@of_tensorflow("math.l2_normalize", "nn.l2_normalize", "linalg.l2_normalize")
def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, dim: Any = None) -> Value:
    x = _float(x)
    squares = K.sum(x * x, axis=axes_of(x, dim if axis is None else axis), keepdims=True)
    return x / K.sqrt(K.maximum(squares, epsilon))


@of_tensorflow("clip_by_norm")
def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None) -> Value:
    t = _float(t)
    found = _norm_of(t, "euclidean", axes, True)
    return t * clip_norm / K.maximum(found, clip_norm)


# --- products -----------------------------------------------------------------------------------------------


def _last_two_swapped(x: Value) -> Value:
    rank = _rank(x)
    return op.Transpose(x, perm=[*range(rank - 2), rank - 1, rank - 2])


@of_tensorflow("linalg.matmul")
def matmul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, adjoint_a: bool = False,
    adjoint_b: bool = False, a_is_sparse: bool = False, b_is_sparse: bool = False, output_type: Any = None,
    grad_a: bool = False, grad_b: bool = False,
) -> Value:  # fmt: skip
    a, b = _alike(a, b)
    a = _last_two_swapped(a) if transpose_a or adjoint_a else a
    b = _last_two_swapped(b) if transpose_b or adjoint_b else b
    product = op.MatMul(a, b)
    return K.cast(product, type_name(output_type)) if output_type else product


@of_tensorflow("linalg.matvec")
def matvec(
    a: Any, b: Any, transpose_a: bool = False, adjoint_a: bool = False, a_is_sparse: bool = False,
    b_is_sparse: bool = False,
) -> Value:  # fmt: skip
    a, b = _alike(a, b)
    a = _last_two_swapped(a) if transpose_a or adjoint_a else a
    return op.Squeeze(op.MatMul(a, op.Unsqueeze(b, [-1])), [-1])


@of_tensorflow("tensordot")
def tensordot(a: Any, b: Any, axes: Any) -> Value:
    a, b = _alike(a, b)
    if isinstance(axes, int):
        axes = [list(range(_rank(a) - axes, _rank(a))), list(range(axes))]
    over = [[_axis(x, i) for i in (given if isinstance(given, list) else [given])]
            for x, given in zip((a, b), axes, strict=True)]  # fmt: skip
    letters = [chr(ord("a") + i) for i in range(_rank(a) + _rank(b))]
    left, right = letters[: _rank(a)], letters[_rank(a) :]
    for i, j in zip(*over, strict=True):
        right[j] = left[i]
    result = [c for i, c in enumerate(left) if i not in over[0]] + [
        c for j, c in enumerate(right) if j not in over[1]
    ]
    return OPERATIONS["Einsum"].emit(
        subscripts=f"{''.join(left)},{''.join(right)}->{''.join(result)}", operands=[a, b]
    )


@of_tensorflow("linalg.einsum", "einsum")
def einsum(equation: str, *operands: Any, inputs: Any = None) -> Value:
    given = list(operands) if inputs is None else inputs
    return OPERATIONS["Einsum"].emit(subscripts=equation, operands=given)


@of_tensorflow("linalg.matrix_transpose", "linalg.adjoint")
def matrix_transpose(a: Any = None, conjugate: bool = False, matrix: Any = None) -> Value:
    return _last_two_swapped(_tensor(matrix if a is None else a))


@of_tensorflow("transpose")
def transpose(a: Any, perm: Any = None, conjugate: bool = False) -> Value:
    return OPERATIONS["Transpose"].emit(a, axes=perm)


@of_tensorflow("linalg.det")
def det(input: Value) -> Value:
    return op.Det(input)


@of_tensorflow("linalg.trace")
def trace(x: Value) -> Value:
    return K.sum(diag_part(x), axis=-1)


@of_tensorflow("linalg.diag_part", "linalg.tensor_diag_part")
def diag_part(input: Any, k: int = 0, padding_value: Any = 0, align: str = "RIGHT_LEFT") -> Value:
    if k:
        raise ValueError("A diagonal is not the main one, which is not here.")
    x = _tensor(input)
    size = min(_size(x, -2), _size(x, -1))
    eye = _tensor(_unit(_size(x, -2), _size(x, -1)), x)
    return sliced(K.sum(x * eye, axis=-1), [Ellipsis, slice(0, size)])


@of_tensorflow("linalg.diag")
def diag(
    diagonal: Any, k: int = 0, num_rows: Any = -1, num_cols: Any = -1, padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Value:  # fmt: skip
    x = _tensor(diagonal)
    if k or num_rows != -1 or num_cols != -1 or padding_value:
        raise ValueError("A matrix of a diagonal is not the plain one, which is not here.")
    places = op.Range(np.int64(0), op.Squeeze(op.Shape(x, start=-1), [0]), np.int64(1))
    eye = op.Equal(op.Unsqueeze(places, [0]), op.Unsqueeze(places, [1]))
    return op.Unsqueeze(x, [-1]) * K.cast(eye, x.dtype.name)


@of_tensorflow("linalg.set_diag")
def set_diag(input: Any, diagonal: Any, k: int = 0, align: str = "RIGHT_LEFT") -> Value:
    if k:
        raise ValueError("A diagonal is not the main one, which is not here.")
    x = _tensor(input)
    eye = K.constant(_unit(_size(x, -2), _size(x, -1)) > 0, dtype="bool")
    return op.Where(eye, op.Unsqueeze(_tensor(diagonal, x), [-1]), x)


@of_tensorflow("linalg.band_part")
def band_part(input: Any, num_lower: int, num_upper: int) -> Value:
    x = _tensor(input)
    x = x if num_lower < 0 else op.Trilu(x, -num_lower, upper=1)
    return x if num_upper < 0 else op.Trilu(x, num_upper, upper=0)


@of_tensorflow("linalg.cross")
def cross(a: Any, b: Any) -> Value:
    a, b = _alike(a, b)
    a0, a1, a2 = (op.Gather(a, np.int64(i), axis=-1) for i in range(3))
    b0, b1, b2 = (op.Gather(b, np.int64(i), axis=-1) for i in range(3))
    return stack_values([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axis=-1)
