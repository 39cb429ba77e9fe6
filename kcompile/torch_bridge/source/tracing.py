"""Operator functions of the bridge, traced for one call: what is known before anything runs is decided.

``Transpose(data, *, perm=None)`` called with ``perm=(0, 2, 1)`` becomes ``data.permute((0, 2, 1))``. The
function itself runs, on stand-ins for its tensors: they know ranks, sizes and element types as far as the
graph does, and write down what is done with them. So Python decides tests on ranks, types and attributes, and
generated source has torch's calls, those that training runs. What asks a stand-in for a value that only
running gives raises ``NotKnown``: such a function is brought along as it is.
"""

from __future__ import annotations

import ast
import inspect
import math
import sys
import types
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import torch
import torch.nn.functional as F

from ..arrays import torch_dtype
from ..ops import host
from ..ops._common import several
from .expressions import NotKnown, Operand, expression, parsed

_PACKAGE = "kcompile.torch_bridge"
_MOST_CALLS = 12
"""Functions that call torch more often, as those that unroll a loop do, are brought along."""
_NUMBERS = {"item": None, "size": None, "stride": None, "tolist": None, "numel": int}
"""Methods that give no tensor -> the kind of number, None where that is not known."""
_LONGEST = 70
"""A longer operand gets a variable."""


class Symbol(Operand):
    """What stands for an operand: an expression, and what is known of its value.

    Args:
        syntax: the expression, or its text.
        shape: with None for sizes that are not known; None if not even their number is.
        dtype: the element type (numpy's), None if it is not known.
        kind: torch.Tensor, int or float (sizes, and what is computed of them), or None if it is not known.
    """

    def __init__(
        self,
        syntax: ast.expr | str,
        shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
        kind: Any = torch.Tensor,
    ) -> None:
        self.syntax = parsed(syntax) if isinstance(syntax, str) else syntax
        self._shape, self._dtype, self._kind = shape, dtype, kind

    # --- what is known ---

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What ``isinstance`` sees."""
        return Symbol._known(self._kind)

    @property
    def shape(self) -> Any:
        sizes = _attribute(self, "shape")
        if self._shape is None:
            return sizes
        return tuple(
            Symbol(ast.Subscript(sizes.syntax, ast.Constant(i), ast.Load()), kind=int)
            if size is None
            else size
            for i, size in enumerate(self._shape)
        )

    def dim(self) -> int:
        return len(Symbol._known(self._shape))

    def numel(self) -> Any:
        return math.prod(self.shape) if self._shape is not None else _method(self, "numel")()

    @property
    def dtype(self) -> Any:
        return _attribute(self, "dtype") if self._dtype is None else torch_dtype(self._dtype)

    def is_floating_point(self) -> bool:
        return torch_dtype(Symbol._known(self._dtype)).is_floating_point

    def is_complex(self) -> bool:
        return torch_dtype(Symbol._known(self._dtype)).is_complex

    def is_contiguous(self) -> bool:
        """Memory order is speed alone: generated source takes what comes."""
        return True

    @staticmethod
    def _known(value: Any) -> Any:
        if value is None:
            raise NotKnown
        return value

    # --- what only running tells ---

    def _refused(self, *_: Any) -> NoReturn:
        raise NotKnown

    __bool__ = __index__ = __int__ = __float__ = __len__ = __iter__ = __contains__ = __call__ = _refused
    __setitem__ = __iadd__ = __isub__ = __imul__ = __itruediv__ = __hash__ = _refused  # type: ignore[assignment]

    # --- what is written down ---

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(torch.Tensor, name):
            raise AttributeError(name)
        if not callable(getattr(torch.Tensor, name)):
            return _attribute(self, name)
        return _method(self, name)

    def __getitem__(self, key: Any) -> Symbol:
        subscript = ast.Subscript(self.syntax, expression(key), ast.Load())
        return _made(subscript, "part", (self,))

    def __neg__(self) -> Symbol:
        return _made(ast.UnaryOp(ast.USub(), expression(self)), "negative", (self,))

    def __invert__(self) -> Symbol:
        return _made(ast.UnaryOp(ast.Invert(), expression(self)), "inverse", (self,))

    def __abs__(self) -> Symbol:
        return called("abs", (self,))

    def __ceil__(self) -> Symbol:
        return called("math.ceil", (self,), kind=int)

    def __eq__(self, other: object) -> Any:
        if self._kind is int and type(other) is int and other == 0:
            return False  # sizes that follow from an input's are not 0 by intent
        return _compared(ast.Eq(), self, other)

    def __ne__(self, other: object) -> Any:
        return _compared(ast.NotEq(), self, other)

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """A function of torch's, called on stand-ins by a name of its own."""
        defaults = inspect.signature(function).parameters if inspect.isfunction(function) else {}
        told = {
            key: value  # functions of Python hand over all their defaults
            for key, value in (kwargs or {}).items()
            if key not in defaults or value is not defaults[key].default
        }
        return called(expression(function), args, told)


