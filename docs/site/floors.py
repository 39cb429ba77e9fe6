"""The drawings of docs/architecture.md: packages on their floors, and what the modules import."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path

import layers
import svg

from tests.imports import MODULES, floors_of, imports_of, package_of

PAGE = Path(__file__).resolve().parents[1] / "architecture.md"
FRONT_END = "kcompile.keras"
Edge = tuple[str, str]

_HEIGHT, _CHARACTER, _PADDING = 24.0, 7.0, 14.0


@cache
def floors() -> dict[str, float]:
    return floors_of(PAGE.read_text(encoding="utf-8"))


@cache
def knowledge() -> frozenset[Edge]:
    """(package, package that a module of it imports) of all modules."""
    found = {
        (package_of(module, floors()), package_of(entry.target, floors()))
        for module in MODULES
        for entry in imports_of(module)
    }
    return frozenset((a, b) for a, b in found if a is not None and b is not None and a != b)


def drawings() -> dict[str, str]:
    """What stands in the page for ``<!-- drawing: NAME -->``, by name."""
    return {"packages": packages(), "front end": front_end()}


def packages() -> str:
    """All packages, the front end as one."""
    edges = {(_outer(a), _outer(b)) for a, b in knowledge()}
    heights = {_outer(name): floor for name, floor in floors().items() if not _is_inner(name)}
    return _drawing(heights, edges, "The packages of kcompile on their floors")


def front_end() -> str:
    """The packages inside the front end."""
    heights = {name: floor for name, floor in floors().items() if _is_inner(name)}
    return _drawing(heights, knowledge(), "The packages inside kcompile.keras on their floors")


def reduced(edges: Collection[Edge]) -> set[Edge]:
    """The edges without those that follow from others: one from a to c where a leads to b, and b to c."""
    after: dict[str, set[str]] = {}
    for a, b in edges:
        after.setdefault(a, set()).add(b)
    return {(a, b) for a, b in edges if not any(b in reach(c, after) for c in after[a] - {b})}


def reach(start: str, after: Mapping[str, Iterable[str]]) -> set[str]:
    """All that lies behind a package."""
    found: set[str] = set()
    stack = list(after.get(start, ()))
    while stack:
        package = stack.pop()
        if package not in found:
            found.add(package)
            stack.extend(after.get(package, ()))
    return found


def _is_inner(name: str) -> bool:
    return name.startswith(f"{FRONT_END}.")


def _outer(name: str) -> str:
    return FRONT_END if _is_inner(name) else name


def _drawing(heights: Mapping[str, float], edges: Iterable[Edge], title: str) -> str:
    known = {(a, b) for a, b in edges if a in heights and b in heights and a != b}
    down = {(a, b) for a, b in known if heights[a] > heights[b]}
    names = {name: _shown(name) for name in heights}
    widths = {name: _CHARACTER * len(shown) + _PADDING for name, shown in names.items()}
    placed = layers.place(heights, sorted(reduced(down) | (known - down)), widths)
    arrow = f"arrow-{len(names)}"  # each drawing of a page has one of its own
    tip = svg.element("polygon", points="0,0 8,4 0,8")
    marker = svg.element(
        "marker",
        tip,
        id=arrow,
        viewBox="0 0 8 8",
        refX=1,
        refY=4,
        markerWidth=6,
        markerHeight=6,
        orient="auto",
    )
    parts = [svg.element("defs", marker)]
    parts += [
        svg.element(
            "path",
            d=path,
            marker_end=f"url(#{arrow})",
            class_="down" if edge in down else "up",
            data_from=edge[0],
            data_to=edge[1],
        )
        for edge, path in placed.paths.items()
    ]
    for name, (x, y) in placed.centres.items():
        box = svg.element(
            "rect", x=x - widths[name] / 2, y=y - _HEIGHT / 2, width=widths[name], height=_HEIGHT, rx=4
        )
        parts.append(
            svg.element("g", box + svg.text(names[name], x, y + 4, text_anchor="middle"), data_name=name)
        )
    parts += [svg.text(f"{floor:g}", 0.0, y + 4, class_="floor") for floor, y in placed.rows]
    rows = [
        f"floor {floor:g}: " + ", ".join(names[name] for name in sorted(heights) if heights[name] == floor)
        for floor in sorted(set(heights.values()), reverse=True)
    ]
    return svg.figure(
        parts, placed.width, placed.height, f"{title}, the highest first. {'; '.join(rows)}.", kind="floors"
    )


def _shown(name: str) -> str:
    return name.removeprefix(f"{FRONT_END}." if _is_inner(name) else "kcompile.")
