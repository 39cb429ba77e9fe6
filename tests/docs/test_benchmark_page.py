"""The tables and charts of docs/benchmarks.md are those of docs/benchmarks/results.json."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.__main__ import TOPICS
from benchmarks.measuring import Row
from benchmarks.results import cells, entry, merge, read, rows_of

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs" / "site"))

import charts  # noqa: E402 - what builds the site is no package

sys.path.pop(0)
ENTRIES = read(charts.RESULTS)
PAGE = charts.PAGE.read_text(encoding="utf-8")
ABOUT = {"cpus": 2, "machine": "x86_64", "python": "3.11"}


def test_the_page_has_the_tables_of_the_results():
    """`python docs/site/charts.py` writes them."""
    written = PAGE.partition(charts.BEGIN)[2].partition(charts.END)[0]
    assert written.strip() == charts.tables()


@pytest.mark.parametrize("topic", ENTRIES)
def test_every_figure_stands_in_a_table_of_its_topic(topic):
    section = PAGE.partition(f"\n## {charts.TITLES[topic]}\n")[2].partition("\n## ")[0]
    shown = [
        [html.unescape(cell.strip()) for cell in line[1:-1].split(" | ")]
        for line in section.splitlines()
        if line[:1] == "|"
    ]
    for row in rows_of(ENTRIES[topic]):
        found = [line for line in shown if line[0].replace("\\", "") == row.what and line[1] == cells(row)[1]]
        assert found, f"{row.what} is not in the page"
        assert found[0][2:] == cells(row)[2:]
    assert ENTRIES[topic]["taken"] in section and ENTRIES[topic]["command"] in section


@pytest.mark.parametrize("topic", ENTRIES)
def test_a_result_says_whether_it_reached_what_is_wanted_and_how_it_was_taken(topic):
    found = ENTRIES[topic]
    assert [row["reached"] for row in found["rows"]] == [row.reached for row in rows_of(found)]
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", found["taken"])
    assert found["command"].startswith(f"python -m benchmarks {topic}")
    assert found["environment"]["cpus"] and found["environment"]["machine"]


def test_each_topic_of_the_benchmarks_has_a_heading():
    assert set(charts.TITLES) == set(TOPICS)


def test_a_chart_has_a_bar_a_row_as_long_as_its_figure_and_says_all_to_who_cannot_see_it(tmp_path):
    rows = [
        Row("group", "a <b> & c", 2.0, "ms", 4.0, 0.5, 1.0),
        Row("group", "slow", 3.0, "ms", 2.0, 1.5, 1.2),
        Row("group", "rate", 10.0, "/s", 5.0, 2.0, 4.0, at_least=True),
        Row("group", "other rate", 10.0, "/s", 5.0, 2.0, at_least=True),
        Row("group", "alone", 10.0, "s", target=20.0),
        Row("group", "alone too", 5.0, "s"),
        Row("group", "the only one", 5.0, "MiB"),
    ]
    merge(tmp_path / "r.json", "export", entry(rows, "python -m benchmarks export", ABOUT))
    drawn = charts.charts(tmp_path / "r.json")["export: group"].split("\n\n")
    assert len(drawn) == 3
    for text, expected, longest in zip(
        drawn, ([0.5, 1.5], [2.0, 2.0], [10.0, 5.0]), (1.5, 4.0, 20.0), strict=True
    ):
        root = ET.fromstring(text)
        widths = [float(rect.get("width").removesuffix("%")) for rect in root.iter("rect")]
        assert widths == pytest.approx([98 * value / longest for value in expected], abs=0.1)
        assert root.find(".//svg").get("role") == "img"
    shorter = ET.fromstring(drawn[0])
    alt = shorter.find(".//svg").get("aria-label")
    assert "a <b> & c: 0.50" in alt and "slow: 1.50 (not reached)" in alt and "shorter is better" in alt
    assert [rect.get("class") for rect in shorter.iter("rect")] == ["bar", "missed"]
    assert "longer is better" in ET.fromstring(drawn[1]).find("figcaption").text


def test_each_place_for_a_chart_is_filled():
    assert set(re.findall(r"^<!-- chart: (.+) -->$", PAGE, re.MULTILINE)) == set(charts.charts())
    assert all(
        ET.fromstring(f"<div>{text}</div>").findall("figure") for text in charts.charts().values() if text
    )
    assert any(charts.charts().values())
