"""Messages about files: what a file chose of them does nothing to the terminal that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kcompile_runtime.text import harmless

from .. import registry


@contextmanager
def harmless_messages() -> Iterator[None]:
    """Errors raised within have messages that are shown as they read: names of layers, weights and tensors
    are a file's choice, and Python prints a message raw.
    """
    try:
        yield
    except Exception as error:
        make_harmless(error)
        raise


class _LayerName(str):
    """A name that a terminal would obey: itself everywhere, but what is put into a text is harmless."""

    def __str__(self) -> str:
        return harmless(raw_name(self))

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


def layer_name(name: Any) -> Any:
    """The name of a layer, which errors, warnings, names of weights and metrics are made with.

    Returns:
        ``name``; where it has control characters or marks of direction, a str that is equal to it and is
        written without them in f-strings.
    """
    return _LayerName(name) if type(name) is str and name != harmless(name) else name


def raw_name(name: Any) -> Any:
    """What ``layer_name`` was given."""
    return str.__str__(name) if isinstance(name, _LayerName) else name


def make_harmless(error: BaseException) -> None:
    """Changes the messages of an error and of those that led to it, which a traceback shows as well."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.args = tuple(harmless(arg, lines=True) if isinstance(arg, str) else arg for arg in one.args)
        waiting += [one.__cause__, one.__context__]


__all__ = ["harmless", "harmless_messages", "layer_name", "make_harmless", "raw_name"]

registry.register(globals())
