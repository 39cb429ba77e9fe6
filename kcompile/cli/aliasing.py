"""Makes ``import keras`` mean kcompile.keras: ``keras.x`` is ``kcompile.keras.x``, the same module object."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from types import ModuleType
from typing import Any

ALIAS = "keras"
TARGET = "kcompile.keras"


class AliasFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``keras`` and what is below it; put first on ``sys.meta_path`` by :func:`install`."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """A spec for the alias; None for other names and for modules that kcompile.keras lacks."""
        if fullname != ALIAS and not fullname.startswith(f"{ALIAS}."):
            return None
        real = importlib.util.find_spec(TARGET + fullname[len(ALIAS) :])
        if real is None:
            return None
        return importlib.machinery.ModuleSpec(
            fullname, self, origin=real.origin, is_package=real.submodule_search_locations is not None
        )

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The module of kcompile.keras itself, imported under its own name."""
        module = importlib.import_module(TARGET + spec.name[len(ALIAS) :])
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """The module has run already; importing it by its alias must not change its spec. Programs that take
        one of several Kerases ask the package for its name.
        """
        if module.__package__ == TARGET and hasattr(module, "__path__"):
            module.__name__ = ALIAS
        spec = module.__spec__
        if spec is not None and spec.loader is self:
            module.__spec__ = spec.loader_state


def install() -> None:
    """From now on ``keras`` is kcompile.keras in this process, whether or not another Keras is installed."""
    if not any(isinstance(finder, AliasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, AliasFinder())
    for name in [name for name in sys.modules if name == ALIAS or name.startswith(f"{ALIAS}.")]:
        if sys.modules[name] is not sys.modules.get(TARGET + name[len(ALIAS) :]):
            del sys.modules[name]
