"""Gradients of a function that are computed as its author says, or with less memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from kcompile.keras.backend import loops

from .tensors import as_value, eager_only, is_tracing


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f``, computed once more where its gradient is asked for, to keep less in memory."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if is_tracing():
            return f(*args, **kwargs)
        return torch.utils.checkpoint.checkpoint(f, *args, use_reentrant=False, **kwargs)

    return wrapped


class custom_gradient:
    """A function that gives its result and what its gradient is."""

    def __init__(self, fun: Callable[..., Any]) -> None:
        self.fun = fun

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if is_tracing():
            return _traced_with_own_gradient(self.fun, *args, **kwargs)
        return _with_own_gradient(self.fun, *args, **kwargs)


def _traced_with_own_gradient(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The results with a gradient that a graph computes where it trains."""
    values = [as_value(x) for x in args]

    def function(*given: Any) -> Any:
        found = fun(*given, **kwargs)
        if not (isinstance(found, tuple) and len(found) == 2 and callable(found[1])):
            return found, lambda *_: [None] * len(given)
        return found[0], lambda *upstream: found[1](*given, upstream=upstream[0])

    return loops.with_gradient(function, values, as_value)


@eager_only
def _with_own_gradient(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return _OwnGradient.apply(fun, kwargs, *args)


class _OwnGradient(torch.autograd.Function):
    """A user's function as one step of autograd."""

    @staticmethod
    def forward(ctx: Any, fun: Callable[..., Any], kwargs: Any, *args: Any) -> Any:
        found = fun(*args, **kwargs)
        ctx.gradient = None
        if isinstance(found, tuple) and len(found) == 2 and callable(found[1]):
            found, ctx.gradient = found
        ctx.save_for_backward(*(x for x in args if isinstance(x, torch.Tensor)))
        ctx.args = [None if isinstance(x, torch.Tensor) else x for x in args]
        return found

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        saved = iter(ctx.saved_tensors)
        args = [next(saved) if x is None else x for x in ctx.args]
        if ctx.gradient is None:
            nan = torch.full((), float("nan"))
            return (None, None, *(nan for _ in args))
        found = ctx.gradient(*args, upstream=upstream[0])
        found = found if isinstance(found, tuple) else (found,)
        return (None, None, *found)
