"""Operator functions of the bridge, specialised to one call: what is known before anything runs is computed.

``Transpose(data, *, perm=None)`` called with ``perm=(0, 2, 1)`` becomes ``data.permute((0, 2, 1))``: tests on
ranks, element types and attributes are decided, and constants folded (partial evaluation). So generated
source has torch's calls, and they are those that training runs.
"""

from __future__ import annotations

import ast
import builtins
import copy
import inspect
import math
import re
import textwrap
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..arrays import torch_dtype
from ..ops._common import ints

FRESH = "fresh__"


class Unknown:
    """An operand in generated source: an expression, and what is known of its value.

    Args:
        text: the expression.
        shape: with None for sizes that are not known; None if not even their number is.
        dtype: the element type (numpy's), None if it is not known.
        tensor: whether it is a tensor, and not a size or sizes; None if it is not known.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        text: str,
        shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
        tensor: bool | None = True,
    ) -> None:
        self.text, self._shape, self._dtype, self._tensor = text, shape, dtype, tensor

    @property
    def shape(self) -> Shape:
        return Shape(_given(self._shape))

    def dim(self) -> int:
        return len(_given(self._shape))

    def is_floating_point(self) -> bool:
        return bool(np.issubdtype(_given(self._dtype), np.floating))

    def is_complex(self) -> bool:
        return bool(np.issubdtype(_given(self._dtype), np.complexfloating))

    def is_contiguous(self) -> bool:
        """Memory order is speed alone: generated source takes what comes."""
        return True

    @property
    def dtype(self) -> Any:
        return torch_dtype(_given(self._dtype))

    def __contains__(self, size: int) -> bool:
        """Whether sizes have a number among them: those that follow from an input's are not 0 by intent."""
        if self._tensor is not False or re.search(rf"(?<!\[){size}(?=[,)])", self.text):
            raise NotKnown
        return False

    def __eq__(self, other: object) -> bool:
        raise NotKnown

    def __bool__(self) -> bool:
        raise NotKnown


