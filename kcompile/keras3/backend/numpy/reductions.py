"""Sums, means, extremes and their like, along axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcompile.ir import Value, op
from kcompile.keras import backend as K

from ..promotion import as_type, counting, floating, in_type, numeric, promoted, result_type
from ..tensors import as_value, operation, publish
from .elementwise import named, number
from .logic import truth

Axis = Any


def axes_of(x: Value, axis: Axis) -> list[int] | None:
    """The axes counted from the front; None for all.

    Raises:
        ValueError: for an axis that there is not.
    """
    if axis is None:
        return None
    rank = x.rank or 0
    found = []
    for given in axis if isinstance(axis, list | tuple) else [axis]:
        if not -rank <= given < rank:
            raise ValueError(
                f"axis {given} is out of bounds for array of dimension {rank}. Received: x.shape={x.shape}"
            )
        found.append(int(given) % rank)
    return found


def reduced(operator: str, x: Value, axis: Axis, keepdims: bool) -> Value:
    """One of ONNX's reductions; without axes, an empty list, the tensor stays as it is."""
    axes = axes_of(x, axis)
    if axes == [] or x.rank == 0:
        return x
    emit = getattr(op, operator)
    if x.dtype.kind in "iu" and x.dtype.itemsize < 4:  # ONNX reduces only some of the narrow types
        return in_type(emit(in_type(x, "int32"), axes, keepdims=int(keepdims)), x.dtype.name)
    return emit(x, axes, keepdims=int(keepdims))  # type: ignore[no-any-return]


@operation
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """Sums along axes; of truth values and narrow integers, in 32 bits."""
    return reduced("ReduceSum", counting(x), axis, keepdims)


