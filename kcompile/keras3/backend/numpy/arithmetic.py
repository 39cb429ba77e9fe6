"""Functions of two tensors, element by element: arithmetic, comparisons, logic and bits."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from kcompile.ir import Value, op
from kcompile.keras.operations import keras_ops

from ..promotion import in_type, numeric, past_bfloat16, promoted, result_type
from ..tensors import as_torch, as_value, dtype_of, eager_only, of_plain, operation, publish
from .elementwise import log1p, named, number

Pair = Callable[[Value, Value], Value]
Function = Callable[[Any, Any], Any]


def _pairs(
    name: str, emit: Pair, doc: str, also: tuple[Any, ...] = (), logical: Pair | None = None
) -> Function:
    """A function of two operands in the type of their result.

    Args:
        also: types that take part in it.
        logical: what it is for truth values, which most operators do not take.
    """

    def function(x1: Any, x2: Any) -> Value:
        a, b = promoted(x1, x2, also=also)
        return emit(a, b) if logical is None or a.dtype.kind != "b" else logical(a, b)

    return named(name, doc, _DIRECTLY.get(name))(function)


#: What PyTorch computes of two tensors as the operator does.
_DIRECTLY = {
    "add": of_plain(operator.add, numbers=True),
    "subtract": of_plain(operator.sub, numbers=True),
    "multiply": of_plain(operator.mul, numbers=True),
    "divide": of_plain(operator.truediv, numbers=True),
    "maximum": of_plain(torch.maximum),
    "minimum": of_plain(torch.minimum),
}


def _as_integers(emit: Pair) -> Pair:
    return lambda a, b: emit(in_type(a, "int32"), in_type(b, "int32"))


# --- arithmetic ---------------------------------------------------------------------------------------------

_FLOAT = (float,)

add = _pairs("add", op.Add, "x1 + x2; of truth values, or.", logical=op.Or)
subtract = _pairs("subtract", op.Sub, "x1 - x2.")
multiply = _pairs("multiply", op.Mul, "x1 * x2; of truth values, and.", logical=op.And)
divide = _pairs("divide", op.Div, "x1 / x2, in a floating type.", _FLOAT)
true_divide = divide


def _without_zero(a: Value, b: Value) -> Value:
    zero = op.Equal(b, number(0, b))
    return op.Where(zero, number(0, b), op.Div(a, op.Where(zero, number(1, b), b)))


divide_no_nan = _pairs("divide_no_nan", _without_zero, "x1 / x2, and 0 where x2 is 0.", _FLOAT)
floor_divide = _pairs(
    "floor_divide", lambda a, b: a // b, "x1 / x2, rounded down.", logical=_as_integers(lambda a, b: a // b)
)
mod = _pairs(
    "mod", lambda a, b: a % b, "The remainder, with the sign of x2.", logical=_as_integers(lambda a, b: a % b)
)
fmod = _pairs(
    "fmod",
    keras_ops.remainder,
    "The remainder, with the sign of x1.",
    logical=_as_integers(keras_ops.remainder),
)


def _power(a: Value, b: Value) -> Value:
    if a.dtype.kind in "iu" and a.dtype.name not in ("int32", "int64"):
        return in_type(op.Pow(in_type(a, "int64"), in_type(b, "int64")), a.dtype.name)
    return op.Pow(a, b)


@operation
def power(x1: Any, x2: Any) -> Value:
    """x1 to the power of x2."""
    if type(x2) in (int, float) and x2 == 2:
        a = promoted(x1, x2)[0]
        return op.Mul(a, a)
    a, b = promoted(x1, x2)
    return _as_integers(op.Pow)(a, b) if a.dtype.kind == "b" else _power(a, b)


maximum = _pairs("maximum", op.Max, "The larger one of two.", logical=op.Or)
minimum = _pairs("minimum", op.Min, "The smaller one of two.", logical=op.And)
fmax = _pairs("fmax", keras_ops.past_nan(op.Max), "The larger one of two, past NaN.", logical=op.Or)
fmin = _pairs("fmin", keras_ops.past_nan(op.Min), "The smaller one of two, past NaN.", logical=op.And)


@operation
def clip(x: Any, x_min: Any, x_max: Any) -> Value:
    """``x`` limited to a range, in its type; truth values as int32."""
    x = numeric(x)
    low, high = (_bound(y, x) for y in (x_min, x_max))
    wide, *bounds = promoted(x, *(y for y in (low, high) if y is not None))
    if all(y.rank == 0 for y in bounds):
        limits = iter(bounds)
        found = op.Clip(wide, *(None if y is None else next(limits) for y in (low, high)))
    else:
        found = wide if low is None else op.Max(wide, bounds[0])
        found = found if high is None else op.Min(found, bounds[-1])
    return in_type(found, x.dtype.name)


def _bound(y: Any, x: Value) -> Any:
    """A bound as it is; a whole number as the nearest that the type has."""
    if type(y) is not int or x.dtype.kind not in "iu":
        return y
    limits = np.iinfo(x.dtype)
    return min(max(y, int(limits.min)), int(limits.max))


# --- of floating numbers ------------------------------------------------------------------------------------


def _hypot(a: Value, b: Value) -> Value:
    return op.Sqrt(op.Add(op.Mul(a, a), op.Mul(b, b)))


def _apart(a: Value, b: Value) -> Value:
    """How far apart two are: 0 for equal infinities too."""
    return op.Where(op.Equal(a, b), number(0, a), op.Abs(op.Sub(a, b)))


def _logaddexp(a: Value, b: Value) -> Value:
    return op.Add(op.Max(a, b), log1p(op.Exp(op.Neg(_apart(a, b)))))


def _logaddexp2(a: Value, b: Value) -> Value:
    ratio = number(math.log(2), a)
    less = log1p(op.Exp(op.Neg(op.Mul(_apart(a, b), ratio))))
    return op.Add(op.Max(a, b), op.Div(less, ratio))


def _arctan2(y: Value, x: Value) -> Value:
    zero, pi = number(0, x), number(math.pi, x)
    upright = op.Equal(x, zero)
    angle = op.Atan(op.Div(y, op.Where(upright, number(1, x), x)))
    turned = op.Where(op.Less(y, zero), op.Sub(angle, pi), op.Add(angle, pi))
    half = op.Mul(op.Sign(y), number(math.pi / 2, x))
    return op.Where(upright, half, op.Where(op.Less(x, zero), turned, angle))


arctan2 = _pairs("arctan2", past_bfloat16(_arctan2), "The angle of the point (x2, x1), in radians.", _FLOAT)
hypot = _pairs("hypot", _hypot, "The length of (x1, x2).", _FLOAT)
logaddexp = _pairs("logaddexp", past_bfloat16(_logaddexp), "log(exp(x1) + exp(x2)) without overflow.", _FLOAT)
logaddexp2 = _pairs("logaddexp2", past_bfloat16(_logaddexp2), "log2(2**x1 + 2**x2) without overflow.", _FLOAT)
heaviside = _pairs("heaviside", keras_ops.heaviside, "0 below 0, 1 above 0, x2 at 0.", _FLOAT)


@operation
def ldexp(x1: Any, x2: Any) -> Value:
    """x1 times 2 to the power of x2.

    Raises:
        TypeError: if ``x2`` are no integers.
    """
    x1, x2 = as_value(x1), as_value(x2)
    if x2.dtype.kind not in "iu":
        raise TypeError(f"ldexp exponent must be an integer type. Received: x2 dtype={dtype_of(x2)}")
    a, b = promoted(x1, x2, also=_FLOAT)
    return op.Mul(a, op.Pow(number(2, a), b))


# --- of whole numbers ---------------------------------------------------------------------------------------


def _by_torch(name: str, compute: Callable[..., torch.Tensor], doc: str) -> Function:
    """A function of two operands that ONNX has no operators for."""

    def function(x1: Any, x2: Any) -> torch.Tensor:
        a, b = (as_torch(x) for x in (x1, x2))
        kind = result_type(dtype_of(a), dtype_of(b))
        narrow = kind in ("uint16", "uint32")
        a, b = (as_torch(x, "int64" if narrow else kind) for x in (a, b))
        return as_torch(compute(a, b), kind)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return eager_only(function)


gcd = _by_torch("gcd", torch.gcd, "The greatest common divisor.")
lcm = _by_torch("lcm", torch.lcm, "The least common multiple.")


@eager_only
def nextafter(x1: Any, x2: Any) -> torch.Tensor:
    """The next number that float64 has from x1 towards x2."""
    a, b = as_torch(x1), as_torch(x2)
    kind = result_type(dtype_of(a), dtype_of(b), float)
    return as_torch(torch.nextafter(as_torch(a, "float64"), as_torch(b, "float64")), kind)


# --- bits ---------------------------------------------------------------------------------------------------


@operation
def bitwise_invert(x: Any) -> Value:
    """Every bit turned."""
    x = as_value(x)
    return op.Not(x) if x.dtype.kind == "b" else op.BitwiseNot(x)


bitwise_not = bitwise_invert


def _of_bits(name: str, emit: Pair, doc: str, logical: Pair) -> Function:
    """As ``_pairs``; Keras names the operands of these otherwise."""

    def function(x: Any, y: Any) -> Value:
        a, b = promoted(x, y)
        return emit(a, b) if a.dtype.kind != "b" else logical(a, b)

    return named(name, doc)(function)


bitwise_and = _of_bits("bitwise_and", op.BitwiseAnd, "The bits that both have.", logical=op.And)
bitwise_or = _of_bits("bitwise_or", op.BitwiseOr, "The bits that one has.", logical=op.Or)
bitwise_xor = _of_bits("bitwise_xor", op.BitwiseXor, "The bits that one alone has.", logical=op.Xor)


def _shifted(name: str, left: bool) -> Function:
    def emit(a: Value, b: Value) -> Value:
        if a.dtype.kind == "u":
            return op.BitShift(a, b, direction="LEFT" if left else "RIGHT")
        factor = op.Pow(number(2, in_type(a, "int64")), in_type(b, "int64"))
        wide = in_type(a, "int64")
        return in_type(op.Mul(wide, factor) if left else wide // factor, a.dtype.name)

    return _of_bits(
        name,
        emit,
        f"The bits moved to the {'left' if left else 'right'} by y places.",
        logical=_as_integers(emit),
    )


bitwise_left_shift = left_shift = _shifted("bitwise_left_shift", True)
bitwise_right_shift = right_shift = _shifted("bitwise_right_shift", False)


publish(globals())
