"""A report in a terminal."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

from kcompile_runtime.text import harmless

from ...tables import console, table
from .parts import Bars, Facts, Histogram, Notes, Part, Roofline, Table, is_number, shown

_BAR = 30  # characters of the longest
_MOST_ROWS, _MOST_BARS, _MOST_BINS = 60, 40, 16


def text_of(title: str, parts: Sequence[Part]) -> str:
    """The report as lines of 100 characters."""
    out = io.StringIO()
    print_parts(title, parts, console(out, width=100))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def print_parts(title: str, parts: Sequence[Part], out: Any) -> None:
    """Prints a report on a console of rich; flame graphs are left to the page."""
    out.print(harmless(title), style="bold", markup=False)
    for part in parts:
        for made in _renderings(part):
            if isinstance(made, str):
                out.print(harmless(made), markup=False)
            else:
                out.print(made)


def _renderings(part: Part) -> Iterator[Any]:
    if isinstance(part, Facts):
        yield table(part.title, ["", ""], [(fact.name, shown(fact.value, fact.unit)) for fact in part.facts])
    elif isinstance(part, Table):
        yield _table(part)
    elif isinstance(part, Bars):
        yield _bars(part)
    elif isinstance(part, Histogram):
        yield _histogram(part)
    elif isinstance(part, Roofline):
        peaks = f"{shown(part.peak_flops, 'FLOP/s')}, {shown(part.peak_bytes, 'B/s')}"
        yield f"{part.title}: at most {peaks}, as measured here"
    elif isinstance(part, Notes) and part.lines:
        yield part.title
        for line in part.lines:
            yield f"  - {line}"


def _table(part: Table) -> Any:
    right = [i for i in range(len(part.columns)) if any(is_number(row[i]) for row in part.rows)]
    first = part.rows[:_MOST_ROWS]
    rows = [
        [shown(cell, column.unit) for cell, column in zip(row, part.columns, strict=True)] for row in first
    ]
    title = _first_of(part.title, _MOST_ROWS, len(part.rows))
    return table(title, [column.name for column in part.columns], rows, right)


def _bars(part: Bars) -> Any:
    several = len(part.series) > 1
    finite = (abs(v) for values in part.series.values() for v in values if math.isfinite(v))
    largest = max(finite, default=0)
    rows = []
    for i, name in enumerate(part.names[:_MOST_BARS]):
        for series, values in part.series.items():
            cells = [name, *([series] if several else []), _bar(values[i], largest)]
            rows.append([*cells, shown(values[i], part.unit)])
    title = _first_of(part.title, _MOST_BARS, len(part.names))
    columns = ["", *([""] if several else []), "", ""]
    return table(title, columns, rows, [len(columns) - 1])


def _histogram(part: Histogram) -> Any:
    step = -(-len(part.counts) // _MOST_BINS)
    counts = [sum(part.counts[i : i + step]) for i in range(0, len(part.counts), step)]
    edges = [*part.edges[:-1:step], part.edges[-1]]
    largest = max(counts, default=0)
    rows = [
        (f"{edges[i]:.4g} to {edges[i + 1]:.4g}", _bar(count, largest), shown(count))
        for i, count in enumerate(counts)
    ]
    marks = ", ".join(f"{name} {value:.4g}" for name, value in part.marks.items())
    return table(f"{part.title} ({marks})" if marks else part.title, ["", "", ""], rows, [2])


def _first_of(title: str, most: int, count: int) -> str:
    return f"{title} (the first {most} of {count})" if count > most else title


def _bar(value: float, largest: float) -> str:
    if not largest > 0 or not abs(value) <= largest:
        return ""
    return "█" * max(1 if value else 0, round(_BAR * abs(value) / largest))
