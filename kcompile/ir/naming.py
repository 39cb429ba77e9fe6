"""Names that are given once each: of nodes and weights in files, of variables and attributes in source."""

from __future__ import annotations

from collections.abc import Iterable


class Names:
    """The names given so far. Many of one name cost time in proportion to their number.

    Args:
        taken: names that are never given.
        separator: what lies between a name and its number.
    """

    def __init__(self, taken: Iterable[str] = (), separator: str = "_") -> None:
        self._taken = set(taken)
        self._separator = separator
        self._numbers: dict[str, int] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._taken

    def unique(self, wanted: str) -> str:
        """``wanted``, or ``wanted_1``, ``wanted_2``, ... where that is taken."""
        name = wanted
        while name in self._taken:
            number = self._numbers[wanted] = self._numbers.get(wanted, 0) + 1
            name = f"{wanted}{self._separator}{number}"
        self._taken.add(name)
        return name

    def take(self, name: str) -> None:
        """Keeps a name from being given."""
        self._taken.add(name)
