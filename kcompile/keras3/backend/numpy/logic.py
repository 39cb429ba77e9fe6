"""Comparisons, truth values and choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from kcompile.ir import Value, op
from kcompile.keras import backend as K

from ..promotion import in_type, promoted, result_type, type_of
from ..tensors import as_value, is_complex, of_complex, of_plain, operation, publish
from .elementwise import Function, named, number

Pair = Callable[[Value, Value], Value]


def _compared(name: str, emit: Pair, doc: str, ordered: bool = True) -> Callable[[Any, Any], Any]:
    """A comparison; ONNX puts no truth values in order."""

    def function(x1: Any, x2: Any) -> Value:
        a, b = promoted(x1, x2)
        if ordered and a.dtype.kind == "b":
            a, b = in_type(a, "int32"), in_type(b, "int32")
        return emit(a, b)

    return named(name, doc, of_plain(_DIRECTLY.get(name) or getattr(torch, name)))(function)


_DIRECTLY = {"equal": torch.eq}  # torch.equal is one answer for all

equal = _compared("equal", op.Equal, "Whether x1 == x2.", ordered=False)
not_equal = _compared("not_equal", lambda a, b: op.Not(op.Equal(a, b)), "Whether x1 != x2.", ordered=False)
greater = _compared("greater", op.Greater, "Whether x1 > x2.")
greater_equal = _compared("greater_equal", op.GreaterOrEqual, "Whether x1 >= x2.")
less = _compared("less", op.Less, "Whether x1 < x2.")
less_equal = _compared("less_equal", op.LessOrEqual, "Whether x1 <= x2.")


def truth(x: Any) -> Value:
    """Whether each element is not 0."""
    x = as_value(x)
    return x if x.dtype.kind == "b" else in_type(x, "bool")


def _logical(name: str, emit: Pair, doc: str) -> Callable[[Any, Any], Any]:
    def function(x1: Any, x2: Any) -> Value:
        return emit(truth(x1), truth(x2))

    return named(name, doc)(function)


logical_and = _logical("logical_and", op.And, "Whether both are true.")
logical_or = _logical("logical_or", op.Or, "Whether one is true.")
logical_xor = _logical("logical_xor", op.Xor, "Whether one alone is true.")


@operation
def logical_not(x: Any) -> Value:
    """Whether each element is 0."""
    return op.Not(truth(x))


# --- what numbers are ---------------------------------------------------------------------------------------


def _never(x: Value) -> Value:
    return op.Not(op.Equal(x, x))


def _asked(name: str, emit: Callable[[Value], Value], doc: str) -> Function:
    """A question about floating numbers, which integers answer with no."""

    def function(x: Any) -> Value:
        x = as_value(x)
        return _never(x) if x.dtype.kind in "biu" else emit(x)

    return named(name, doc)(function)


isnan = _asked("isnan", op.IsNaN, "Whether a number is NaN.")
isinf = _asked("isinf", op.IsInf, "Whether a number is infinite.")
isposinf = _asked("isposinf", lambda x: op.IsInf(x, detect_negative=0), "Whether a number is inf.")
isneginf = _asked("isneginf", lambda x: op.IsInf(x, detect_positive=0), "Whether a number is -inf.")


@operation
def isfinite(x: Any) -> Value:
    """Whether a number is neither NaN nor infinite."""
    x = as_value(x)
    if x.dtype.kind in "biu":
        return op.Equal(x, x)
    return op.Not(op.Or(op.IsNaN(x), op.IsInf(x)))


@operation
def isreal(x: Any) -> Value:
    """Whether a number has no imaginary part."""
    x = as_value(x)
    return of_complex(torch.isreal, x) if is_complex(x) else op.Not(op.And(op.Equal(x, x), _never(x)))


@operation
def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Value:
    """Whether |x1 - x2| <= atol + rtol |x2|; infinities are close to themselves."""
    a, b = promoted(x1, x2)
    same = op.Equal(a, b)
    if a.dtype.kind in "biu":
        return same
    bound = op.Add(op.Mul(op.Abs(b), number(rtol, b)), number(atol, b))
    near = op.And(op.LessOrEqual(op.Abs(op.Sub(a, b)), bound), op.Not(op.IsInf(b)))
    near = op.Or(near, same)
    return op.Or(near, op.And(op.IsNaN(a), op.IsNaN(b))) if equal_nan else near


@operation
def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Value:
    """Whether all elements are close."""
    return K.all(isclose(x1, x2, rtol, atol, equal_nan))


@operation
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Value:
    """Whether each element of ``x1`` is one of ``x2``."""
    a, b = promoted(x1, x2)
    hits = op.Equal(op.Unsqueeze(a, [-1]), op.Reshape(b, [-1]))
    found = K.any(hits, axis=-1)
    return op.Not(found) if invert else found


# --- choices ------------------------------------------------------------------------------------------------


@operation
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """``x1`` where the condition holds, else ``x2``; without them, the places where it holds."""
    if x1 is None or x2 is None:
        return in_type(op.NonZero(truth(condition)), "int32")
    a, b = promoted(x1, x2)
    return op.Where(truth(condition), a, b)


@operation
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Value:
    """The choice of the first condition that holds, else ``default``."""
    given = [x if type(x) in (int, float) else as_value(x) for x in (*choicelist, default)]
    kind = result_type(*map(type_of, given))
    *choices, found = (in_type(x, kind) for x in given)
    for condition, choice in reversed(list(zip(condlist, choices, strict=True))):
        found = op.Where(truth(condition), choice, found)
    return found


publish(globals())
