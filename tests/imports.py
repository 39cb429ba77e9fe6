"""What the modules of both distributions import, read from their text, and which package each belongs to."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
#: Front doors: packages that give names of modules on floors of their own, and load none of these themselves.
DOORS = ("kcompile.keras", "kcompile.keras.utils", "kcompile.keras.legacy")


def module_files() -> dict[str, Path]:
    """Every module of both distributions, by its dotted name."""
    found = {}
    for base in (ROOT, ROOT / "runtime"):
        package = base / ("kcompile" if base == ROOT else "kcompile_runtime")
        for path in package.rglob("*.py"):
            parts = path.relative_to(base).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = module_files()


class Import(NamedTuple):
    """What is imported, on which line, and inside which function: "Network.save", or "" for none."""

    target: str
    line: int
    function: str


def imports(module: str, source: str, is_package: bool = False) -> Iterator[Import]:
    """Everything that a module imports, by absolute dotted names, also inside functions.

    `from a import b` gives `a.b` where that is a module, else `a`. Names under `if TYPE_CHECKING` count too,
    since a type is knowledge as well.
    """
    stack: list[tuple[ast.AST, tuple[str, ...], bool]] = [(ast.parse(source), (), False)]
    while stack:
        parent, scopes, inside = stack.pop()
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                called_later = inside or not isinstance(node, ast.ClassDef)
                stack.append((node, (*scopes, node.name), called_later))
                continue
            for target in _imported(node, module, is_package):
                yield Import(target, node.lineno, ".".join(scopes) if inside else "")
            stack.append((node, scopes, inside or isinstance(node, ast.Lambda)))


def _imported(node: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = module.split(".")
            keep = len(parts) - node.level + (1 if is_package else 0)
            base = ".".join([*parts[:keep], *([base] if base else [])])
        names = [f"{base}.{alias.name}" for alias in node.names]
        yield from dict.fromkeys(name if name in MODULES else base for name in names)
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        target = node.args[0].value
        if name in ("import_module", "__import__") and isinstance(target, str):
            yield f"{module}{target}" if target.startswith(".") else target


@cache
def imports_of(module: str) -> list[Import]:
    path = MODULES[module]
    return list(imports(module, path.read_text(encoding="utf-8"), path.name == "__init__.py"))


def package_of(name: str, packages: Collection[str]) -> str | None:
    """The one of these packages that a module belongs to; doors have no modules."""
    if name in packages:
        return name
    parts = name.split(".")
    for package in (".".join(parts[:i]) for i in range(len(parts) - 1, 0, -1)):
        if f"{package}.*" in packages:
            return f"{package}.*"
        if package in packages and package not in DOORS:
            return package
    return None


def floors_of(page: str) -> dict[str, float]:
    """The floor of each package by the tables of docs/architecture.md, which is given as text."""
    found: dict[str, float] = {}
    for floor, packages in re.findall(r"^\| ([\d.]+) \| (.*?) \|", page, re.MULTILINE):
        if packages != "the front end, `keras`, in floors of its own":
            found.update({_full_name(name): float(floor) for name in re.findall(r"`([\w.*]+)`", packages)})
    return found


def _full_name(name: str) -> str:
    return name if name.startswith("kcompile_runtime") else f"kcompile.{name}"
