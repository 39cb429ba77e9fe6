"""Arithmetic on sizes: what a graph computes from Shape and Size, on Python numbers instead of tensors.

So a reshape to ``(batch, -1)`` costs no tensor, waits for no device, and torch.compile can follow it. A value
without axes is an int here, or a float once it was cast to one (a mean over all elements divides by it), a
value of ints with one axis a tuple; ``HOST`` has the operators that stay within that.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

Sizes: TypeAlias = Any  # int, float or tuple[int, ...]


def to_tensor(sizes: Sizes, dtype: torch.dtype, device: str) -> Tensor:
    """Sizes for an operator that wants a tensor."""
    return torch.tensor(sizes, dtype=dtype, device=device)


def _tuple(x: Sizes) -> tuple[int, ...]:
    return tuple(x) if isinstance(x, tuple) else (x,)


def _elementwise(name: str, function: Callable[[Any, Any], Any]) -> Callable[..., Sizes]:
    """A function of two numbers on numbers and tuples, a tuple with one element fitting any other."""

    def apply(A: Sizes, B: Sizes) -> Sizes:
        if not isinstance(A, tuple) and not isinstance(B, tuple):
            return function(A, B)
        a, b = _tuple(A), _tuple(B)
        length = max(len(a), len(b)) if a and b else 0
        a, b = a * length if len(a) == 1 else a, b * length if len(b) == 1 else b
        return tuple(function(x, y) for x, y in zip(a, b, strict=True))

    apply.__name__ = apply.__qualname__ = name  # what generated code calls it
    return apply


def _div(a: Any, b: Any) -> Any:
    if isinstance(a, float | torch.SymFloat):
        return a / b if b else math.copysign(math.inf, a) if a else math.nan
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


Add = _elementwise("Add", operator.add)
Sub = _elementwise("Sub", operator.sub)
Mul = _elementwise("Mul", operator.mul)
Div = _elementwise("Div", _div)
Max = _elementwise("Max", max)
Min = _elementwise("Min", min)


def Shape(data: Tensor, *, start: int = 0, end: int | None = None) -> Sizes:
    return tuple(data.shape[start:end])


def Size(data: Tensor) -> Sizes:
    return data.numel()


def Cast(input: Sizes, *, to: torch.dtype) -> Sizes:
    if to.is_floating_point:
        return input * 1.0
    return int(input) if isinstance(input, float | torch.SymFloat) else input


def Concat(*inputs: Sizes, axis: int) -> Sizes:
    return tuple(size for part in inputs for size in part)


def Gather(data: Sizes, indices: Sizes, *, axis: int = 0) -> Sizes:
    return tuple(data[i] for i in indices) if isinstance(indices, tuple) else data[indices]


def ReduceProd(data: Sizes, axes: Sizes = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Sizes:
    product = math.prod(data)
    return (product,) if keepdims else product


def Slice(data: Sizes, starts: Sizes, ends: Sizes, axes: Sizes = None, steps: Sizes = None) -> Sizes:
    return data[slice(starts[0], ends[0], None if steps is None else steps[0])]


def Squeeze(data: Sizes, axes: Sizes = None) -> Sizes:
    return data[0]


def Unsqueeze(data: Sizes, axes: Sizes) -> Sizes:
    return (data,)


HOST: dict[str, Callable[..., Sizes]] = {
    function.__name__: function
    for function in (Shape, Size, Cast, Concat, Gather, ReduceProd, Slice, Squeeze, Unsqueeze)
} | {"Add": Add, "Sub": Sub, "Mul": Mul, "Div": Div, "Max": Max, "Min": Min}
"""The operators that can stay on sizes, by name."""

# What the functions above take for granted about the ranks of their operands.
RANKS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("Concat", "Gather", "ReduceProd", "Slice", "Squeeze"), (1,)),
    "Unsqueeze": (0,),
}