class _Recorded(Symbol):
    """The result of a call: a variable where it is read more than once."""

    def __init__(self, call: ast.expr, hint: str) -> None:
        reference = ast.Name(hint, ast.Load())
        reference.made_by = self  # type: ignore[attr-defined]
        super().__init__(reference)
        self.call, self.hint = call, hint


def _made(syntax: ast.expr, hint: str, operands: tuple[Any, ...], kind: Any = None) -> Symbol:
    """The result of an operation: arithmetic on sizes stays within the expression that reads it."""
    kinds = {given._kind for given in operands if isinstance(given, Symbol)}
    if kinds and kinds <= {int, float}:
        if kind is None:
            floats = float in kinds or any(type(given) is float for given in operands)
            kind = float if floats else int
        return Symbol(syntax, kind=kind)
    return _Recorded(syntax, hint)


def _call(function: ast.expr, args: Sequence[Any], kwargs: Mapping[str, Any]) -> ast.Call:
    keywords = [ast.keyword(key, expression(value)) for key, value in kwargs.items()]
    return ast.Call(function, [expression(value) for value in args], keywords)


def called(
    function: ast.expr | str, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None, kind: Any = None
) -> Symbol:
    """A call, written down.

    Raises:
        NotKnown: if an argument has no source.
    """
    named = parsed(function) if isinstance(function, str) else function
    hint = named.attr.strip("_") if isinstance(named, ast.Attribute) else "value"
    return _made(_call(named, args, kwargs or {}), hint, tuple(args), kind)


def _attribute(symbol: Symbol, name: str) -> Symbol:
    return Symbol(ast.Attribute(symbol.syntax, name, ast.Load()), kind=None)


def _method(symbol: Symbol, name: str) -> Callable[..., Symbol]:
    if name.endswith("_"):
        raise NotKnown(f"{name} changes what others may read")

    def method(*args: Any, **kwargs: Any) -> Symbol:
        call = _call(_attribute(symbol, name).syntax, args, kwargs)
        return Symbol(call, kind=_NUMBERS[name]) if name in _NUMBERS else _Recorded(call, name)

    return method


def _compared(test: ast.cmpop, a: Any, b: Any) -> Symbol:
    return _made(ast.Compare(expression(a), [test], [expression(b)]), "test", (a, b))


def _define_operators() -> None:
    """Arithmetic and comparisons of stand-ins, written as they stand."""
    for name, sign, hint in (
        ("add", ast.Add, "total"), ("sub", ast.Sub, "difference"), ("mul", ast.Mult, "product"),
        ("truediv", ast.Div, "quotient"), ("floordiv", ast.FloorDiv, "quotient"), ("mod", ast.Mod, "rest"),
        ("pow", ast.Pow, "power"), ("matmul", ast.MatMult, "product"), ("and", ast.BitAnd, "both"),
        ("or", ast.BitOr, "either"), ("xor", ast.BitXor, "differ"),
    ):  # fmt: skip

        def infix(a: Any, b: Any, sign: Any = sign, hint: str = hint) -> Any:
            if sign is ast.Mult and (type(a), a) == (int, 1) and b._kind is int:
                return b
            return _made(ast.BinOp(expression(a), sign(), expression(b)), hint, (a, b))

        setattr(Symbol, f"__{name}__", infix)
        setattr(Symbol, f"__r{name}__", lambda b, a, infix=infix: infix(a, b))
    for name, test in (("lt", ast.Lt), ("le", ast.LtE), ("gt", ast.Gt), ("ge", ast.GtE)):
        setattr(Symbol, f"__{name}__", lambda self, other, test=test: _compared(test(), self, other))


_define_operators()


# --- the namespace in which functions run -------------------------------------------------------------------


class _RecordingModule:
    """A module of torch's: its functions are written down where they make, or get, a tensor."""

    def __init__(self, module: types.ModuleType, name: str) -> None:
        self._module, self._name = module, name

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if value in (torch.linalg, torch.special, torch.fft, torch.ops, torch.ops.aten):
            return _RecordingModule(value, f"{self._name}.{name}")
        if not callable(value) or isinstance(value, type):
            return value
        named = f"{self._name}.{name}"

        def call(*args: Any, **kwargs: Any) -> Any:
            if not _has_symbol((*args, *kwargs.values())):
                made = value(*args, **kwargs)
                if not isinstance(made, torch.Tensor):
                    return made
            return called(named, args, kwargs, kind=torch.Tensor)

        return call


