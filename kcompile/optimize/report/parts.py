"""What reports are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ...tables import format_bytes, format_rate, format_seconds

Unit = Literal["", "s", "B", "%", "x", "dB", "FLOP", "FLOP/s", "B/s", "samples/s"]
"""Of numbers: seconds, bytes, a share (0.18 is 18 %), how many times as much, decibels ..."""
Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Fact:
    """One thing known: ``Fact("size", 1024, "B")``."""

    name: str
    value: Cell
    unit: Unit = ""


@dataclass(frozen=True)
class Facts:
    """Things known, one a line."""

    title: str
    facts: Sequence[Fact]


@dataclass(frozen=True)
class Column:
    """A column of a table, and what its numbers count."""

    name: str
    unit: Unit = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells, one for each column.

    Raises:
        ValueError: a row has more or fewer cells than there are columns.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"{self.title}: expected {len(self.columns)} cells in a row, found {len(row)}."
                )


@dataclass(frozen=True)
class Bars:
    """A bar for each name, as layers are, and each series: ``{"float32": [...], "int8": [...]}``.

    Raises:
        ValueError: a series has more or fewer numbers than there are names.
    """

    title: str
    names: Sequence[str]
    series: Mapping[str, Sequence[float]]
    unit: Unit = ""

    def __post_init__(self) -> None:
        for name, values in self.series.items():
            if len(values) != len(self.names):
                raise ValueError(
                    f"{self.title}: expected {len(self.names)} numbers of {name}, found {len(values)}."
                )


@dataclass(frozen=True)
class Histogram:
    """How many values lie between each two edges.

    Attributes:
        edges: one more than counts, in rising order.
        marks: lines at values, by name, as the ends of a range are.

    Raises:
        ValueError: numbers of edges and counts do not fit.
    """

    title: str
    edges: Sequence[float]
    counts: Sequence[float]
    marks: Mapping[str, float] = field(default_factory=dict)
    unit: Unit = ""

    def __post_init__(self) -> None:
        if len(self.edges) != len(self.counts) + 1:
            raise ValueError(
                f"{self.title}: expected {len(self.counts) + 1} edges for {len(self.counts)} counts, "
                f"found {len(self.edges)}."
            )


@dataclass(frozen=True)
class Frame:
    """A part of a whole, and its own parts: what lies below it in a flame graph."""

    name: str
    value: float
    children: Sequence[Frame] = ()


@dataclass(frozen=True)
class Flame:
    """Parts of parts, as wide as what they take; it is drawn in the page."""

    title: str
    root: Frame
    unit: Unit = "s"


@dataclass(frozen=True)
class Work:
    """What one part computes and moves, and the time that it takes."""

    name: str
    flops: float
    bytes: float
    seconds: float


@dataclass(frozen=True)
class Roofline:
    """Work below what a machine can do (Williams, Waterman and Patterson, 2009); it is drawn in the page.

    Attributes:
        peak_flops: operations a second, measured.
        peak_bytes: bytes a second from memory, measured.
    """

    title: str
    peak_flops: float
    peak_bytes: float
    works: Sequence[Work]


@dataclass(frozen=True)
class Notes:
    """Sentences, as advice is."""

    title: str
    lines: Sequence[str]


Part = Facts | Table | Bars | Histogram | Flame | Roofline | Notes


def shown(value: Cell, unit: Unit = "") -> str:
    """A number with its unit as people read it: ``shown(0.00123, "s")`` is ``1.23 ms``."""
    if value is None:
        return "-"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        return "-"
    if unit == "s":
        return format_seconds(value)
    if unit == "B":
        return format_bytes(value)
    if unit == "%":
        return f"{100 * value:.1f} %"
    if unit == "x":
        return f"{value:.2f} times"
    if unit in ("FLOP", "FLOP/s", "B/s"):
        return format_rate(value, unit)
    is_whole = float(value).is_integer() or 1000 <= abs(value)
    number = f"{value:,.0f}" if is_whole and abs(value) < 1e15 else f"{value:.4g}"
    return f"{number} {unit}" if unit else number


def is_number(value: Cell) -> bool:
    """Whether a cell is one that columns align to the right."""
    return not isinstance(value, str | bool) and value is not None