@operation
def prod(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Value:
    """Products along axes; of truth values and narrow integers, in 32 bits."""
    x = counting(x) if dtype is None else as_type(x, dtype)
    return reduced("ReduceProd", x, axis, keepdims)


@operation
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """Means along axes, in a floating type."""
    return reduced("ReduceMean", floating(x), axis, keepdims)


@operation
def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """Variances along axes, of the population."""
    kind = result_type(as_value(x).dtype, float)
    x = floating(x)
    if x.dtype.itemsize < 4:
        x = in_type(x, "float32")
    apart = op.Sub(x, reduced("ReduceMean", x, axis, True))
    return in_type(reduced("ReduceMean", op.Mul(apart, apart), axis, keepdims), kind)


@operation
def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """Standard deviations along axes, of the population."""
    return op.Sqrt(var(x, axis, keepdims))


@operation
def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """Whether one is true."""
    return in_type(reduced("ReduceMax", in_type(truth(x), "int32"), axis, keepdims), "bool")


@operation
def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """Whether all are true."""
    return in_type(reduced("ReduceMin", in_type(truth(x), "int32"), axis, keepdims), "bool")


@operation
def count_nonzero(x: Any, axis: Axis = None) -> Value:
    """How many are not 0, as int32."""
    return reduced("ReduceSum", in_type(truth(x), "int32"), axis, False)


# --- extremes -----------------------------------------------------------------------------------------------


def _extreme(name: str, operator: str, join: Callable[[Value, Value], Value]) -> Callable[..., Any]:
    def function(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Value:
        x = as_value(x)
        if 0 in (x.shape or ()) and initial is None:
            raise ValueError(f"Cannot compute the {name} of an empty tensor.")
        kind, x = x.dtype.name, numeric(x)
        if initial is not None and 0 in (x.shape or ()):
            return _filled(x, axis, keepdims, in_type(initial, kind))
        found = in_type(reduced(operator, x, axis, keepdims), kind)
        if initial is None:
            return found
        return in_type(join(numeric(found), in_type(initial, x.dtype.name)), kind)

    return named(name, "The extreme elements along axes; ``initial`` takes part in them.")(function)


def _filled(x: Value, axis: Axis, keepdims: bool, value: Value) -> Value:
    """What a reduction of no elements gives: its initial value."""
    axes = axes_of(x, axis)
    taken = range(x.rank or 0) if axes is None else axes
    sizes: list[Any] = [1 if i in taken else n for i, n in enumerate(x.shape or ())]
    return op.Expand(value, sizes if keepdims else [n for i, n in enumerate(sizes) if i not in taken])


max = _extreme("max", "ReduceMax", lambda x, y: op.Max(x, y))
min = _extreme("min", "ReduceMin", lambda x, y: op.Min(x, y))


@operation
def amax(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """The largest elements along axes."""
    return max(x, axis, keepdims)  # type: ignore[no-any-return]


@operation
def amin(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """The smallest elements along axes."""
    return min(x, axis, keepdims)  # type: ignore[no-any-return]


@operation
def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """The largest less the smallest element along axes."""
    return op.Sub(max(x, axis, keepdims), min(x, axis, keepdims))


def _place(name: str, operator: str) -> Callable[..., Any]:
    def function(x: Any, axis: int | None = None, keepdims: bool = False) -> Value:
        x = numeric(x)
        rank = x.rank or 0
        flat = op.Reshape(x, [-1]) if axis is None or rank == 0 else x
        found = getattr(op, operator)(flat, axis=0 if axis is None or rank == 0 else axis, keepdims=0)
        if keepdims and rank:
            found = op.Unsqueeze(found, list(range(rank)) if axis is None else [axis])
        return in_type(found, "int32")

    return named(name, "The places of the extreme elements along an axis, as int32; the first of equals.")(
        function
    )


argmax = _place("argmax", "ArgMax")
argmin = _place("argmin", "ArgMin")

# --- running ------------------------------------------------------------------------------------------------


def _running(name: str, emit: Callable[[Value, int], Value]) -> Callable[..., Any]:
    def function(x: Any, axis: int | None = None, dtype: Any = None) -> Value:
        x = numeric(x) if dtype is None else numeric(as_type(x, dtype))
        narrow = x.dtype.kind in "iu" and x.dtype.itemsize < 4
        wide = in_type(x, "int32") if narrow else x
        if axis is None:
            return in_type(emit(op.Reshape(wide, [-1]), 0), x.dtype.name)
        return in_type(emit(wide, (axes_of(x, axis) or [0])[0]), x.dtype.name)

    return named(name, "Running sums or products along an axis, or over all elements.")(function)


cumsum = _running("cumsum", K.cumsum)
cumprod = _running("cumprod", K.cumprod)


@operation
def average(x: Any, axis: Axis = None, weights: Any = None) -> Value:
    """Means along axes, weighted if there are weights: of the shape of ``x``, or a vector for one axis."""
    if weights is None:
        x = in_type(floating(x), result_type(as_value(x).dtype, float))
        return reduced("ReduceMean", x, axis, False)
    x, weights = promoted(x, weights, also=(float,))
    axes = axes_of(x, axis)
    if axes == []:
        return x
    if weights.rank == 1 and (x.rank or 0) > 1 and axes is not None:
        weights = op.Reshape(weights, [-1 if i == axes[0] else 1 for i in range(x.rank or 0)])
    total = reduced("ReduceSum", op.Expand(weights, op.Shape(x)), axis, False)
    return op.Div(reduced("ReduceSum", op.Mul(x, weights), axis, False), total)


# --- past what is no number ---------------------------------------------------------------------------------


def is_integral(x: Value) -> bool:
    """Whether a type has no NaN."""
    return x.dtype.kind in "biu"


def without_nan(x: Value, instead: float) -> Value:
    """``x`` with a number in place of NaN."""
    return x if is_integral(x) else op.Where(op.IsNaN(x), number(instead, x), x)


def none_known(x: Value, axis: Axis, keepdims: bool) -> Value:
    """Whether all along axes are NaN."""
    return in_type(reduced("ReduceMin", in_type(op.IsNaN(x), "int32"), axis, keepdims), "bool")


@operation
def nansum(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """Sums along axes, past NaN."""
    return sum(without_nan(as_value(x), 0), axis, keepdims)


@operation
def nanprod(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """Products along axes, past NaN."""
    return prod(without_nan(as_value(x), 1), axis, keepdims)


@operation
def nanmean(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """Means along axes, past NaN."""
    x = floating(x)
    if axes_of(x, axis) == []:
        return x
    known = in_type(op.Not(op.IsNaN(x)), x.dtype.name)
    count = reduced("ReduceSum", known, axis, keepdims)
    return op.Div(reduced("ReduceSum", without_nan(x, 0), axis, keepdims), count)


@operation
def nanvar(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """Variances along axes, past NaN."""
    x = floating(x)
    apart = op.Sub(x, nanmean(x, axis, True))
    return nanmean(op.Mul(apart, apart), axis, keepdims)


@operation
def nanstd(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
    """Standard deviations along axes, past NaN."""
    return op.Sqrt(nanvar(x, axis, keepdims))


def _past_nan(name: str, reduce: Callable[..., Value], worst: float, none: Any) -> Callable[..., Any]:
    """An extreme or its place.

    Args:
        worst: what stands for NaN.
        none: the result where all are NaN.
    """

    def function(x: Any, axis: Axis = None, keepdims: bool = False) -> Value:
        x = as_value(x)
        if is_integral(x):
            return reduce(x, axis, keepdims)
        if axis == () or axis == []:
            return x
        found = reduce(without_nan(x, worst), axis, keepdims)
        return op.Where(none_known(x, axis, keepdims), number(none, found), found)

    return named(name, "The extreme along axes, past NaN; where all are NaN: NaN, or -1 for the place.")(
        function
    )


_INF = float("inf")
nanmax = _past_nan("nanmax", max, -_INF, float("nan"))
nanmin = _past_nan("nanmin", min, _INF, float("nan"))
nanargmax = _past_nan("nanargmax", argmax, -_INF, -1)
nanargmin = _past_nan("nanargmin", argmin, _INF, -1)


@operation
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Value:
    """Running sums, past NaN."""
    return cumsum(without_nan(as_value(x), 0), axis, dtype)  # type: ignore[no-any-return]


@operation
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Value:
    """Running products, past NaN."""
    return cumprod(without_nan(as_value(x), 1), axis, dtype)  # type: ignore[no-any-return]


publish(globals())
