"""The rest of ``keras.ops``: operations of Keras 3 beyond those of ``operation_table``, in the same form.

One function per operation; what a call is given are its first parameters, what stands in the configuration
the others, with the defaults of Keras 3.15.
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
from . import tensorflow as arithmetic
from . import tensorflow_shapes as shapes
from .slices import sliced
from .table import (
    _REQUIRED,
    OPERATIONS,
    Operation,
    _alike,
    _axis,
    _bool,
    _float,
    _move_axis,
    _number,
    _rank,
    _size,
    _tensor,
    _unit,
    _up_to,
)

ROWS: dict[str, Operation] = {}


def of_keras(*names: str, operands: int = 1, module: str = "numpy") -> Callable[[Callable], Callable]:
    """Enters a function under its names in Keras 3, its first parameters being those of the call."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        parameters = list(inspect.signature(function).parameters.values())
        given = tuple(p.name for p in parameters[:operands])
        settings = {p.name: _REQUIRED if p.default is p.empty else p.default for p in parameters[operands:]}
        ROWS.update(dict.fromkeys(names, Operation(module, function, given, settings)))
        return function

    return enter


def _enter(module: str = "numpy", operands: int = 1, **functions: Callable[..., Any]) -> None:
    for name, function in functions.items():
        of_keras(name, operands=operands, module=module)(function)


# --- element by element -------------------------------------------------------------------------------------

_enter(
    Fabs=lambda x: K.abs(_float(x)),
    Deg2rad=lambda x: _float(x) * (math.pi / 180),
    Rad2deg=lambda x: _float(x) * (180 / math.pi),
    Cbrt=lambda x: K.sign(_float(x)) * K.pow(K.abs(_float(x)), 1 / 3),
    Trunc=lambda x: K.sign(x) * op.Floor(K.abs(_float(x))),
    Real=lambda x: op.Identity(x),
    Conj=lambda x: op.Identity(x),
    Conjugate=lambda x: op.Identity(x),
    Imag=lambda x: K.zeros_like(x),
    Angle=lambda x: op.Where(op.Less(x, _tensor(0.0, x)), _tensor(math.pi, x), _tensor(0.0, x)),
    Isreal=lambda x: op.Equal(x, x) if x.dtype.kind != "f" else op.Or(op.Equal(x, x), op.IsNaN(x)),
    Isposinf=lambda x: op.IsInf(_float(x), detect_negative=0),
    Isneginf=lambda x: op.IsInf(_float(x), detect_positive=0),
    Signbit=lambda x: op.Less(_tensor(x), _tensor(0, x)),
    Fliplr=lambda x: K.reverse(x, 1),
    Flipud=lambda x: K.reverse(x, 0),
    Size=lambda x: K.cast(op.Size(x), "int32"),
    Ndim=lambda x: K.constant(_rank(x), dtype="int32"),
    BitwiseInvert=lambda x: op.BitwiseNot(x),
    BitwiseNot=lambda x: op.BitwiseNot(x),
)
_enter(
    module="math", Erfc=lambda x: arithmetic.erfc(_float(x)), Erfinv=lambda x: arithmetic.erfinv(_float(x))
)


@of_keras("Sinc")
def sinc(x: Any) -> Value:
    x = _float(x) * math.pi
    zero = op.Equal(x, _tensor(0.0, x))
    return op.Where(zero, _tensor(1.0, x), op.Sin(x) / op.Where(zero, _tensor(1.0, x), x))


def _pairs(
    function: Callable[[Value, Value], Value], kind: Callable[[Any], Value] = _tensor
) -> Callable[..., Any]:
    def emit(x1: Any, x2: Any) -> Value:
        a, b = _alike(x1, x2)
        return function(kind(a), kind(b))

    return emit


def _pairs_xy(function: Callable[[Value, Value], Value]) -> Callable[..., Any]:
    def emit(x: Any, y: Any) -> Value:
        return function(*_alike(x, y))

    return emit


