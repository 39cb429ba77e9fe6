"""The drawings of the architecture page are those of the code: every package and its imports."""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.imports import MODULES, imports_of, package_of
from tests.test_floors import FLOORS

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs" / "site"))

import floors  # noqa: E402 - what builds the site is no package

sys.path.pop(0)
FRONT_END = "kcompile.keras"
INNER = {name for name in FLOORS if name.startswith(f"{FRONT_END}.")}
DRAWN = {"packages": ({*FLOORS} - INNER, floors.packages), "front end": (INNER, floors.front_end)}


@pytest.fixture(scope="module", params=DRAWN)
def drawing(request):
    packages, draw = DRAWN[request.param]
    return packages, ET.fromstring(draw())


def lines(root, kind):
    return {(p.get("data-from"), p.get("data-to")) for p in root.iter("path") if p.get("class") == kind}


def test_every_package_is_shown_by_its_name(drawing):
    packages, root = drawing
    shown = {g.get("data-name"): g.find("text").text for g in root.iter("g")}
    assert set(shown) == packages
    assert all(name.endswith(text) and text for name, text in shown.items())
    alt = root.find(".//svg").get("aria-label")
    assert all(text in alt for text in shown.values())


def test_arrows_lead_to_all_that_a_package_imports_and_to_nothing_else(drawing):
    packages, root = drawing
    inner = FRONT_END not in packages
    imports = {
        (a if inner or a not in INNER else FRONT_END, b if inner or b not in INNER else FRONT_END)
        for module in MODULES
        for entry in imports_of(module)
        if (a := package_of(module, FLOORS)) and (b := package_of(entry.target, FLOORS))
    }
    imports = {(a, b) for a, b in imports if a != b and {a, b} <= packages}
    up = {(a, b) for a, b in imports if FLOORS[a] <= FLOORS[b]}
    assert lines(root, "up") == up
    down = lines(root, "down")
    assert down <= imports
    after = {a: [b for _, b in found] for a, found in itertools.groupby(sorted(down), lambda line: line[0])}
    assert {(a, b) for a, b in imports - up if b not in floors.reach(a, after)} == set()
    assert len(down) < len(imports - up)  # else nothing was left out, and it cannot be read


def test_boxes_do_not_lie_on_one_another(drawing):
    boxes = [[float(r.get(key)) for key in ("x", "y", "width", "height")] for r in drawing[1].iter("rect")]
    for (ax, ay, aw, ah), (bx, by, bw, bh) in itertools.combinations(boxes, 2):
        assert ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay
    width = float(drawing[1].find(".//svg").get("width"))
    assert all(x >= 0 and x + w <= width for x, _, w, _ in boxes)


def test_each_arrow_starts_and_ends_at_its_boxes(drawing):
    boxes = {g.get("data-name"): g.find("rect") for g in drawing[1].iter("g")}
    for path in drawing[1].iter("path"):
        numbers = [float(n) for n in re.findall(r"[-\d.]+", path.get("d"))]
        for name, x, y in zip(
            (path.get("data-from"), path.get("data-to")),
            *(numbers[i:][:: len(numbers) - 2] for i in (0, 1)),
            strict=True,
        ):
            left, top, width, height = (float(boxes[name].get(k)) for k in ("x", "y", "width", "height"))
            assert left - 1 <= x <= left + width + 1 and top - 7 <= y <= top + height + 7


def test_the_page_has_a_place_for_each_drawing():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^<!-- drawing: (.+) -->$", page, re.MULTILINE)) == set(floors.drawings())


def test_an_edge_that_others_imply_is_left_out():
    assert floors.reduced({("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")}) == {
        ("a", "b"),
        ("b", "c"),
        ("a", "d"),
    }
