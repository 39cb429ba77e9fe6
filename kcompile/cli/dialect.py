"""Whose Keras a script is written for: that of 2.3, or tf.keras 2."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..keras import rules
from ..keras.rules import Rules

#: What ``--dialect`` takes beside "auto".
DIALECTS: dict[str, Rules] = {"keras": rules.KERAS_2, "tf_keras": rules.TF_KERAS}
_TF_KERAS = ("tensorflow.keras", "tensorflow.python.keras", "tf_keras")
#: Tells processes that a script starts which dialect it is in.
VARIABLE = "KCOMPILE_DIALECT"


class Dialect(NamedTuple):
    """A choice: one of DIALECTS, and what decided it."""

    name: str
    because: str


def follow(choice: Dialect, verbose: bool = False) -> None:
    """All code of this process, and of those that it starts, follows a dialect from now on.

    Args:
        verbose: whether to say so on stderr, and how to say otherwise.
    """
    rules.follow(DIALECTS[choice.name])
    os.environ[VARIABLE] = choice.name
    if verbose:
        print(f"kcompile: dialect {choice.name}: {choice.because}", file=sys.stderr)


def follow_parent() -> None:
    """Follows the dialect of the process that started this one, if it has one."""
    name = os.environ.get(VARIABLE)
    if name in DIALECTS:
        rules.follow(DIALECTS[name])


def decide(asked: str, source: bytes, path: str, verbose: bool) -> Callable[[str], None] | None:
    """Follows the dialect that a script is run in.

    Args:
        asked: one of DIALECTS, or "auto": by what the script imports.
        source: the script.
        path: where it is.
        verbose: whether to say what was chosen, and why.

    Returns:
        where the script itself does not tell, what decides when it is told of the first import that does.
    """
    if asked in DIALECTS:
        choice: Dialect | None = Dialect(asked, "--dialect says so")
    else:
        choice = _of_source(source, path)
    if choice is None:
        return lambda module: follow(_of_import(module), verbose)
    follow(choice, verbose)
    return None


def _of_import(module: str) -> Dialect:
    name = "keras" if module.partition(".")[0] == "keras" else "tf_keras"
    return Dialect(name, f"{module} is imported first; --dialect says otherwise")


def _named_by(module: str) -> str | None:
    """The dialect that an import of a module asks for; None for modules that say nothing of it."""
    if any(module == name or module.startswith(f"{name}.") for name in _TF_KERAS):
        return "tf_keras"
    return "keras" if module.partition(".")[0] == "keras" else None


def _of_source(source: bytes, path: str) -> Dialect | None:
    """The dialect of a program by what it imports: tf.keras if it names that anywhere, else that of keras;
    None if it names neither, or is no Python.
    """
    try:
        names = list(_named(ast.parse(source, path)))
    except (SyntaxError, ValueError):
        return None
    because = "the script imports {}; --dialect says otherwise"
    found = [
        Dialect(dialect, because.format(name)) for name in names if (dialect := _named_by(name)) is not None
    ]
    return next((choice for choice in found if choice.name == "tf_keras"), found[0] if found else None)


def _named(tree: ast.AST) -> Iterator[str]:
    """The modules that a program names: in imports, and as attributes of what it calls tensorflow."""
    called: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            called |= {entry.asname or entry.name for entry in node.names if entry.name == "tensorflow"}
            yield from (entry.name for entry in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            if node.module.partition(".")[0] == "tensorflow":
                yield from (f"{node.module}.{entry.name}" for entry in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "keras":
            if isinstance(node.value, ast.Name) and node.value.id in called:
                yield "tensorflow.keras"
