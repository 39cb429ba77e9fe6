"""A report as HTML: tables, bars by CSS, pictures as SVG within the page, in light and in dark.

The page names nothing outside itself, and its policy lets a browser load or run nothing, whatever text is
in it.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from kcompile_runtime.markup import as_html

from .parts import (
    Bars,
    Facts,
    Flame,
    Frame,
    Histogram,
    Part,
    Roofline,
    Table,
    is_number,
    shown,
)

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="icon" href="data:,">
<style>
{style}</style></head><body>
{body}
</body></html>
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_WIDTH, _HEIGHT = 640, 240
_LEFT, _BOTTOM, _TOP = 84, 34, 12
_COLOURS = 6
_MOST_DEPTH = 24
_THINNEST = 0.0005  # of the whole: what is narrower is not drawn


def page_of(title: str, parts: Sequence[Part]) -> str:
    """A whole page."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return _PAGE.format(policy=_POLICY, title=as_html(title), style=style, body=_body(title, parts))


def fragment_of(title: str, parts: Sequence[Part]) -> str:
    """The report within another page, as notebooks show it."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return f'<div class="kcompile-report"><style>\n{style}</style>\n{_body(title, parts)}</div>'


def _body(title: str, parts: Sequence[Part]) -> str:
    sections = "\n".join(f"<section>{_part(part)}</section>" for part in parts)
    return f'<main class="report"><h1>{as_html(title)}</h1>\n{sections}</main>'


def _part(part: Part) -> str:
    head = f"<h2>{as_html(part.title)}</h2>"
    if isinstance(part, Facts):
        return head + _facts(part)
    if isinstance(part, Table):
        return head + _table(part)
    if isinstance(part, Bars):
        return head + _bars(part)
    if isinstance(part, Histogram):
        return head + _histogram(part)
    if isinstance(part, Flame):
        return head + _flame(part)
    if isinstance(part, Roofline):
        return head + _roofline(part)
    return head + "<ul>" + "".join(f"<li>{as_html(line)}</li>" for line in part.lines) + "</ul>"


def _facts(part: Facts) -> str:
    rows = (
        f"<tr><th>{as_html(fact.name)}</th><td>{as_html(shown(fact.value, fact.unit))}</td></tr>"
        for fact in part.facts
    )
    return f"<table>{''.join(rows)}</table>"


def _table(part: Table) -> str:
    right = [any(is_number(row[i]) for row in part.rows) for i in range(len(part.columns))]
    head = _row("th", [column.name for column in part.columns], right)
    rows = (
        _row("td", [shown(c, column.unit) for c, column in zip(row, part.columns, strict=True)], right)
        for row in part.rows
    )
    return f'<div class="wide"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'


def _row(tag: str, cells: Iterable[str], right: Sequence[bool]) -> str:
    starts = (f'<{tag} class="number">' if number else f"<{tag}>" for number in right)
    made = (f"{start}{as_html(cell)}</{tag}>" for start, cell in zip(starts, cells, strict=True))
    return f"<tr>{''.join(made)}</tr>"


def _bars(part: Bars) -> str:
    largest = max((abs(v) for s in part.series.values() for v in s if math.isfinite(v)), default=0) or 1
    rows = []
    for i, name in enumerate(part.names):
        for place, values in enumerate(part.series.values()):
            value = values[i]
            width = 100 * abs(value) / largest if math.isfinite(value) else 0
            title = f'<th rowspan="{len(part.series)}">{as_html(name)}</th>' if not place else ""
            rows.append(
                f'<tr>{title}<td class="bar"><i class="c{place % _COLOURS}" style="width:{width:.2f}%"></i>'
                f'</td><td class="number">{as_html(shown(value, part.unit))}</td></tr>'
            )
    return _legend(list(part.series)) + f'<table class="bars">{"".join(rows)}</table>'


def _legend(names: Sequence[str]) -> str:
    if len(names) < 2:
        return ""
    entries = (f'<span><i class="c{i % _COLOURS}"></i>{as_html(name)}</span>' for i, name in enumerate(names))
    return f'<p class="legend">{"".join(entries)}</p>'


def _histogram(part: Histogram) -> str:
    low, high = float(part.edges[0]), float(part.edges[-1])
    inside = [value for value in part.marks.values() if math.isfinite(value)]
    low, high = min([low, *inside]), max([high, *inside])
    largest = max(part.counts, default=0) or 1
    if not math.isfinite(high - low) or high <= low:
        return "<p>no values</p>"
    base = _HEIGHT - _BOTTOM

    def across(value: float) -> float:
        return _LEFT + (_WIDTH - 2 * _LEFT) * (value - low) / (high - low)

    shapes = []
    for i, count in enumerate(part.counts):
        x, end, tall = across(part.edges[i]), across(part.edges[i + 1]), (base - _TOP) * count / largest
        note = f"{part.edges[i]:.4g} to {part.edges[i + 1]:.4g}: {shown(count)}"
        shapes.append(
            f'<rect class="c0" x="{x:.1f}" y="{base - tall:.1f}" width="{max(0.5, end - x - 0.5):.1f}" '
            f'height="{tall:.1f}"><title>{as_html(note)}</title></rect>'
        )
    for name, value in part.marks.items():
        if math.isfinite(value):
            x = across(value)
            shapes.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{base}"/>')
            shapes.append(_text(x, _TOP - 2, f"{name} {value:.4g}", "middle"))
    shapes += [_text(across(v), base + 16, f"{v:.4g}", "middle") for v in (low, (low + high) / 2, high)]
    shapes.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _LEFT}" y1="{base}" y2="{base}"/>')
    return _picture(part.title, shapes)


def _roofline(part: Roofline) -> str:
    works = [w for w in part.works if w.flops > 0 and w.bytes > 0 and w.seconds > 0]
    if not works or not (part.peak_flops > 0 and part.peak_bytes > 0):
        return "<p>nothing is computed</p>"
    ridge = part.peak_flops / part.peak_bytes
    intensities = [work.flops / work.bytes for work in works] + [ridge]
    speeds = [work.flops / work.seconds for work in works] + [part.peak_flops]
    x0, x1 = _decades(intensities)
    y0, y1 = _decades(speeds)
    base = _HEIGHT - _BOTTOM

    def place(intensity: float, speed: float) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - 2 * _LEFT) * (math.log10(intensity) - x0) / (x1 - x0)
        y = base - (base - _TOP) * (math.log10(speed) - y0) / (y1 - y0)
        return x, min(max(y, _TOP), base)

    shapes = [
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _LEFT}" y1="{base}" y2="{base}"/>',
        f'<line class="axis" x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP}" y2="{base}"/>',
        _text(_WIDTH - _LEFT, _HEIGHT - 4, "FLOP for each byte", "end"),
    ]
    for power in range(x0, x1 + 1):
        shapes.append(_text(place(10.0**power, 10.0**y0)[0], base + 14, f"{10.0**power:g}", "middle"))
    for power in range(y0, y1 + 1):
        y = place(10.0**x0, 10.0**power)[1]
        shapes.append(_text(_LEFT - 4, y + 4, shown(10.0**power, "FLOP/s"), "end"))
    start = max(10.0**x0, 10.0**y0 / part.peak_bytes)
    corners = [place(start, start * part.peak_bytes), place(ridge, part.peak_flops)]
    corners.append(place(10.0**x1, part.peak_flops))
    shapes.append(f'<polyline class="roof" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in corners)}"/>')
    total = sum(work.seconds for work in works)
    for work in works:
        x, y = place(work.flops / work.bytes, work.flops / work.seconds)
        radius = 3 + 12 * math.sqrt(work.seconds / total)
        note = f"{work.name}: {shown(work.seconds, 's')}, {shown(work.flops / work.seconds, 'FLOP/s')}"
        shapes.append(
            f'<circle class="c{0 if work.flops / work.bytes < ridge else 1}" cx="{x:.1f}" cy="{y:.1f}" '
            f'r="{radius:.1f}"><title>{as_html(note)}</title></circle>'
        )
    return _legend(["bound by memory", "bound by arithmetic"]) + _picture(part.title, shapes)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _picture(title: str, shapes: Iterable[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{as_html(title)}">'
        f"{''.join(shapes)}</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{as_html(text)}</text>'


def _flame(part: Flame) -> str:
    whole = part.root.value
    return f'<div class="flame">{_frame(part.root, whole, whole, part, 0)}</div>' if whole > 0 else ""


def _frame(frame: Frame, within: float, whole: float, part: Flame, depth: int) -> str:
    """A box as wide as its share of what it lies in, its own parts below it."""
    note = f"{frame.name}: {shown(frame.value, part.unit)}, {shown(frame.value / whole, '%')}"
    colour = zlib.crc32(frame.name.encode("utf-8", "replace")) % _COLOURS
    drawn = [child for child in frame.children if child.value >= _THINNEST * whole]
    below = ""
    if drawn and depth < _MOST_DEPTH:
        frames = "".join(_frame(child, frame.value, whole, part, depth + 1) for child in drawn)
        below = f'<div class="below">{frames}</div>'
    width = 100 * min(1.0, frame.value / within)
    return (
        f'<div class="frame" style="width:{width:.3f}%"><span class="c{colour}" title="{as_html(note)}">'
        f"{as_html(frame.name)}</span>{below}</div>"
    )
