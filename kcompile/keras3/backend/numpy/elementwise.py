"""Functions of one tensor, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from kcompile.ir import Value, op

from ..promotion import floating, in_type, is_wide_in_graphs, numeric, past_bfloat16
from ..tensors import as_torch_tensor, as_value, is_complex, of_complex, of_plain, operation, publish

Function = Callable[[Any], Any]


def named(
    name: str, doc: str, directly: Callable[..., Any] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a function its name and what it says of itself, before it becomes one of the backend.

    Args:
        directly: as ``operation`` has it.
    """

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__name__ = function.__qualname__ = name
        function.__doc__ = doc
        return operation(function, directly)

    return enter


#: What is one function of PyTorch as it is one operator.
_DIRECTLY = {name: getattr(torch, name) for name in ("cos", "exp", "log", "sin", "sqrt", "tanh")}


def _floating(name: str, emit: Callable[[Value], Value], doc: str = "") -> Function:
    """A function of floating-point numbers; integers and truth values are cast first."""

    def function(x: Any) -> Value:
        return compute(floating(x))

    compute = past_bfloat16(emit)
    directly = of_plain(_DIRECTLY[name]) if name in _DIRECTLY else None
    return named(name, doc or f"{name} of each element, in a floating type.", directly)(function)


def number(x: float, like: Value) -> Value:
    """A number in the type of a value."""
    return in_type(x, like.dtype.name)


# --- exponents and logarithms -------------------------------------------------------------------------------


def _expm1(x: Value) -> Value:
    """tanh(x/2) (exp(x) + 1), which loses no digits near 0."""
    return op.Mul(op.Tanh(op.Mul(x, number(0.5, x))), op.Add(op.Exp(x), number(1, x)))


def _log1p(x: Value) -> Value:
    """Near 0 by the inverse of tanh, which loses no digits there."""
    near = op.Less(op.Abs(x), number(0.5, x))
    small = op.Where(near, x, number(0, x))
    precise = op.Mul(op.Atanh(op.Div(small, op.Add(small, number(2, x)))), number(2, x))
    return op.Where(near, precise, op.Log(op.Add(x, number(1, x))))


def _base(base: float) -> Callable[[Value], Value]:
    return lambda x: op.Div(op.Log(x), number(math.log(base), x))


exp = _floating("exp", op.Exp)
exp2 = _floating("exp2", lambda x: op.Pow(number(2, x), x), "2 to the power of each element.")
expm1 = _floating("expm1", _expm1, "exp(x) - 1, to full precision near 0.")
log = _floating("log", op.Log)
log1p = _floating("log1p", _log1p, "log(1 + x), to full precision near 0.")
log2 = _floating("log2", _base(2), "Logarithms to the base 2.")
log10 = _floating("log10", _base(10), "Logarithms to the base 10.")
sqrt = _floating("sqrt", op.Sqrt, "Square roots.")
reciprocal = _floating("reciprocal", op.Reciprocal, "1 / x.")


def _cbrt(x: Value) -> Value:
    return op.Mul(op.Sign(x), op.Pow(op.Abs(x), number(1 / 3, x)))


cbrt = _floating("cbrt", _cbrt, "Cube roots.")

# --- angles -------------------------------------------------------------------------------------------------


def _sinc(x: Value) -> Value:
    angle = op.Mul(x, number(math.pi, x))
    zero = op.Equal(x, number(0, x))
    one = number(1, x)
    return op.Where(zero, one, op.Div(op.Sin(angle), op.Where(zero, one, angle)))


arccos = _floating("arccos", op.Acos)
arccosh = _floating("arccosh", op.Acosh)
arcsin = _floating("arcsin", op.Asin)
arcsinh = _floating("arcsinh", op.Asinh)
arctan = _floating("arctan", op.Atan)
arctanh = _floating("arctanh", op.Atanh)
cos = _floating("cos", op.Cos)
cosh = _floating("cosh", op.Cosh)
sin = _floating("sin", op.Sin)
sinh = _floating("sinh", op.Sinh)
tan = _floating("tan", op.Tan)
tanh = _floating("tanh", op.Tanh)
sinc = _floating("sinc", _sinc, "sin(pi x) / (pi x), 1 at 0.")
deg2rad = _floating("deg2rad", lambda x: op.Mul(x, number(math.pi / 180, x)), "Degrees as radians.")
rad2deg = _floating("rad2deg", lambda x: op.Mul(x, number(180 / math.pi, x)), "Radians as degrees.")

# --- signs and rounding -------------------------------------------------------------------------------------

ceil = _floating("ceil", op.Ceil, "The next whole numbers above, in a floating type.")
floor = _floating("floor", op.Floor, "The next whole numbers below, in a floating type.")


@operation
def trunc(x: Any) -> Value:
    """Whole numbers towards 0; integers as they are."""
    x = as_value(x)
    if x.dtype.kind in "biu":
        return x
    return op.Mul(op.Sign(x), op.Floor(op.Abs(x)))


@operation
def round(x: Any, decimals: int = 0) -> Value:
    """To that many decimals, halves to the even one; integers keep their type."""
    x = as_value(x)
    if x.dtype.kind in "biu":
        if decimals >= 0:
            return x
        return in_type(_rounded(floating(x), decimals), x.dtype.name)
    return _rounded(x, decimals)


