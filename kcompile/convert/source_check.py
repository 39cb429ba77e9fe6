"""A last look at generated source before anybody runs it: does it do anything that no template writes?

Names and texts of a file enter source as identifiers that are made here, and as quoted strings. This holds
should a text ever come in by another way: what is not arithmetic on tensors is an error.
"""

from __future__ import annotations

import ast
from collections.abc import Collection

from .errors import ConversionError

#: The only names of Python's own that written classes use.
PYTHON = frozenset(
    """super int float bool str tuple list dict max min len range slice abs round isinstance type any all sum
    reversed sorted zip enumerate""".split()
)
#: Functions of torch's that operators use although their names begin with "_".
_OPEN = frozenset("__init__ _VF _batch_norm_impl_index _pack_padded_sequence _pad_packed_sequence".split())
#: What of torch opens files, runs text or reaches the machine, and other things that compute nothing.
_CLOSED = frozenset(
    """load save jit hub package compile utils multiprocessing distributed serialization load_library export
    classes library from_file onnx cuda xpu mps storage os sys builtins importlib fx overrides autograd
    profiler testing backends quantization random futures monitor""".split()
)
_DEFINING = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.ClassDef)
_STATEMENTS = (
    ast.Assign, ast.Return, ast.Expr, ast.If, ast.For, ast.FunctionDef, ast.arguments, ast.arg, ast.ClassDef
)  # fmt: skip
_EXPRESSIONS = (
    ast.Name, ast.Attribute, ast.Constant, ast.Call, ast.keyword, ast.Tuple, ast.List, ast.Dict,
    ast.Subscript, ast.Slice, ast.Starred, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip


def check_source(text: str, brought: Collection[str]) -> None:
    """Looks at the classes of a file.

    Args:
        text: the file.
        brought: definitions that stand in it as they stand in this program; they are not looked at.

    Raises:
        ConversionError: for anything that is no arithmetic on tensors.
    """
    known = {node.name for node in parsed("\n\n".join(brought)).body if isinstance(node, ast.ClassDef)}
    module = parsed(text)
    for node in module.body[1:]:
        if not isinstance(node, _DEFINING):
            raise ConversionError(
                f"The source would run a {type(node).__name__} on import, which no layer needs. Nothing was "
                "written."
            )
    top = bound_names(module)
    for node in module.body:
        if isinstance(node, ast.ClassDef) and node.name not in known:
            for item in ast.walk(node):
                problem = _problem(item) or _foreign(item, top, node)
                if problem:
                    raise ConversionError(
                        f"The source of {node.name} would hold {problem}, which no layer needs. Nothing "
                        "was written."
                    )


def parsed(text: str) -> ast.Module:
    """The syntax of a file.

    Raises:
        ConversionError: if it has none.
    """
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConversionError(f"The source is no Python ({error}). Nothing was written.") from error


def bound_names(module: ast.Module) -> set[str]:
    """Names that a module binds."""
    return {name for node in module.body for name in _bound(node)}


def _bound(node: ast.stmt) -> list[str]:
    """Names that a statement of a module binds."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    return [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]


def _problem(node: ast.AST) -> str:
    """What is wrong with a node by itself, "" if nothing is."""
    if not isinstance(node, (*_STATEMENTS, *_EXPRESSIONS)):
        return f"a {type(node).__name__}"
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.decorator_list:
        return "a decorator"
    if isinstance(node, ast.Attribute) and node.attr.startswith("_") and node.attr not in _OPEN:
        return f"the attribute {node.attr}"
    if isinstance(node, ast.Attribute) and _root(node) in ("torch", "F", "nn") and node.attr in _CLOSED:
        return f"a use of {ast.unparse(node)}"
    if isinstance(node, ast.Call) and not isinstance(node.func, ast.Name | ast.Attribute):
        return f"a call of {ast.unparse(node.func)[:80]}"
    return ""


def _foreign(node: ast.AST, top: set[str], inside: ast.ClassDef) -> str:
    """A name that neither the file defines nor a variable has."""
    if not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Store):
        return ""
    if node.id in top or node.id in PYTHON or node.id in _variables(inside):
        return ""
    return f"the name {node.id}"


def _variables(node: ast.ClassDef) -> set[str]:
    found: set[str] | None = getattr(node, "kcompile_variables", None)
    if found is None:
        found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        found |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
        node.kcompile_variables = found  # type: ignore[attr-defined]
    return found


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
