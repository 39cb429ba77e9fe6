"""Places boxes on rows, and lines between them, so that few lines cross: Sugiyama's method.

A line that passes rows has a narrow place of its own on each. Rows are ordered by the mean place of what$
their boxes are joined to, up and down in turn; then each box moves as near to that as its neighbours let it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Edge = tuple[str, str]
#: A box, by its name, or the place of a line on a row that it passes.
Key = str | tuple[Edge, int]

WIDTH = 640.0  # of boxes and gaps on a row at most; the column of text is so wide
LEFT, GAP, ROW, BOX, PASSING = 40.0, 12.0, 52.0, 24.0, 4.0
_SWEEPS = 24


@dataclass(frozen=True)
class Placed:
    """What is where.

    Attributes:
        centres: name -> (x, y).
        paths: edge -> ``d`` of an SVG path.
        rows: (height that was given, y) of each row; a height that has several rows stands once.
    """

    centres: dict[str, tuple[float, float]]
    paths: dict[Edge, str]
    rows: list[tuple[float, float]]
    width: float
    height: float


def place(heights: Mapping[str, float], edges: Sequence[Edge], widths: Mapping[str, float]) -> Placed:
    """Boxes of one height share a row, or several if that would be too wide; the highest is above."""
    named = _rows(heights, widths)
    level = {name: index for index, (_, names) in enumerate(named) for name in names}
    rows: list[list[Key]] = [list(names) for _, names in named]
    chains: dict[Edge, list[Key]] = {}
    for edge in edges:
        a, b = sorted((level[edge[0]], level[edge[1]]))
        ends = edge if level[edge[0]] == a else edge[::-1]
        chains[edge] = [ends[0], *((edge, row) for row in range(a + 1, b)), ends[1]]
        for row in range(a + 1, b):
            rows[row].append((edge, row))
    xs = _columns(rows, chains, widths)
    ys = [BOX / 2 + 2 + ROW * index for index in range(len(rows))]
    unused = min(
        xs[key] - (widths[key] / 2 if isinstance(key, str) else PASSING) for row in rows for key in row
    )
    where = {key: (LEFT + xs[key] - unused, ys[index]) for index, row in enumerate(rows) for key in row}
    first = {floor: ys[index] for index, (floor, _) in reversed(list(enumerate(named)))}
    right = max(where[name][0] + widths[name] / 2 for name in level)
    return Placed(
        {name: where[name] for name in level},
        {
            edge: _path([where[key] for key in chain], level[edge[0]] > level[edge[1]])
            for edge, chain in chains.items()
        },
        list(first.items()),
        right + 2,
        ys[-1] + BOX / 2 + 2,
    )


def _rows(heights: Mapping[str, float], widths: Mapping[str, float]) -> list[tuple[float, list[str]]]:
    found: list[tuple[float, list[str]]] = []
    for height in sorted(set(heights.values()), reverse=True):
        names = sorted(name for name in heights if heights[name] == height)
        total = sum(widths[name] + GAP for name in names)
        count = int(-(-total // (0.8 * WIDTH)))  # leaves room for lines that pass
        size = -(-len(names) // count)
        found += [(height, names[i : i + size]) for i in range(0, len(names), size)]
    return found


def _columns(
    rows: list[list[Key]], chains: Mapping[Edge, Sequence[Key]], widths: Mapping[str, float]
) -> dict[Key, float]:
    above: dict[Key, list[Key]] = {}
    below: dict[Key, list[Key]] = {}
    for chain in chains.values():
        for a, b in itertools.pairwise(chain):
            below.setdefault(a, []).append(b)
            above.setdefault(b, []).append(a)
    size = {key: widths[key] if isinstance(key, str) else PASSING for row in rows for key in row}
    xs: dict[Key, float] = {}
    for row in rows:
        xs.update(_apart(row, [WIDTH * (i + 0.5) / len(row) for i in range(len(row))], size))
    for sweep in range(_SWEEPS):
        near = below if sweep % 2 else above
        for row in reversed(rows) if sweep % 2 else rows:
            wanted = {key: _mean([xs[other] for other in near.get(key, [])] or [xs[key]]) for key in row}
            row.sort(key=lambda key: (wanted[key], xs[key]))
            xs.update(_apart(row, [wanted[key] for key in row], size))
    for row in rows:  # the order stands: between what is above and what is below
        wanted = {
            key: _mean([xs[o] for o in above.get(key, []) + below.get(key, [])] or [xs[key]]) for key in row
        }
        xs.update(_apart(row, [wanted[key] for key in row], size))
    return xs


def _apart(row: Sequence[Key], wanted: Sequence[float], size: Mapping[Key, float]) -> dict[Key, float]:
    """Centres in this order that do not overlap, as near to what is wanted as can be: isotonic regression."""
    offsets = list(itertools.accumulate((size[a] + size[b]) / 2 + GAP for a, b in itertools.pairwise(row)))
    offsets = [0.0, *offsets]
    blocks: list[tuple[float, int]] = []
    for value, offset in zip(wanted, offsets, strict=True):
        blocks.append((value - offset, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, n), (b, m) = blocks[-2], blocks[-1]
            blocks[-2:] = [((a * n + b * m) / (n + m), n + m)]
    starts = [mean for mean, count in blocks for _ in range(count)]
    least = size[row[0]] / 2
    most = max(least, WIDTH - size[row[-1]] / 2 - offsets[-1])
    return {
        key: min(max(start, least), most) + offset
        for key, start, offset in zip(row, starts, offsets, strict=True)
    }


def _path(points: Sequence[tuple[float, float]], upward: bool) -> str:
    """A smooth line from box to box through the places between; it ends where it leads to."""
    (x0, y0), (x1, y1) = points[0], points[-1]
    passed = [(x0, y0 + BOX / 2), *points[1:-1], (x1, y1 - BOX / 2 - 5 * (not upward))]
    if upward:
        passed[0] = (x0, y0 + BOX / 2 + 5)
        passed.reverse()
    drawn = f"M{passed[0][0]:.1f} {passed[0][1]:.1f}"
    for (xa, ya), (xb, yb) in itertools.pairwise(passed):
        middle = (ya + yb) / 2
        drawn += f"C{xa:.1f} {middle:.1f} {xb:.1f} {middle:.1f} {xb:.1f} {yb:.1f}"
    return drawn


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