def remainder(x: Value, y: Value) -> Value:
    """The remainder, with the sign of ``x``."""
    return op.Mod(x, y, fmod=1)


def heaviside(x: Value, y: Value) -> Value:
    """0 below 0, 1 above 0, ``y`` at 0; of floating numbers of one type."""
    zero, one = _tensor(0, x), _tensor(1, x)
    step = op.Where(op.Equal(x, zero), y, op.Where(op.Less(x, zero), zero, one))
    return op.Where(op.IsNaN(x), x, step)


def past_nan(choose: Callable[[Value, Value], Value]) -> Callable[[Value, Value], Value]:
    """A choice of two that is the other one where one of them is no number."""

    def emit(x: Value, y: Value) -> Value:
        if x.dtype.kind in "biu":
            return choose(x, y)
        return op.Where(op.IsNaN(x), y, op.Where(op.IsNaN(y), x, choose(x, y)))

    return emit


def _shift(direction: str) -> Callable[[Value, Value], Value]:
    def emit(x: Value, y: Value) -> Value:
        if direction == "LEFT":
            return x * K.cast(K.pow(2.0, K.cast(y, "float64")), x.dtype.name)
        return K.cast(op.Floor(K.cast(x, "float64") / K.pow(2.0, K.cast(y, "float64"))), x.dtype.name)

    return emit


_enter(
    operands=2,
    Arctan2=lambda x1, x2: arithmetic.atan2(_float(x1), x2),
    Fmod=_pairs(remainder),
    Heaviside=_pairs(heaviside, _float),
    Fmax=_pairs(past_nan(K.maximum)),
    Fmin=_pairs(past_nan(K.minimum)),
    Logaddexp2=_pairs(
        lambda x, y: K.maximum(x, y) + K.log(1.0 + K.exp(-K.abs(x - y) * math.log(2))) / math.log(2), _float
    ),
    Ldexp=lambda x1, x2: _float(x1) * K.pow(2.0, K.cast(x2, _float(x1).dtype.name)),
    BitwiseAnd=_pairs_xy(op.BitwiseAnd),
    BitwiseOr=_pairs_xy(op.BitwiseOr),
    BitwiseXor=_pairs_xy(op.BitwiseXor),
    BitwiseLeftShift=_pairs_xy(_shift("LEFT")),
    LeftShift=_pairs_xy(_shift("LEFT")),
    BitwiseRightShift=_pairs_xy(_shift("RIGHT")),
    RightShift=_pairs_xy(_shift("RIGHT")),
)


