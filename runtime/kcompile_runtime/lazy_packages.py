"""Names whose modules are imported when they are first asked for (PEP 562).

What stands on a package of such names imports the package, and pays for its modules when it uses them::

    from .. import operations

    operations.ROWS[name]
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any


def attach(
    namespace: dict[str, Any],
    names: Mapping[str, str],
    modules: Iterable[str] = (),
    unlisted: Iterable[str] = (),
) -> None:
    """Gives a module or package more names, which are in its ``__all__`` and ``dir()`` at once.

    Checkers are to read the imports themselves, under ``if TYPE_CHECKING``.

    Args:
        namespace: ``globals()`` of the module.
        names: name -> the module that defines it, "module" or, where it is called otherwise there,
            "module:name", or "module:" for the module itself; seen from the package.
        modules: modules in the package that are names of its own.
        unlisted: those of the names and modules that are not in ``__all__``.
    """
    module, package = namespace["__name__"], namespace["__package__"]
    inner = frozenset(modules)
    public = sorted({*namespace.get("__all__", ()), *names, *inner} - {*unlisted})

    def __getattr__(name: str) -> Any:
        if name in inner:
            return importlib.import_module(f".{name}", package)
        if name in names:
            home, colon, own = names[name].partition(":")
            found = importlib.import_module(f".{home}", package)
            return found if colon and not own else getattr(found, own or name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*namespace, *public})

    namespace.update(__getattr__=__getattr__, __dir__=__dir__, __all__=public, _on_demand={*names, *inner})
