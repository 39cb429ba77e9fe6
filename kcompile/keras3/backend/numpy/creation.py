"""Tensors made of sizes and numbers."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from keras.src.backend.common import standardize_dtype
from keras.src.backend.config import floatx

from kcompile.ir import Constant, EagerTensor, Value, op
from kcompile.keras.backend.tensors import shape_vector

from ..promotion import as_type, in_type, promoted, result_type, type_of
from ..tensors import as_torch, as_value, eager_only, numpy_of, operation, publish, to_torch_dtype
from .elementwise import number
from .shapes import as_list, numbers


def _kind(dtype: Any) -> str:
    return str(standardize_dtype(dtype))


def _filled(shape: Any, value: Value) -> Value:
    return op.Expand(value, shape_vector(shape if isinstance(shape, Value) else as_list(shape)))


@operation
def zeros(shape: Any, dtype: Any = None) -> Value:
    """Zeros; ``floatx`` unless a type is named."""
    return _filled(shape, in_type(0, _kind(dtype)))


@operation
def ones(shape: Any, dtype: Any = None) -> Value:
    """Ones; ``floatx`` unless a type is named."""
    return _filled(shape, in_type(1, _kind(dtype)))


@operation
def empty(shape: Any, dtype: Any = None) -> Value:
    """Zeros, since any numbers are allowed."""
    return zeros(shape, dtype)


@operation
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Value:
    """One value everywhere, or one that is repeated along the first axes."""
    return _filled(shape, in_type(fill_value, _kind(dtype)))


def _like(x: Any, value: Any, dtype: Any) -> Value:
    x = as_value(x)
    given = in_type(value, x.dtype.name if dtype is None else _kind(dtype))
    return op.Expand(given, op.Shape(x))


@operation
def zeros_like(x: Any, dtype: Any = None) -> Value:
    """Zeros in the shape of ``x``."""
    return _like(x, 0, dtype)


@operation
def ones_like(x: Any, dtype: Any = None) -> Value:
    """Ones in the shape of ``x``."""
    return _like(x, 1, dtype)


@operation
def empty_like(x: Any, dtype: Any = None) -> Value:
    """Zeros in the shape of ``x``, since any numbers are allowed."""
    return _like(x, 0, dtype)


@operation
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Value:
    """One value in the shape of ``x``."""
    return _like(x, fill_value, dtype)


@operation
def array(x: Any, dtype: Any = None) -> Value:
    """What is given, as a tensor."""
    return as_type(x, dtype)


@eager_only
def view(x: Any, dtype: Any = None) -> torch.Tensor:
    """The same bytes read as another type."""
    return as_torch(x).contiguous().view(to_torch_dtype(dtype))


# --- rows of numbers ----------------------------------------------------------------------------------------


@operation
def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Value:
    """start, start + step, ... below ``stop``; from 0 to ``start`` where there is no ``stop``."""
    given = [x for x in (start, stop, step) if x is not None]
    kind = result_type(*map(_type_of, given)) if dtype is None else _kind(dtype)
    first, last = (0, start) if stop is None else (start, stop)
    by = 1 if step is None else step
    if any(isinstance(x, Value) and not isinstance(x, Constant | EagerTensor) for x in (first, last, by)):
        a, b, c = promoted(first, last, by)
        return in_type(op.Range(a, b, c), kind)
    first, last, by = (numbers(x) for x in (first, last, by))
    return in_type(Constant(np.arange(first, last, by)), kind)


def _type_of(x: Any) -> Any:
    return x.dtype if hasattr(x, "dtype") else type(x)


def _ends(start: Any, stop: Any, dtype: Any) -> tuple[str, str, Value, Value]:
    """The types of the result and of computing, and both ends."""
    ends = [x if type(x) in (int, float) else as_value(x) for x in (start, stop)]
    kind = result_type(*map(type_of, ends), float) if dtype is None else _kind(dtype)
    wide = kind if "float" in kind and kind not in ("float16", "bfloat16") else floatx()
    a, b = (in_type(x, wide) for x in ends)
    return kind, wide, a, b


def _spread(a: Value, b: Value, num: int, endpoint: bool, axis: int) -> Value:
    steps = max(num - 1 if endpoint else num, 1)
    part = in_type(Constant(np.arange(num) / steps), a.dtype.name)
    rank = max(len(a.shape or ()), len(b.shape or ()))
    at = axis if axis >= 0 else axis + rank + 1
    part = op.Reshape(part, [-1 if i == at else 1 for i in range(rank + 1)])
    if rank:
        both = op.Add(a, op.Sub(b, b)), op.Add(b, op.Sub(a, a))
        a, b = (op.Unsqueeze(x, [at]) for x in both)
    return op.Add(op.Mul(a, op.Sub(number(1, part), part)), op.Mul(b, part))


@operation
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0,
) -> Any:  # fmt: skip
    """Numbers at equal distances, the last one ``stop`` or, without ``endpoint``, one before."""
    kind, wide, a, b = _ends(start, stop, dtype)
    line = _spread(a, b, int(num), endpoint, axis)
    if "float" not in kind:
        line = op.Floor(line)
    line = in_type(line, kind)
    if not retstep:
        return line
    steps = num - 1 if endpoint else num
    step = op.Div(op.Sub(b, a), number(steps, a)) if steps > 0 else in_type(float("nan"), wide)
    return line, in_type(step, kind)


@operation
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10, dtype: Any = None,
    axis: int = 0,
) -> Value:  # fmt: skip
    """``base`` to the power of numbers at equal distances."""
    kind, wide, a, b = _ends(start, stop, dtype)
    line = _spread(a, b, int(num), endpoint, axis)
    return in_type(op.Pow(in_type(base, wide), line), kind)


@operation
def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Value:
    """Numbers of equal ratios."""
    kind, _, a, b = _ends(start, stop, dtype)
    sign = op.Sign(a)
    a, b = op.Log(op.Abs(a)), op.Log(op.Abs(b))
    line = op.Exp(_spread(a, b, int(num), endpoint, axis))
    if sign.rank:
        sign = op.Unsqueeze(sign, [axis])
    return in_type(op.Mul(line, sign), kind)


# --- matrices -----------------------------------------------------------------------------------------------


@operation
def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Value:
    """Ones on a diagonal, ``k`` above the main one."""
    rows, columns = (operator.index(numbers(n)) for n in (N, N if M is None else M))
    return in_type(Constant(np.eye(rows, columns, int(numbers(k or 0)), dtype=bool)), _kind(dtype))


@operation
def identity(n: Any, dtype: Any = None) -> Value:
    """The unit matrix."""
    return eye(n, dtype=dtype)


@operation
def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Value:
    """Ones on and below a diagonal."""
    rows, columns = (operator.index(numbers(n)) for n in (N, N if M is None else M))
    return in_type(Constant(np.tri(rows, columns, int(numbers(k)), dtype=bool)), _kind(dtype))


@operation
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Value:
    """The powers of each element, the highest first unless ``increasing``."""
    x = as_value(x)
    kind = result_type(x.dtype)
    count = (x.shape or (0,))[0] if N is None else N
    powers = np.arange(count) if increasing else np.arange(count)[::-1]
    wide = in_type(x, "int64") if x.dtype.kind in "biu" else x
    return in_type(op.Pow(op.Unsqueeze(wide, [-1]), in_type(Constant(powers), wide.dtype.name)), kind)


@operation
def meshgrid(*x: Any, indexing: str = "xy") -> list[Value]:
    """The coordinates of a grid, one tensor for each axis.

    Raises:
        ValueError: for another ``indexing`` than "xy" and "ij".
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"`indexing` should be 'xy' or 'ij'. Received: indexing={indexing}")
    given = [op.Reshape(as_value(y), [-1]) for y in x]
    count = len(given)
    places = list(range(count))
    if indexing == "xy" and count > 1:
        places[0], places[1] = 1, 0
    sizes = [op.Shape(given[places.index(i)]) for i in range(count)]
    shape = op.Concat(*sizes, axis=0) if count > 1 else sizes[0]
    return [
        op.Expand(op.Reshape(y, [-1 if i == at else 1 for i in range(count)]), shape)
        for y, at in zip(given, places, strict=True)
    ]


# --- windows ------------------------------------------------------------------------------------------------


def _window(x: Any, compute: Any) -> Value:
    """A window of so many points; its length is a number that a graph must know."""
    length = int(numpy_of(as_value(x)))
    return in_type(Constant(np.asarray(compute(length))), floatx())


@operation
def bartlett(x: Any) -> Value:
    """The triangular window of that many points."""
    return _window(x, np.bartlett)


@operation
def blackman(x: Any) -> Value:
    """Blackman's window of that many points."""
    return _window(x, np.blackman)


@operation
def hamming(x: Any) -> Value:
    """Hamming's window of that many points."""
    return _window(x, np.hamming)


@operation
def hanning(x: Any) -> Value:
    """Hann's window of that many points."""
    return _window(x, np.hanning)


@operation
def kaiser(x: Any, beta: Any) -> Value:
    """Kaiser's window of that many points."""
    return _window(x, lambda length: np.kaiser(length, float(numpy_of(as_value(beta)))))


publish(globals())
