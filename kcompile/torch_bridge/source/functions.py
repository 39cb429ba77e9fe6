"""The source of operator functions, with everything that it reads: for a file that has nothing to import."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import types
from functools import lru_cache
from typing import Any

from kcompile.ir.identifiers import BUILTINS, Identifiers

PACKAGE = "kcompile.torch_bridge"
_ALWAYS = ("self", "torch", "nn", "F", "math", "base64", "zlib", "Tensor", "Any", "SimpleNamespace")


class NoSource(ValueError):
    """Something that no source can be given for; the message says what."""


class FunctionSources:
    """Collects functions, and the functions, classes and constants that they read, in an order that runs.

    A name that two modules use for different things is refused, rather than renamed: the text is verbatim.
    """

    def __init__(self, taken: set[str]) -> None:
        self.texts: dict[str, str] = {}
        self.imports: set[str] = set()
        self._homes: dict[str, str] = {}
        self._taken = taken
        self.top_level = frozenset({*_ALWAYS, *taken, *_names_of_the_bridge()})

    def variables(self) -> Identifiers:
        """Gives names to variables of one function: none that the file, or Python, has a meaning for."""
        return Identifiers(BUILTINS | self.top_level)

    def add(self, function: Any) -> str:
        """Brings a function of the bridge along; gives its name."""
        function = inspect.unwrap(function)
        self.add_name(inspect.getmodule(function), function.__name__)
        return function.__name__

    def add_name(self, module: Any, name: str) -> None:
        """Brings along what a module calls by a name: a definition of its own, or an import."""
        value = vars(module).get(name, NoSource)
        if value is NoSource:
            if hasattr(builtins, name):
                return
            raise NoSource(f"{module.__name__} has no {name}")
        if self._imported(name, value):
            return
        home = _home(module, name, value)
        if self._homes.setdefault(name, home.__name__) != home.__name__:
            raise NoSource(f"{name} stands for two things")
        if name in self.texts:
            return
        if name in self._taken:
            raise NoSource(f"{name} is taken")
        node, text = _definitions(home)[name]
        self.texts[name] = ""  # being written: definitions may read each other
        for read in _names_read(node):
            self.add_name(home, read)
        del self.texts[name]
        self.texts[name] = text  # behind what it reads

    def _add_module(self, name: str, module: Any) -> None:
        """A module of the bridge as a namespace of its definitions."""
        if name in self._taken:
            raise NoSource(f"{name} is taken")
        if name not in self.texts:
            names = list(_definitions(module))
            for member in names:
                self.add_name(module, member)
            self.imports.add("from types import SimpleNamespace")
            self.texts[name] = f"{name} = SimpleNamespace({', '.join(f'{n}={n}' for n in names)})"

    def _imported(self, name: str, value: Any) -> bool:
        """Whether a name is a module or something of the standard library's or torch's, imported."""
        if isinstance(value, types.ModuleType):
            if value.__name__.startswith(PACKAGE):
                self._add_module(name, value)
                return True
            if name not in ("torch", "F"):
                self.imports.add(
                    f"import {value.__name__}" + ("" if value.__name__ == name else f" as {name}")
                )
            return True
        module = getattr(value, "__module__", None) or ""
        if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType) or module == "typing":
            if module.startswith(PACKAGE):
                return False
            if module.startswith("torch") and getattr(value, "__name__", "") == "Tensor":
                self.imports.add("from torch import Tensor")
                return True
            if not module.startswith("torch") and module not in ("", "builtins"):
                public = {"_collections_abc": "collections.abc"}.get(module, module)
                self.imports.add(f"from {public} import {name}")
                return True
        return False


def _home(module: Any, name: str, value: Any) -> Any:
    """The module of the bridge in which a name is defined: this one, or that which it is imported from."""
    seen = set()
    while name not in _definitions(module):
        seen.add(module)
        found = [
            other
            for other in vars(module).values()
            if isinstance(other, types.ModuleType) and other.__name__.startswith(PACKAGE)
        ]
        named = inspect.getmodule(value) if callable(value) else None
        found = [m for m in [named, *found] if m is not None and m not in seen and name in _definitions(m)]
        if not found:
            raise NoSource(f"{module.__name__}.{name} has no definition")
        module = found[0]
    return module


@lru_cache(maxsize=64)
def _definitions(module: Any) -> dict[str, tuple[ast.stmt, str]]:
    """Name -> (statement, text) of what a module defines at its top level."""
    source = inspect.getsource(module)
    lines = source.splitlines()
    found: dict[str, tuple[ast.stmt, str]] = {}
    for node in ast.parse(source).body:
        names: list[str] = []
        first = node.lineno
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
            first = min([first, *(decorator.lineno for decorator in node.decorator_list)])
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        text = "\n".join(lines[first - 1 : node.end_lineno])
        found.update((name, (node, text)) for name in names)
    return found


@lru_cache(maxsize=1)
def _names_of_the_bridge() -> frozenset[str]:
    """What a function that is brought along may be called, or call by a global name."""
    found = [vars(module) for name, module in list(sys.modules.items()) if name.startswith(PACKAGE)]
    return frozenset(name for names in found for name in names)


def _names_read(node: ast.stmt) -> list[str]:
    """Global names that a definition reads when it runs: annotations are never evaluated."""
    read: dict[str, None] = {}
    local: set[str] = set()

    class Visitor(ast.NodeVisitor):
        def visit_arg(self, node: ast.arg) -> None:
            local.add(node.arg)

        def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
            self.visit(node.target)
            if node.value is not None:
                self.visit(node.value)

        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            local.add(node.name)
            for part in (*node.decorator_list, node.args, *node.body):
                self.visit(part)

        def visit_Name(self, node: ast.Name) -> None:
            if isinstance(node.ctx, ast.Load):
                read[node.id] = None
            else:
                local.add(node.id)

    Visitor().visit(node)
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        local.add(node.name)
    return [name for name in read if name not in local]
