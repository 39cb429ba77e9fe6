"""Values as Python expressions: constants, torch's functions and element types, operands."""

from __future__ import annotations

import ast
import math
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F


class NotKnown(Exception):
    """A value that exists only when the source runs, or has no source."""


class Operand:
    """What has a value when the source runs: ``syntax`` is the expression of it."""

    syntax: ast.expr


def expression(value: Any) -> ast.expr:
    """The syntax of a constant, of an operand, or of a tuple, list or slice of them.

    Raises:
        NotKnown: if it has none.
    """
    if isinstance(value, Operand):
        return value.syntax
    if isinstance(value, float) and not math.isfinite(value):
        return parsed(f'float("{value}")')
    if value is None or value is Ellipsis or isinstance(value, bool | int | float | str):
        return ast.Constant(value)
    if isinstance(value, tuple):
        return ast.Tuple([expression(item) for item in value], ast.Load())
    if isinstance(value, list):
        return ast.List([expression(item) for item in value], ast.Load())
    if isinstance(value, slice):
        bounds = [None if at is None else expression(at) for at in (value.start, value.stop, value.step)]
        return ast.Slice(*bounds)  # type: ignore[return-value]
    name = str(value) if isinstance(value, torch.dtype) else _torch_names().get(id(value))
    if name is None:
        raise NotKnown(f"{type(value).__name__} has no source")
    return parsed(name)


def parsed(text: str) -> ast.expr:
    """The syntax of an expression."""
    return ast.parse(text, mode="eval").body


def literal(value: Any) -> str:
    """The text of a value.

    Raises:
        NotKnown: if it has none.
    """
    return ast.unparse(expression(value))


@lru_cache(maxsize=1)
def _torch_names() -> dict[int, str]:
    """Identity of a function of torch's -> what it is called in source."""
    names: dict[int, str] = {}
    for prefix, module in (("F", F), ("torch.linalg", torch.linalg), ("torch", torch)):
        for name, value in vars(module).items():
            if callable(value) and not name.startswith("_") and not isinstance(value, type):
                names[id(value)] = f"{prefix}.{name}"
    return names
