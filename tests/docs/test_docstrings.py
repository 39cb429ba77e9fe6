"""Docstrings name the parameters that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = [
    path
    for package in ("kcompile", "runtime/kcompile_runtime")
    for path in sorted((ROOT / package).rglob("*.py"))
]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_every_entry_of_args_names_a_parameter():
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}
    classes = {
        item.name: item
        for tree in trees.values()
        for item in ast.walk(tree)
        if isinstance(item, ast.ClassDef)
    }
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {name}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | Function)
        for name in _unknown(node, tree, classes)
    ]
    assert not wrong, "\n".join(wrong)


def _unknown(node: ast.ClassDef | Function, tree: ast.Module, classes: dict[str, ast.ClassDef]) -> list[str]:
    entries = {name.lstrip("*") for name in _entries(ast.get_docstring(node) or "")}
    unknown = entries - _parameters(node, classes) if entries else set()
    return sorted(unknown - _taken_as_keywords(node, tree)) if unknown else []


def _entries(doc: str) -> list[str]:
    """The names under ``Args:``, of which several may share a line."""
    block = re.search(r"^Args:\n((?:    .*\n?|\n)+)", doc, re.MULTILINE)
    heads = re.findall(r"^    ([\w*][\w*, ]*):", block[1], re.MULTILINE) if block else []
    return [name for head in heads for name in re.split(r",\s*", head)]


def _parameters(node: ast.ClassDef | Function, classes: dict[str, ast.ClassDef]) -> set[str]:
    """Of a class those of its constructor, of the one that this is like, and of its bases'."""
    if isinstance(node, Function):
        return _own(node)
    found = {
        item.target.id
        for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    }
    makers = [
        item
        for item in node.body
        if isinstance(item, Function) and item.name in ("__init__", "__new__", "from_config")
    ]
    for maker in makers:
        found |= _own(maker)
    bases = [base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases]
    for name in [*bases, *(name for maker in makers for name in _alike(maker))]:
        if name in classes and classes[name] is not node:
            found |= _parameters(classes[name], classes)
    return found


def _alike(constructor: Function) -> list[str]:
    """Y of a decorator such as ``@like(Y.__init__)``, whose arguments the constructor has."""
    taken = [
        decorator.args[0]
        for decorator in constructor.decorator_list
        if isinstance(decorator, ast.Call) and decorator.args
    ]
    return [
        first.value.id
        for first in taken
        if isinstance(first, ast.Attribute) and first.attr == "__init__" and isinstance(first.value, ast.Name)
    ]


def _taken_as_keywords(node: ast.ClassDef | Function, tree: ast.Module) -> set[str]:
    """What the code of the module says of keywords that a function takes without naming them."""
    functions = (
        [node] if isinstance(node, Function) else [item for item in node.body if isinstance(item, Function)]
    )
    if not any(function.args.kwarg for function in functions):
        return set()
    texts = {
        item.value
        for item in ast.walk(tree)
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    }
    return texts | {
        item.arg for item in ast.walk(tree) if isinstance(item, ast.arg | ast.keyword) and item.arg
    }


def _own(function: Function) -> set[str]:
    arguments = function.args
    named = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    return {argument.arg for argument in named if argument is not None}