class Shape:
    """A shape of which single sizes may not be known."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, sizes: tuple[int | None, ...]) -> None:
        self._sizes = sizes

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, key: Any) -> Any:
        found = self._sizes[key]
        if found is None or isinstance(found, tuple) and None in found:
            raise NotKnown
        return found

    def __iter__(self) -> Iterator[int]:
        return iter(self[:])

    def __eq__(self, other: object) -> bool:
        return self[:] == (other[:] if isinstance(other, Shape) else other)


class NotKnown(Exception):
    """A value that exists only when the source runs."""


class NotStraight(Exception):
    """A function that decides, loops or defines functions by what is not known."""


def _given(value: Any) -> Any:
    if value is None:
        raise NotKnown
    return value


def _ints(x: Any) -> Any:
    """Sizes are ints already."""
    return x if isinstance(x, Unknown) and x._tensor is False else ints(x)


def _isinstance(x: Any, kind: Any) -> bool:
    if not isinstance(x, Unknown):
        return isinstance(x, kind)
    if x._tensor is None:
        raise NotKnown
    return x._tensor and issubclass(torch.Tensor, kind)


def specialise(
    function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
) -> tuple[list[tuple[str, str]], str, set[str]]:
    """A call as statements and an expression.

    Args:
        function: a plain function with readable source.
        args, kwargs: constants, or ``Unknown`` for what exists at run time.

    Returns:
        (name, expression) of each statement, the names beginning with ``FRESH`` and to be replaced by free
        ones; the expression of the result; the names of the function's module that they use.

    Raises:
        NotStraight: if the function cannot be written without control flow.
    """
    tree = _tree(function)
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    evaluation = _Specialization(function, dict(bound.arguments))
    result = evaluation.body(tree.body)
    if result is None:
        raise NotStraight
    return evaluation.statements, result, evaluation.used


@lru_cache(maxsize=512)
def _tree(function: Callable[..., Any]) -> ast.FunctionDef:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError) as error:
        raise NotStraight from error
    if not isinstance(tree, ast.FunctionDef):
        raise NotStraight
    return tree


class _Specialization(ast.NodeTransformer):
    """Evaluates what it can, and rewrites the rest."""

    def __init__(self, function: Any, known: dict[str, Any]) -> None:
        self.known = known
        self.globals = {**function.__globals__, "isinstance": _isinstance, "ints": _ints}
        self.statements: list[tuple[str, str]] = []
        self.used: set[str] = set()

    # --- statements ---

    def body(self, statements: list[ast.stmt]) -> str | None:
        """The expression that is returned; None if none is."""
        for statement in statements:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue  # a docstring
            if isinstance(statement, ast.Return) and statement.value is not None:
                return self.text(statement.value)
            if isinstance(statement, ast.If):
                test = self.value(statement.test)
                if test is NotKnown:
                    raise NotStraight
                result = self.body(statement.body if test else statement.orelse)
                if result is not None:
                    return result
                continue
            self.assign(statement)
        return None

    def assign(self, statement: ast.stmt) -> None:
        target: ast.expr
        if isinstance(statement, ast.AnnAssign):
            target, expression = statement.target, statement.value
        elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, expression = statement.targets[0], statement.value
        else:
            raise NotStraight
        if expression is None:
            raise NotStraight
        value = self.value(expression)
        if isinstance(target, ast.Tuple) and isinstance(value, tuple):
            names = [name.id for name in target.elts if isinstance(name, ast.Name)]
            self.known.update(zip(names, value, strict=True))
            return
        if not isinstance(target, ast.Name):
            raise NotStraight
        if value is NotKnown:
            name = f"{FRESH}{len(self.statements)}_{target.id}"
            self.statements.append((name, self.text(expression)))
            value = Unknown(name, tensor=None)
        self.known[target.id] = value

    # --- expressions ---

    def value(self, expression: ast.expr) -> Any:
        """What an expression is, if that is known now; else the class NotKnown."""
        code = compile(ast.fix_missing_locations(ast.Expression(expression)), "<operator>", "eval")
        try:
            found = eval(code, {**self.globals, **self.known})
        except Exception:  # whatever an unknown operand does where it is computed with
            return NotKnown
        return found if isinstance(found, Unknown) or _is_plain(found) or callable(found) else NotKnown

    def text(self, expression: ast.expr) -> str:
        return ast.unparse(ast.fix_missing_locations(self.visit(copy.deepcopy(expression))))

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.expr) and not isinstance(node, ast.Starred | ast.Slice):
            value = self.value(node)
            if isinstance(value, Unknown):
                return _parsed(value.text)
            if value is not NotKnown and (_is_plain(value) or not isinstance(node, ast.Name)):
                text = literal(value)
                if text is not None:
                    return _parsed(text)
        if isinstance(node, ast.IfExp):
            test = self.value(node.test)
            if test is not NotKnown:
                return self.visit(node.body if test else node.orelse)
        if isinstance(node, ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp):
            raise NotStraight
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in self.known:
                return _parsed(operand(self.known[node.id]))
            if not hasattr(builtins, node.id):
                self.used.add(node.id)
        return super().visit(node)

    def visit_Call(self, node: ast.Call) -> Any:
        node = self.generic_visit(node)  # type: ignore[assignment]
        args: list[ast.expr] = []
        for arg in node.args:
            spread = isinstance(arg, ast.Starred) and isinstance(arg.value, ast.Tuple)
            args += arg.value.elts if spread else [arg]  # type: ignore[attr-defined]
        node.args = args
        return node

    def visit_Starred(self, node: ast.Starred) -> Any:
        value = self.value(node.value)
        if value is NotKnown and isinstance(node.value, ast.Name) and node.value.id in self.known:
            items = self.known[node.value.id]  # *inputs, of which some are operands
            elements = [_parsed(operand(item)) for item in items]
            return ast.Starred(ast.Tuple(elements, ast.Load()), ast.Load())
        return ast.Starred(self.visit(node.value), ast.Load())


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def operand(value: Any) -> str:
    """The source of a constant, an operand, or a tuple of them.

    Raises:
        NotStraight: if it has none.
    """
    if isinstance(value, tuple):
        return f"({', '.join(map(operand, value))}{',' if len(value) == 1 else ''})"
    text = value.text if isinstance(value, Unknown) else literal(value)
    if text is None:
        raise NotStraight
    return text


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str | torch.dtype | slice | range)


def literal(value: Any) -> str | None:
    """The source of a constant, an element type or one of torch's functions; None if it has none."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, bool | int | float | str) or value is None:
        return repr(value)
    if isinstance(value, torch.dtype):
        return str(value)
    if isinstance(value, tuple | list):
        items = [literal(item) for item in value]
        if any(item is None for item in items):
            return None
        inside = ", ".join(str(item) for item in items)
        if isinstance(value, list):
            return f"[{inside}]"
        return f"({inside}{',' if len(items) == 1 else ''})"
    if callable(value):
        return _torch_names().get(id(value))
    return None


@lru_cache(maxsize=1)
def _torch_names() -> dict[int, str]:
    """Identity of a function of torch's -> what it is called in source."""
    names: dict[int, str] = {}
    for prefix, module in (("F", F), ("torch.linalg", torch.linalg), ("torch", torch)):
        for name, value in vars(module).items():
            if callable(value) and not name.startswith("_") and not isinstance(value, type):
                names[id(value)] = f"{prefix}.{name}"
    return names
