"""What long work says of itself while it goes on, to whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: (what is being done, the part of it that is done, None where nobody knows)
Listener = Callable[[str, "float | None"], None]

_listener: ContextVar[Listener | None] = ContextVar("progress", default=None)


def report(stage: str, part: float | None = None) -> None:
    """Says what is being done now ("writing"), and which part of that is done, from 0 to 1."""
    listener = _listener.get()
    if listener is not None:
        listener(stage, part)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Has the reports of the block go to ``listener``."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
