"""Serves ``keras.src.backend.kcompile`` from here, and the modules that name Keras's backends, patched."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

#: Where Keras looks for a backend -> the package here, which keeps its own name, so that it is there once.
ALIAS, PACKAGE = "keras.src.backend.kcompile", "kcompile.keras3.backend"


class BackendFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the backend and what lies in it.

    Args:
        patched: name of a module of Keras -> its source, patched.

    Attributes:
        aliases: where Keras looks for a backend, each of which is the one here.
    """

    def __init__(self, patched: Mapping[str, str]) -> None:
        self._patched = patched
        self.aliases = [ALIAS]

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        """A spec for the modules above, None for all others."""
        if self._alias_of(fullname) is not None:
            return ModuleSpec(fullname, self, is_package=fullname in self.aliases)
        if fullname not in self._patched:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin is not None:
            spec.loader = _PatchedLoader(fullname, spec.origin, self._patched[fullname])
        return spec

    def _alias_of(self, fullname: str) -> str | None:
        return next((alias for alias in self.aliases if f"{fullname}.".startswith(f"{alias}.")), None)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module itself, imported under its own name."""
        module = importlib.import_module(PACKAGE + spec.name[len(self._alias_of(spec.name) or "") :])
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """The module has run already; importing it by its alias must not change its spec."""
        if module.__spec__ is not None and module.__spec__.loader is self:
            module.__spec__ = module.__spec__.loader_state


class _PatchedLoader(SourceFileLoader):
    """Runs the patched source of a module; tracebacks show the file, a line or two off."""

    def __init__(self, fullname: str, path: str, source: str) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_code(self, fullname: str) -> Any:
        """Compiled anew: what lies in ``__pycache__`` is Keras's own."""
        return compile(self._source, self.path, "exec", dont_inherit=True)
