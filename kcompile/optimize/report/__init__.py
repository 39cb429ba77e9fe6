"""What was done or measured, as plain parts: a table in the terminal, JSON, and one page of HTML.

>>> report = Report("model.onnx in int8", [Facts("Files", [Fact("before", 97_800_000, "B")])])
>>> report.to_dict()["parts"][0]["facts"]
[{'name': 'before', 'value': 97800000, 'unit': 'B'}]

``print(report)`` shows it, and ``report.save("report.html")`` writes the page.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from ...atomic import replacing
from .page import fragment_of, page_of
from .parts import (
    Bars,
    Cell,
    Column,
    Fact,
    Facts,
    Flame,
    Frame,
    Histogram,
    Notes,
    Part,
    Roofline,
    Table,
    Unit,
    Work,
    shown,
)
from .terminal import print_parts, text_of

__all__ = [
    "Bars",
    "Cell",
    "Column",
    "Fact",
    "Facts",
    "Flame",
    "Frame",
    "Histogram",
    "Notes",
    "Part",
    "Report",
    "Roofline",
    "Table",
    "Unit",
    "Work",
    "shown",
]


@dataclass(frozen=True)
class Report:
    """A title and parts in their order. Names in it may come from files: each form makes them harmless.

    Attributes:
        title: of the whole.
        parts: `Facts`, `Table`, `Bars`, `Histogram`, `Flame`, `Roofline` and `Notes`.
    """

    title: str
    parts: Sequence[Part]

    def __str__(self) -> str:
        return text_of(self.title, self.parts)

    def _repr_html_(self) -> str:
        return fragment_of(self.title, self.parts)

    def print_on(self, console: Any) -> None:
        """Prints the report on a console of rich; what only a picture shows is left to the page."""
        print_parts(self.title, self.parts, console)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: ``{"title": ..., "parts": [{"kind": "table", "title": ..., ...}, ...]}``. A number that
        is none (NaN, infinite) is None."""
        parts = [{"kind": type(part).__name__.lower(), **_plain(part)} for part in self.parts]
        return {"title": self.title, "parts": parts}

    def to_json(self) -> str:
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def to_html(self) -> str:
        """One page that needs nothing else: its style and pictures are in it, and no script."""
        return page_of(self.title, self.parts)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the page, or JSON to a name that ends in .json.

        Raises:
            OSError: it cannot be written.
        """
        is_json = os.fspath(path).lower().endswith(".json")
        text = self.to_json() + "\n" if is_json else self.to_html()
        with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as stream:
            stream.write(text)


def _plain(value: Any) -> Any:
    """Data of the standard library's types, which JSON can say."""
    if is_dataclass(value):
        return {entry.name: _plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
