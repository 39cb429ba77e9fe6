"""Where an operator is emitted: the layer path that nodes carry in names, printouts and error messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_scope: ContextVar[str] = ContextVar("kcompile_scope", default="")


def current_scope() -> str:
    """The path of the enclosing scopes, ``"model_1/dense_2"``; empty outside of any."""
    return _scope.get()


@contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Nodes emitted inside carry ``name`` below the enclosing scope."""
    outer = _scope.get()
    path = f"{outer}/{name}" if outer else name
    token = _scope.set(path)
    try:
        yield path
    finally:
        _scope.reset(token)


@contextmanager
def absolute_scope(path: str) -> Iterator[str]:
    """Nodes emitted inside carry exactly ``path`` (a pass re-emits nodes under their old names)."""
    token = _scope.set(path)
    try:
        yield path
    finally:
        _scope.reset(token)
