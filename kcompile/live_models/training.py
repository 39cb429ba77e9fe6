"""The argument ``training`` of a live layer's call."""

from __future__ import annotations


class Training:
    """A ``training`` argument that tells whether somebody asked for it."""

    def __init__(self, value: bool) -> None:
        self.value = value
        self.was_asked = False

    def __bool__(self) -> bool:
        self.was_asked = True
        return self.value

    def __eq__(self, other: object) -> bool:
        return bool(self) == other

    __hash__ = object.__hash__