def _has_symbol(values: Any) -> bool:
    return any(
        _has_symbol(value) if type(value) in (tuple, list) else isinstance(value, Symbol) for value in values
    )


def _of_sizes(function: Callable[..., Any], name: str, kind: Any = None) -> Callable[..., Any]:
    """A function of Python's numbers, written down for sizes that are not known."""

    def call(*args: Any) -> Any:
        return called(name, args, kind=kind) if _has_symbol(args) else function(*args)

    return call


def _divided(a: Any, b: Any) -> Any:
    """``host.Div`` of sizes that are not known."""
    if not _has_symbol((a, b)):
        return host._div(a, b)
    whole = type(a) is not float and getattr(a, "_kind", int) is not float
    return called("int", (a / b,), kind=int) if whole else a / b


def _several(values: Any, outputs: int) -> Any:
    """``several`` of what torch gives as a tuple."""
    if not isinstance(values, Symbol):
        return several(values, outputs)
    return values[0] if outputs == 1 else values[:outputs]


_REPLACED: dict[Any, Any] = {
    torch: _RecordingModule(torch, "torch"),
    F: _RecordingModule(F, "F"),
    max: _of_sizes(max, "max"),
    min: _of_sizes(min, "min"),
    int: _of_sizes(int, "int", int),
    host._div: _divided,
    several: _several,
}
_namespaces: dict[str, dict[str, Any]] = {}


def _namespace(module: str) -> dict[str, Any]:
    """The names of a module of the bridge, for functions that are traced."""
    if module not in _namespaces:
        names = _namespaces[module] = {"max": _REPLACED[max], "min": _REPLACED[min], "int": _REPLACED[int]}
        names.update({name: _traced(value) for name, value in vars(sys.modules[module]).items()})
    return _namespaces[module]


def _traced(value: Any) -> Any:
    """What stands for a global of the bridge: its functions, with their own globals replaced likewise."""
    try:
        if value in _REPLACED:
            return _REPLACED[value]
    except TypeError:  # what has no hash is none of them
        return value
    if isinstance(value, types.ModuleType) and value.__name__.startswith(_PACKAGE):
        return types.SimpleNamespace(**_namespace(value.__name__))
    if not isinstance(value, types.FunctionType) or not value.__module__.startswith(_PACKAGE):
        return value
    cells = tuple(types.CellType(_traced(cell.cell_contents)) for cell in value.__closure__ or ())
    copy = types.FunctionType(
        value.__code__, _namespace(value.__module__), value.__name__, value.__defaults__, cells or None
    )
    copy.__kwdefaults__ = value.__kwdefaults__
    return copy


# --- tracing ------------------------------------------------------------------------------------------------


def trace(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What a function of the bridge gives: a constant, a stand-in, or a tuple of them.

    Args:
        args, kwargs: constants, or ``Symbol`` for what exists at run time.

    Raises:
        NotKnown: if what it does depends on more than is known, or takes too many calls.
    """
    result = _traced(function)(*args, **kwargs)
    if len(_reads(expression(result))) > _MOST_CALLS:
        raise NotKnown("it calls torch too often")
    return result


def statements(result: Any, free: Callable[[str], str]) -> tuple[list[str], str]:
    """What was traced as lines, for what is long or read more than once, and an expression.

    Args:
        result: of ``trace``.
        free: gives names to variables.
    """
    syntax = expression(result)
    lines: list[str] = []
    names: dict[int, str] = {}

    def written(node: Any) -> Any:
        if isinstance(node, list):
            return [written(item) for item in node]
        if not isinstance(node, ast.AST):
            return node
        made = getattr(node, "made_by", None)
        if made is not None:
            return ast.Name(names[id(made)], ast.Load()) if id(made) in names else written(made.call)
        return type(node)(**{name: written(value) for name, value in ast.iter_fields(node)})

    for made, count in _reads(syntax):
        text = ast.unparse(written(made.call))
        if count > 1 or len(text) > _LONGEST and made.syntax is not syntax:
            names[id(made)] = free(made.hint)
            lines.append(f"{names[id(made)]} = {text}")
    return lines, ast.unparse(written(syntax))


def _reads(syntax: ast.expr) -> list[tuple[_Recorded, int]]:
    """How often each recorded result is read for an expression; what reads comes after what it reads."""
    counts: Counter[int] = Counter()
    order: list[_Recorded] = []

    def count(node: ast.AST) -> None:
        for part in ast.walk(node):
            made = getattr(part, "made_by", None)
            if made is not None:
                counts[id(made)] += 1
                if counts[id(made)] == 1:
                    count(made.call)
                    order.append(made)

    count(syntax)
    return [(made, counts[id(made)]) for made in order]
