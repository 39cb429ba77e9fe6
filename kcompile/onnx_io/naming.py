"""Unique, readable names for the nodes and values of one model."""

from __future__ import annotations

from .errors import ExportError


class Names:
    """The names taken so far; subgraphs share them with the graph around them, as ONNX demands."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def reserve(self, name: str, what: str) -> str:
        """Takes exactly this name.

        Raises:
            ExportError: if the name is empty or taken.
        """
        if not name:
            raise ExportError(f"{what} has an empty name; ONNX needs one: give it a name.")
        if name in self._taken:
            raise ExportError(
                f"{what} is named {name!r}, and so is another value of the model; rename one of them."
            )
        self._taken.add(name)
        return name

    def unique(self, wanted: str) -> str:
        """``wanted``, or ``wanted_1``, ``wanted_2``, ... where that is taken."""
        name = wanted
        while name in self._taken:
            self._next[wanted] = count = self._next.get(wanted, 0) + 1
            name = f"{wanted}_{count}"
        self._taken.add(name)
        return name
