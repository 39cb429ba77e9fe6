"""Pages of the API reference: one a public module, with every name that it lists.

A name is described where its code is, which is another module than the one that people import it from.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

#: Classes whose methods people call; those of others are described by their bases.
_WITH_METHODS = {"Model", "Sequential", "Layer", "Callback", "Optimizer", "Loss", "Metric", "Executor"}
_CONFIG = Path(__file__).resolve().parents[2] / "mkdocs.yml"


@dataclass(frozen=True)
class Entry:
    """A public name.

    Attributes:
        name: as people import it.
        target: ``module.Class`` where its text is, which mkdocstrings reads; None for a function that is made
            while the program runs.
        function: such a function.
    """

    name: str
    target: str | None
    function: Any = None

    def text(self) -> str:
        if self.target is not None:
            members = (
                "\n      members: true\n      inherited_members: true" if self.name in _WITH_METHODS else ""
            )
            shown = f"\n      heading: {self.name}\n      toc_label: {self.name}"
            return f"::: {self.target}\n    options:{shown}{members}"
        signature = inspect.signature(self.function)
        plain = signature.replace(
            parameters=[p.replace(annotation=p.empty) for p in signature.parameters.values()],
            return_annotation=signature.empty,
        )
        return (
            f"## {self.name}\n\n```python\n{self.name}{plain}\n```\n\n{inspect.getdoc(self.function) or ''}"
        )


@dataclass(frozen=True)
class Page:
    """The page of one module."""

    module: str
    entries: tuple[Entry, ...]
    plain: tuple[str, ...]  # names of what is neither a class nor a function

    @property
    def path(self) -> str:
        return f"api/{self.module}.md"

    def text(self) -> str:
        """The page in Markdown, with mkdocstrings' directives."""
        parts = [
            f"# {self.module}",
            f"::: {self.module}\n    options: {{show_root_heading: false, show_root_toc_entry: false}}",
        ]
        if self.plain:
            parts.append("Modules and constants: " + ", ".join(f"`{name}`" for name in self.plain) + ".")
        parts += [entry.text() for entry in self.entries]
        return "\n\n".join(parts) + "\n"


@cache
def pages() -> tuple[Page, ...]:
    """One for each ``api/MODULE.md`` in the navigation of mkdocs.yml."""
    listed = re.findall(r"- api/([\w.]+)\.md$", _CONFIG.read_text(encoding="utf-8"), re.MULTILINE)
    return tuple(_page(name) for name in listed)


def _page(name: str) -> Page:
    module = importlib.import_module(name)
    entries, plain = [], []
    for public in public_names(module):
        value = getattr(module, public)
        if not is_described(value):
            plain.append(public)
            continue
        target = target_of(value)
        entries.append(Entry(public, target, None if target else value))
    return Page(name, tuple(entries), tuple(plain))


def public_names(module: ModuleType) -> list[str]:
    """What ``__all__`` or ``__dir__`` lists; of a module that has neither, what is defined in it."""
    listed = getattr(module, "__all__", None) or (dir(module) if "__dir__" in vars(module) else None)
    if listed is not None:
        return [name for name in dict.fromkeys(listed) if not name.startswith("_")]
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


def is_described(value: Any) -> bool:
    """Whether it is a class or function of ours; others (modules, numbers, ``slice``) are only named."""
    ours = str(getattr(value, "__module__", "")).split(".")[0] in ("kcompile", "kcompile_runtime")
    return ours and (inspect.isclass(value) or inspect.isfunction(value))


def target_of(value: Any) -> str | None:
    """Where the text of a class or function is; None where none is written out."""
    value = value if inspect.isclass(value) else inspect.unwrap(value)
    module = sys.modules[value.__module__]
    name = value.__qualname__
    written = re.search(rf"^(class|def) {re.escape(name)}\b", _source(module), re.MULTILINE)
    return f"{module.__name__}.{name}" if written else None


@cache
def _source(module: ModuleType) -> str:
    return Path(module.__file__ or "").read_text(encoding="utf-8")


def names() -> Iterator[tuple[str, str]]:
    """(module, public name) of all that has to have a description."""
    for page in pages():
        for entry in page.entries:
            yield page.module, entry.name
