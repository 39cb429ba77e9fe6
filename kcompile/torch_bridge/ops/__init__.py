"""One plain function per ONNX operator, a module per kind; ``OPERATORS`` finds them by name.

How they are written, and what lowering fills in: _common.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from onnx import defs

from . import (
    control_flow,
    losses,
    math,
    nn,
    pooling,
    quantization,
    random,
    recurrent,
    reduction,
    resize,
    signal,
    tensor,
    vision,
)

_MODULES = (
    math,
    reduction,
    tensor,
    nn,
    pooling,
    recurrent,
    losses,
    random,
    quantization,
    resize,
    vision,
    signal,
    control_flow,
)


@dataclass(frozen=True)
class Operator:
    """An operator function, and what its signature tells lowering.

    Attributes:
        function: the function, named as in the specification.
        static: per input "Ints", "Floats", "Number", "Operand", or "" for a tensor.
        extras: which of the keywords that lowering fills in it takes: outputs, output_dtype, device,
        generator.
        kind: the module it is in.
    """

    function: Callable[..., Any]
    static: tuple[str, ...]
    extras: frozenset[str]
    kind: str

    def static_kind(self, index: int) -> str:
        """What the input at this place may be besides a tensor."""
        return self.static[index] if index < len(self.static) else ""


_STATIC = ("Ints", "Floats", "Number", "Operand", "Indices")
_EXTRAS = {"outputs", "output_dtype", "device", "generator"}


def _describe(name: str, function: Callable[..., Any], kind: str) -> Operator:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # torch's own functions take tensors, and nothing that lowering fills in
        return Operator(function, (), frozenset(), kind)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    static = tuple(next((s for s in _STATIC if s in str(p.annotation)), "") for p in positional)
    extras = frozenset(p.name for p in parameters if p.kind == p.KEYWORD_ONLY and p.name in _EXTRAS)
    return Operator(function, static, extras, kind)


def _table() -> dict[str, Operator]:
    """Every function of the modules that is named as an operator of the standard."""
    standard = {schema.name for schema in defs.get_all_schemas() if schema.domain == ""}
    table = {}
    for module in _MODULES:
        kind = module.__name__.rpartition(".")[2]
        for name, function in vars(module).items():
            if name in standard and callable(function):
                table[name] = _describe(name, function, kind)
    return table


OPERATORS: dict[str, Operator] = _table()
"""The operators that the bridge claims, by name."""

__all__ = ["OPERATORS", "Operator"]
