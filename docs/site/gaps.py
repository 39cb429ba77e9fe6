"""What descriptions of the reference lack: shapes of the arrays that are taken and given, and errors.

    python docs/site/gaps.py

prints them, one a line; tests/docs/test_reference.py asks that there are none.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT), str(ROOT / "runtime")]

import reference  # beside this file

#: Pages whose classes take arrays when they are called.
_CALLED = ("layers", "losses", "metrics", "initializers")
#: Parameters that are arrays or tensors, by what they are called everywhere.
_ARRAYS = {
    *("x", "y", "x1", "x2", "xs", "a", "b", "v", "inputs", "input", "tensor", "tensors", "array", "arrays"),
    *("y_true", "y_pred", "target", "output", "logits", "labels", "image", "images", "sequences", "kernel"),
    *("data", "mask", "indices", "real", "imag", "img", "sequence", "values", "condition"),
}
_SHAPES = re.compile(
    r"\b(shapes?|scalars?|axis|axes|dimensions?|element by element)\b"
    r"|\((batch|samples|rows|height|steps|in|n|m)\b[^()]*,|\(\.\.\.,| x \d|flattened"
    r"|\[[a-z_ ]+(, [\w. ]+)*\]"
    r"|(see|as|as for|those|that|like|of|arguments as in)\W{1,3}``?\w+``?|^``\w+",
    re.IGNORECASE | re.MULTILINE,
)


def gaps() -> list[str]:
    """``module.name: shapes`` or ``: errors`` for each public name whose description lacks them."""
    found = {}
    for page in reference.pages():
        module = sys.modules[page.module]
        for entry in page.entries:
            value = getattr(module, entry.name)
            for what in lacking(value, page.module):
                found.setdefault((id(value), what), f"{page.module}.{entry.name}: {what}")
    return sorted(found.values())


def lacking(value: Any, module: str) -> Iterator[str]:
    """ "shapes", "errors", both or neither; the module is that of its page."""
    text = inspect.getdoc(value) or ""
    if text.endswith("always."):  # not here, which its constructor says
        return
    if _takes_arrays(value, module) and not _SHAPES.search(text):
        yield "shapes"
    if _raises(value) and not re.search(r"^Raises:|\braises?\b|\bis refused\b|\berror\b", text, re.MULTILINE):
        yield "errors"


def _takes_arrays(value: Any, module: str) -> bool:
    if inspect.isclass(value):
        called = any({"call", "__call__"} & vars(base).keys() for base in value.__mro__)
        return called and module.endswith(_CALLED)
    signature = inspect.signature(value)
    answers = signature.return_annotation in ("bool", "str")  # a question about what is given
    return not answers and any(name in _ARRAYS for name in signature.parameters)


def _raises(value: Any) -> bool:
    """Whether its own text has a ``raise``: a function's, or a class's constructor, build and call."""
    names = {"__init__", "build", "call", "__call__"} if inspect.isclass(value) else {None}
    return any(
        isinstance(node, ast.Raise) for function in _functions(value, names) for node in ast.walk(function)
    )


def _functions(value: Any, names: set[str | None]) -> Iterator[ast.AST]:
    tree = _tree(value if inspect.isclass(value) else inspect.unwrap(value))
    if tree is None:
        return
    for node in tree.body[0].body if inspect.isclass(value) else tree.body:  # type: ignore[attr-defined]
        if isinstance(node, ast.FunctionDef) and (node.name in names or None in names):
            yield node


@cache
def _tree(value: Any) -> ast.Module | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(value)))
    except (OSError, TypeError, SyntaxError):
        return None  # made while the program runs


if __name__ == "__main__":
    print("\n".join(gaps()))
