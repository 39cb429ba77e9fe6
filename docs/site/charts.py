"""The tables and charts of docs/benchmarks.md, of docs/benchmarks/results.json.

    python docs/site/charts.py

writes the tables into the page; the site's build draws the charts. The results are made and renewed, topic by
topic, by ``python -m benchmarks TOPIC... --json docs/benchmarks/results.json``.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(DOCS.parent), str(DOCS.parent / "runtime")]

import svg  # noqa: E402 - beside this file

from benchmarks.measuring import Row  # noqa: E402
from benchmarks.results import cells, figure, read, rows_of, where  # noqa: E402

RESULTS = DOCS / "benchmarks" / "results.json"
PAGE = DOCS / "benchmarks.md"
BEGIN, END = "<!-- tables: written by `python docs/site/charts.py` -->", "<!-- end of the tables -->"
#: topic -> heading, in the order of the page
TITLES = {
    "predict": "Prediction",
    "train": "Training",
    "data": "Data",
    "steps": "Training steps",
    "precision": "Half precision",
    "peers": "Other Kerases",
    "keras3": "Keras 3",
    "keras3_export": "Export from Keras 3",
    "parallel": "Several devices",
    "export": "Export",
    "applications": "Applications",
    "import": "Import",
    "memory": "Memory",
    "files": "Files",
    "serve": "Serving",
    "optimize": "Smaller and faster files",
    "optimize_transformers": "Transformers",
    "trained": "Training for small files",
    "soak": "Long load",
}
_COLUMNS = "| | kcompile | other | ratio | wanted | reached |\n| --- | ---: | ---: | ---: | ---: | --- |"
#: Pixels: of a line of a label, of a bar, between rows. Characters of a line, which a phone shows.
_LINE, _BAR, _GAP, _TOP, _LABEL = 15, 12, 12, 2, 58


def tables(path: Path = RESULTS) -> str:
    """A section a topic: where its figures come from, a place for its charts, and a table a group of rows."""
    found = read(path)
    sections = []
    for topic in (topic for topic in TITLES if topic in found):
        entry = found[topic]
        parts = [
            f"## {TITLES[topic]}",
            f"`{entry['command']}`, {entry['taken']}: {where(entry['environment'])}.",
        ]
        for group, rows in _groups(rows_of(entry)):
            lines = "\n".join("| " + " | ".join(_cell(cell) for cell in cells(row)) + " |" for row in rows)
            if _sentence(group) != TITLES[topic]:
                parts.append(f"**{_sentence(group)}**")
            parts += [f"<!-- chart: {topic}: {group} -->", f"{_COLUMNS}\n{lines}"]
        sections.append("\n\n".join(parts))
    return "\n\n".join(sections)


def charts(path: Path = RESULTS) -> dict[str, str]:
    """What stands in the page for ``<!-- chart: TOPIC: GROUP -->``; "" where a chart would say nothing."""
    return {
        f"{topic}: {group}": "\n\n".join(_charts(group, rows))
        for topic, entry in read(path).items()
        for group, rows in _groups(rows_of(entry))
    }


def write(page: Path = PAGE, path: Path = RESULTS) -> None:
    """Puts the tables into the page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{tables(path)}\n\n{END}{after}", encoding="utf-8")


def chart(title: str, rows: Sequence[Row], bars: Sequence[float], unit: str, better: str) -> str:
    """Bars from the left, one a row, each below its label; a tick where it should end at most, or at least.

    Args:
        bars: how long each bar is, in ``unit``; of ratios (no unit), a dashed line is at 1.
    """
    ends = [max(bar, row.target or 0.0) for bar, row in zip(bars, rows, strict=True)]
    longest = max([*ends, 0.0 if unit else 1.0])
    parts, y, told = [], _TOP, []
    for row, bar in zip(rows, bars, strict=True):
        label = f"{row.what}: {figure(bar, unit) if unit else f'{bar:.2f}'}"
        told.append(label + {None: "", True: "", False: " (not reached)"}[row.reached])
        for line in textwrap.wrap(label, _LABEL):
            parts.append(svg.text(line, 0, y + 11))
            y += _LINE
        kind = "missed" if row.reached is False else "bar"
        parts.append(svg.element("rect", x=0, y=y, width=_percent(bar, longest), height=_BAR, class_=kind))
        if not unit:
            x = _percent(1.0, longest)
            parts.append(svg.element("line", x1=x, x2=x, y1=y - 3, y2=y + _BAR + 3, class_="one"))
        if row.target is not None:
            x = _percent(row.target, longest)
            parts.append(svg.element("line", x1=x, x2=x, y1=y - 2, y2=y + _BAR + 2, class_="wanted"))
        y += _BAR + _GAP
    alt = f"{_sentence(title)}, {unit or 'ratios'}, {better}. {'; '.join(told)}."
    marks = [] if unit else ["dashed: as much as the other"]
    marks += ["tick: what is wanted"] if any(row.target is not None for row in rows) else []
    marks += ["hollow: not reached"] if any(row.reached is False for row in rows) else []
    what = f"Ratio to the other, {better}" if not unit else f"{unit}, {better}"
    return svg.figure(parts, "100%", y, alt, "; ".join([what, *marks]) + ".", kind="bars")


def _charts(title: str, rows: Sequence[Row]) -> Iterable[str]:
    for at_least, better in ((False, "shorter is better"), (True, "longer is better")):
        compared = [row for row in rows if row.ratio is not None and row.at_least is at_least]
        if len(compared) > 1:
            yield chart(title, compared, [row.ratio or 0.0 for row in compared], "", better)
    alone = [row for row in rows if row.ratio is None and row.unit and not row.at_least and row.ours > 0]
    for unit in dict.fromkeys(row.unit for row in alone):
        measured = [row for row in alone if row.unit == unit]
        if len(measured) > 1:
            better = "longer is better" if unit == "%" else "shorter is better"
            yield chart(title, measured, [row.ours for row in measured], unit, better)


def _groups(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    return [
        (group, [row for row in rows if row.topic == group]) for group in dict.fromkeys(r.topic for r in rows)
    ]


def _percent(value: float, longest: float) -> str:
    return f"{98 * value / longest:.1f}%"


def _cell(text: str) -> str:
    """Text that no table and no HTML takes for its own."""
    return re.sub(r"([|*_])", r"\\\1", text).replace("<", "&lt;")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


if __name__ == "__main__":
    write()
