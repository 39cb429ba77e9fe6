"""Which tensors a function gives, found without numbers where it can be traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from keras.src import tree
from keras.src.backend.common.keras_tensor import KerasTensor
from keras.src.backend.common.stateless_scope import StatelessScope
from keras.src.backend.common.symbolic_scope import SymbolicScope

from kcompile.ir import Trace, Value, as_dtype

from .tensors import NotTraceable, dtype_of, get_device, text_of, to_torch_dtype
from .tracing import traced
from .variables import Variable, is_tensor


def compute_output_spec(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What ``fn`` gives for symbolic tensors, by writing its operators down.

    What cannot be traced is called on tensors, of two sizes for each open axis, to see which sizes follow.
    If that fails, too, the error is the first one, unless that is about symbolic tensors (a TypeError: code
    that asks for numbers, or gives them to another library).
    """
    try:
        with StatelessScope(), SymbolicScope():
            return _traced_spec(fn, args, kwargs)
    except Exception as error:
        try:
            with StatelessScope():  # not symbolic: variables that are not there yet have numbers, too
                return _spec_by_numbers(fn, args, kwargs)
        except Exception as second:
            is_of_numbers = isinstance(error, TypeError) and not isinstance(second, NotTraceable)
            raise (second if is_of_numbers else error) from None


def _is_open(args: Any, kwargs: Any) -> bool:
    return any(isinstance(x, KerasTensor) and None in x.shape for x in tree.flatten((args, kwargs)))


def _traced_spec(fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    placeholders: list[Value] = []

    def placeholder(x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return x
        placeholders.append(Value(as_dtype(x.dtype), x.shape, x.name))
        return placeholders[-1]

    given, named = tree.map_structure(placeholder, (args, kwargs))
    with traced(Trace(placeholders)):
        found = fn(*given, **named)
    return tree.map_structure(_spec, found)


def _spec(x: Any) -> Any:
    x = x.value if isinstance(x, Variable) else x
    return KerasTensor(tuple(x.shape), dtype_of(x)) if is_tensor(x) else x


def _spec_by_numbers(fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    first = _on_ones(fn, args, kwargs, 83)
    if not _is_open(args, kwargs):
        return tree.map_structure(_spec, first)
    second = _on_ones(fn, args, kwargs, 89)

    def joined(x: Any, y: Any) -> Any:
        if not is_tensor(x):
            return x
        sizes = [m if m == n else None for m, n in zip(x.shape, y.shape, strict=True)]
        return KerasTensor(sizes, dtype_of(x))

    return tree.map_structure(joined, first, second)


def _on_ones(fn: Callable[..., Any], args: Any, kwargs: Any, size: int) -> Any:
    def ones(x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return x
        sizes = [size if n is None else n for n in x.shape]
        if x.dtype == "string":
            return text_of(np.full(sizes, b"1", object))
        return torch.ones(sizes, dtype=to_torch_dtype(x.dtype), device=get_device())

    given, named = tree.map_structure(ones, (args, kwargs))
    with torch.no_grad():
        return fn(*given, **named)