def _rounded(x: Value, decimals: int) -> Value:
    if is_wide_in_graphs(x):
        return in_type(_rounded(in_type(x, "float32"), decimals), "bfloat16")
    if not decimals:
        return op.Round(x)
    if decimals > 0:
        scale = number(10.0**decimals, x)
        return op.Div(op.Round(op.Mul(x, scale)), scale)
    scale = number(10.0**-decimals, x)
    return op.Mul(op.Round(op.Div(x, scale)), scale)


@operation
def absolute(x: Any) -> Value:
    """The distance from 0; truth values as they are."""
    x = as_value(x)
    if is_complex(x):
        return of_complex(torch.abs, x)
    return x if x.dtype.kind in "bu" else op.Abs(x)


abs = absolute
fabs = _floating("fabs", op.Abs, "The distance from 0, in a floating type.")


@operation
def negative(x: Any) -> Value:
    """-x."""
    x = as_value(x)
    return op.Sub(number(0, x), x) if x.dtype.kind == "u" else op.Neg(x)


@operation
def sign(x: Any) -> Value:
    """-1, 0 or 1 in the type of ``x``."""
    x = as_value(x)
    return x if x.dtype.kind == "b" else op.Sign(x)


@operation
def signbit(x: Any) -> Value:
    """Whether a number is below 0 or is -0.0."""
    x = as_value(x)
    if x.dtype.kind in "bu":
        return op.Less(numeric(x), number(0, numeric(x)))
    below = op.Less(x, number(0, x))
    if x.dtype.kind == "i":
        return below
    zero = op.Equal(x, number(0, x))
    return op.Or(below, op.And(zero, op.Less(op.Reciprocal(x), number(0, x))))


@operation
def square(x: Any) -> Value:
    """x times x; truth values as int32."""
    x = numeric(x)
    return op.Mul(x, x)


@operation
def nan_to_num(x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Value:
    """Numbers in place of NaN and infinities, which become the largest and the smallest of the type."""
    x = as_value(x)
    if x.dtype.kind in "biu":
        return x
    limits = torch.finfo(getattr(torch, x.dtype.name))
    high, low = (limits.max if posinf is None else posinf), (limits.min if neginf is None else neginf)
    x = op.Where(op.IsNaN(x), in_type(nan, x.dtype.name), x)
    x = op.Where(op.IsInf(x, detect_negative=0), in_type(high, x.dtype.name), x)
    return op.Where(op.IsInf(x, detect_positive=0), in_type(low, x.dtype.name), x)


# --- complex numbers ----------------------------------------------------------------------------------------


@operation
def conjugate(x: Any) -> Value:
    """Complex numbers with the sign of the imaginary part turned; real ones as they are."""
    x = as_value(x)
    return of_complex(lambda z: torch.conj(z).resolve_conj(), x) if is_complex(x) else x


conj = conjugate


@operation
def real(x: Any) -> Value:
    """The real part."""
    x = as_value(x)
    return of_complex(torch.real, x) if is_complex(x) else x


@operation
def imag(x: Any) -> Value:
    """The imaginary part: 0 for real numbers."""
    x = as_value(x)
    return of_complex(torch.imag, x) if is_complex(x) else op.Expand(number(0, x), op.Shape(x))


@operation
def angle(x: Any) -> Value:
    """The angle of complex numbers, in radians: 0 or pi for real ones."""
    x = as_value(x)
    if is_complex(x):
        return of_complex(torch.angle, x)
    x = floating(x)
    turned = op.Where(signbit(x), number(math.pi, x), number(0, x))
    return op.Where(op.IsNaN(x), x, turned)


@operation
def copy(x: Any) -> Value:
    """A tensor of the same elements in memory of its own."""
    x = as_value(x)
    return as_value(as_torch_tensor(x).clone()) if hasattr(x, "interpreter") else op.Identity(x)


# --- Bessel's function --------------------------------------------------------------------------------------

# I0(x) = sum (x^2/4)^k / k!^2 to |x| = 3.75; beyond, exp(|x|) / sqrt(|x|) times a series in 3.75 / |x|
# (Abramowitz and Stegun 1964, 9.8.1 and 9.8.2).
_NEAR = (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813)
_FAR = (
    0.39894228, 0.01328592, 0.00225319, -0.00157565, 0.00916281, -0.02057706, 0.02635537, -0.01647633,
    0.00392377,
)  # fmt: skip


def _polynomial(x: Value, coefficients: tuple[float, ...]) -> Value:
    found = number(coefficients[-1], x)
    for c in reversed(coefficients[:-1]):
        found = op.Add(op.Mul(found, x), number(c, x))
    return found


def _i0(x: Value) -> Value:
    size = op.Abs(x)
    is_near = op.LessOrEqual(size, number(3.75, x))
    near = op.Where(is_near, size, number(0, x))
    far = op.Where(is_near, number(3.75, x), size)
    ratio = op.Div(near, number(3.75, x))
    close = _polynomial(op.Mul(ratio, ratio), _NEAR)
    beyond = op.Mul(op.Div(op.Exp(far), op.Sqrt(far)), _polynomial(op.Div(number(3.75, x), far), _FAR))
    return op.Where(is_near, close, beyond)


i0 = _floating("i0", _i0, "The modified Bessel function of the first kind, of order 0.")


publish(globals())