@of_keras("Isclose", operands=4)
def isclose(x1: Any, x2: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Value:
    x1, x2 = _alike(_float(x1), _float(x2))
    near = op.Or(op.LessOrEqual(K.abs(x1 - x2), K.abs(x2) * rtol + atol), op.Equal(x1, x2))
    return op.Or(near, op.And(op.IsNaN(x1), op.IsNaN(x2))) if equal_nan else near


@of_keras("NanToNum")
def nan_to_num(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Value:
    x = _tensor(x)
    if x.dtype.kind != "f":
        return op.Identity(x)
    limits = np.finfo(x.dtype)
    x = op.Where(op.IsNaN(x), _tensor(nan, x), x)
    x = op.Where(op.IsInf(x, detect_negative=0), _tensor(limits.max if posinf is None else posinf, x), x)
    return op.Where(op.IsInf(x, detect_positive=0), _tensor(limits.min if neginf is None else neginf, x), x)


@of_keras("Select", operands=3)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Value:
    first = _tensor(choicelist[0])
    result = _tensor(default, first)
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = op.Where(_bool(condition), _tensor(choice, first), result)
    return result


_enter(EmptyLike=lambda x, dtype=None: OPERATIONS["ZerosLike"].emit(x, dtype=dtype))
_enter(Array=lambda x, dtype=None: K.cast(x, dtype) if dtype else op.Identity(_tensor(x)))
_enter(module="core", SaturateCast=lambda x, dtype: shapes.saturate_cast(x, dtype))

# --- reductions, with and without what is no number --------------------------------------------------------


@of_keras("Ptp")
def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
    x = _number(x)
    return K.max(x, axis=axis, keepdims=keepdims) - K.min(x, axis=axis, keepdims=keepdims)


def _quantile(x: Value, q: Any, axis: Any, method: str, keepdims: bool) -> Value:
    """By sorting what the axes hold, as one axis at the end."""
    x, axes = _float(x), arithmetic.axes_of(x, axis)
    rest = [a for a in range(_rank(x)) if a not in axes]
    flat = op.Transpose(x, perm=[*rest, *axes])
    flat = op.Reshape(flat, [*[0] * len(rest), -1])
    count = math.prod(_size(x, a) for a in axes) if axis is not None else None
    ordered = op.TopK(flat, op.Shape(flat, start=-1), axis=-1, largest=0, outputs=2)[0]
    last = op.Shape(flat, start=-1) - np.int64(1) if count is None else np.array([count - 1])
    place = K.cast(_tensor(last), x.dtype.name) * _tensor(q, x)
    low, high = op.Floor(place), op.Ceil(place)
    if method == "nearest":
        low = high = op.Round(place)
    elif method in ("lower", "higher"):
        low = high = low if method == "lower" else high
    values = [op.Gather(ordered, K.cast(at, "int64"), axis=-1) for at in (low, high)]
    part = (low + high) / 2 - low if method == "midpoint" else place - low
    found = op.Squeeze(values[0] + (values[1] - values[0]) * part, [-1])
    found = op.Where(K.any(op.IsNaN(flat), axis=-1), _tensor(np.nan, x), found)
    return op.Unsqueeze(found, axes) if keepdims else found


@of_keras("Median")
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
    return _quantile(x, 0.5, axis, "linear", keepdims)


@of_keras("Quantile", operands=2)
def quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Value:
    return _quantile(x, _one_number(q), axis, method, keepdims)


@of_keras("Percentile", operands=2)
def percentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Value:
    return _quantile(x, _one_number(q) / 100.0, axis, method, keepdims)


def _one_number(q: Any) -> float:
    if not isinstance(q, int | float):
        raise ValueError(f"A quantile is asked at {q!r}; one number is taken.")
    return float(q)


def _without_nan(x: Any, instead: float) -> Value:
    x = _tensor(x)
    return op.Where(op.IsNaN(x), _tensor(instead, x), x) if x.dtype.kind == "f" else x


def _counted(x: Value, axis: Any, keepdims: bool) -> Value:
    return K.sum(K.cast(op.Not(op.IsNaN(x)), x.dtype.name), axis=axis, keepdims=keepdims)


@of_keras("Nansum")
def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
    return K.sum(_without_nan(x, 0.0), axis=axis, keepdims=keepdims)


@of_keras("Nanprod")
def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
    return K.prod(_without_nan(x, 1.0), axis=axis, keepdims=keepdims)


@of_keras("Nanmean")
def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
    x = _float(x)
    return nansum(x, axis, keepdims) / _counted(x, axis, keepdims)


@of_keras("Nanvar")
def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
    x = _float(x)
    return nanmean(K.square(x - nanmean(x, axis, True)), axis, keepdims)


@of_keras("Nanstd")
def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
    return K.sqrt(nanvar(x, axis, keepdims))


def _nan_extreme(reduce: Callable[..., Value], instead: float) -> Callable[..., Any]:
    def emit(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
        x = _float(x)
        found = reduce(_without_nan(x, instead), axis=axis, keepdims=keepdims)
        none = op.Equal(_counted(x, axis, keepdims), _tensor(0.0, x))
        return op.Where(none, _tensor(np.nan, x), found)

    return emit


def _nan_arg(name: str, instead: float) -> Callable[..., Any]:
    def emit(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
        x = _float(x)
        found = OPERATIONS[name].emit(_without_nan(x, instead), axis=axis, keepdims=keepdims)
        return op.Where(op.Equal(_counted(x, axis, keepdims), _tensor(0.0, x)), np.int32(-1), found)

    return emit


_enter(
    Nanmax=_nan_extreme(K.max, -math.inf),
    Nanmin=_nan_extreme(K.min, math.inf),
    Nanargmax=_nan_arg("Argmax", -math.inf),
    Nanargmin=_nan_arg("Argmin", math.inf),
    Nancumsum=lambda x, axis=None, dtype=None: OPERATIONS["Cumsum"].emit(_without_nan(x, 0.0), axis, dtype),
    Nancumprod=lambda x, axis=None, dtype=None: OPERATIONS["Cumprod"].emit(_without_nan(x, 1.0), axis, dtype),
)


@of_keras("Diff")
def diff(a: Value, n: int = 1, axis: int = -1) -> Value:
    before: list[Any] = [slice(None)] * _axis(a, axis)
    for _ in range(int(n)):
        a = sliced(a, [*before, slice(1, None)]) - sliced(a, [*before, slice(0, -1)])
    return a


@of_keras("Trapezoid")
def trapezoid(y: Value, x: Any = None, dx: float = 1.0, axis: int = -1) -> Value:
    if x is not None:
        raise ValueError("A `trapezoid` has points x, which is not here; a distance dx is.")
    before: list[Any] = [slice(None)] * _axis(y, axis)
    means = (sliced(y, [*before, slice(1, None)]) + sliced(y, [*before, slice(0, -1)])) / 2.0
    return K.sum(means, axis=axis) * dx


# --- forms that the first table has not --------------------------------------------------------------------


@of_keras("Norm", module="linalg")
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Value:
    x, order = _float(x), float("inf") if ord in ("inf", "Infinity") else ord
    if order is None:
        order = "euclidean"
    if order in (0, -math.inf) and len(arithmetic.axes_of(x, axis)) == 1:
        zeros = K.cast(op.Not(op.Equal(x, _tensor(0.0, x))), x.dtype.name)
        return (
            K.min(K.abs(x), axis=axis, keepdims=keepdims)
            if order
            else K.sum(zeros, axis=axis, keepdims=keepdims)
        )
    return arithmetic.norm(x, order, axis, keepdims)


@of_keras("Roll")
def roll(x: Value, shift: Any, axis: Any = None) -> Value:
    if axis is not None:
        return shapes.roll(x, shift, axis)
    flat = op.Reshape(x, [-1])
    turned = K.concatenate([sliced(flat, [slice(-shift, None)]), sliced(flat, [slice(0, -shift)])], 0)
    return op.Reshape(turned if shift else flat, op.Shape(x))


@of_keras("Repeat")
def repeat(x: Any, repeats: Any, axis: Any = None) -> Value:
    return shapes.repeat(x, repeats, axis)


@of_keras("Pad", operands=2)
def pad(x: Any, constant_values: Any = None, pad_width: Any = _REQUIRED, mode: str = "constant") -> Value:
    return shapes.pad(x, pad_width, mode, constant_values)


# --- products -----------------------------------------------------------------------------------------------


def _outer(x1: Any, x2: Any) -> Value:
    a, b = _alike(x1, x2)
    return op.Reshape(a, [-1, 1]) * op.Reshape(b, [1, -1])


def _inner(x1: Any, x2: Any) -> Value:
    a, b = _alike(x1, x2)
    return arithmetic.tensordot(a, b, [[-1], [-1]])


def _kron(x1: Any, x2: Any) -> Value:
    a, b = _alike(x1, x2)
    rank = builtins.max(_rank(a), _rank(b))
    a, b = (op.Unsqueeze(x, list(range(rank - _rank(x)))) if _rank(x) < rank else x for x in (a, b))
    product = op.Unsqueeze(a, list(range(1, 2 * rank, 2))) * op.Unsqueeze(b, list(range(0, 2 * rank, 2)))
    sizes = op.Mul(op.Shape(a), op.Shape(b))
    return op.Reshape(product, sizes)


_enter(
    operands=2,
    Outer=_outer,
    Inner=_inner,
    Vdot=lambda x1, x2: K.sum(_outer_product(x1, x2)),
    Kron=_kron,
    Tensordot=lambda x1, x2, axes=2: arithmetic.tensordot(x1, x2, axes),
)


def _outer_product(x1: Any, x2: Any) -> Value:
    a, b = _alike(x1, x2)
    return op.Reshape(a, [-1]) * op.Reshape(b, [-1])


@of_keras("Cross", operands=2)
def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Value:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = _alike(x1, x2)
    return _move_axis(arithmetic.cross(_move_axis(a, axisa, -1), _move_axis(b, axisb, -1)), -1, axisc)


@of_keras("Diagonal")
def diagonal(x: Value, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
    rest = [a for a in range(_rank(x)) if a not in (_axis(x, axis1), _axis(x, axis2))]
    y = op.Transpose(x, perm=[*rest, _axis(x, axis1), _axis(x, axis2)])
    rows, columns = _size(x, axis1), _size(x, axis2)
    count = builtins.min(rows + builtins.min(offset, 0), columns - builtins.max(offset, 0))
    places = _up_to(builtins.max(count, 0))
    flat = (places + builtins.max(-offset, 0)) * columns + places + builtins.max(offset, 0)
    return op.Gather(op.Reshape(y, [*[0] * len(rest), -1]), flat, axis=-1)


@of_keras("Trace")
def trace(x: Value, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
    return K.sum(diagonal(x, offset, axis1, axis2), axis=-1)


@of_keras("Diagflat")
def diagflat(x: Value, k: int = 0) -> Value:
    flat = op.Reshape(x, [-1])
    count = math.prod(_size(x, a) for a in range(_rank(x)))
    return (
        op.Unsqueeze(flat, [1 if k >= 0 else 0]) * _tensor(_unit(count, count), x)
        if not k
        else _off_diagonal(flat, count, k)
    )


def _off_diagonal(flat: Value, count: int, k: int) -> Value:
    matrix = op.Unsqueeze(flat, [-1]) * _tensor(_unit(count, count), flat)
    ends = [0, k, k, 0] if k > 0 else [-k, 0, 0, -k]
    return op.Pad(matrix, ends)


@of_keras("Diag")
def diag(x: Value, k: int = 0) -> Value:
    return diagflat(x, k) if _rank(x) == 1 else diagonal(x, k)


@of_keras("Vander")
def vander(x: Value, N: Any = None, increasing: bool = False) -> Value:
    count = _size(x, 0) if N is None else int(N)
    powers = _up_to(count) if increasing else _up_to(count)[::-1]
    return K.pow(op.Unsqueeze(_float(x), [-1]), _tensor(powers.astype("float32"), _float(x)))


@of_keras("CDist", operands=2, module="math")
def cdist(x: Any, y: Any) -> Value:
    x, y = _alike(x, y)
    differences = op.Unsqueeze(x, [-2]) - op.Unsqueeze(y, [-3])
    return K.sqrt(K.sum(K.square(differences), axis=-1))


@of_keras("Corrcoef")
def corrcoef(x: Value) -> Value:
    x = _float(x)
    centred = x - K.mean(x, axis=-1, keepdims=True)
    products = op.MatMul(centred, op.Transpose(centred, perm=[1, 0]))
    lengths = K.sqrt(K.sum(K.square(centred), axis=-1))
    return products / (op.Unsqueeze(lengths, [0]) * op.Unsqueeze(lengths, [1]))


_enter(module="linalg", Det=lambda x: op.Det(x))
_enter(module="math", Logdet=lambda x: K.log(op.Det(x)))
