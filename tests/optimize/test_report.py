"""A report says the same in the terminal, as JSON and as a page, and nothing in it escapes from its place."""

from __future__ import annotations

import html.parser
import json
import math

import numpy as np
import pytest

from kcompile.optimize.report import (
    Bars,
    Column,
    Fact,
    Facts,
    Flame,
    Frame,
    Histogram,
    Notes,
    Report,
    Roofline,
    Table,
    Work,
    shown,
)

VOID = {"meta", "link"}
HOSTILE = "</title><script>alert(1)</script>\x1b[31m\u202e<img src=x onerror=alert(1)>\"'[red]"


def report(name: str = "conv1") -> Report:
    """One of each part, with the name wherever a file may have chosen a text."""
    return Report(
        f"{name}.onnx",
        [
            Facts(f"Files {name}", [Fact(name, name), Fact("size", 97_800_000, "B"), Fact("whole", True)]),
            Table(name, [Column("layer"), Column(name, "s")], [(name, 0.00123), ("dense", None)]),
            Bars(name, [name, "dense"], {"float32": [3.0, 1.0], name: [1.5, float("nan")]}, "s"),
            Histogram(name, [-1.0, 0.0, 1.0, 2.0], [3, 4, 1], {name: 1.5}),
            Flame(name, Frame(name, 3.0, [Frame(name, 2.0, [Frame(name, 1.0)]), Frame("rest", 1.0)])),
            Roofline(name, 1e11, 1e10, [Work(name, 1e9, 1e6, 0.02), Work("relu", 1e6, 8e6, 0.001)]),
            Notes(name, [f"{name}: 18 %"]),
        ],
    )


class Page(html.parser.HTMLParser):
    """The elements and texts of a page; closing tags must fit."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_json_has_every_part_with_its_kind_and_numbers_that_json_can_say():
    found = json.loads(report().to_json())
    assert found["title"] == "conv1.onnx"
    kinds = ["facts", "table", "bars", "histogram", "flame", "roofline", "notes"]
    assert [part["kind"] for part in found["parts"]] == kinds
    assert found["parts"][1]["rows"] == [["conv1", 0.00123], ["dense", None]]
    assert found["parts"][2]["series"]["conv1"] == [1.5, None]
    assert found["parts"][4]["root"]["children"][0]["children"] == [
        {"name": "conv1", "value": 1.0, "children": []}
    ]


def test_numbers_of_numpy_become_plain():
    table = Table("t", [Column("a"), Column("b")], [(np.float32(0.5), np.int64(3))])
    made = Report("r", [table, Histogram("h", np.arange(3.0), np.array([1, 2]))])
    assert made.to_dict()["parts"][0]["rows"] == [[0.5, 3]]
    assert json.loads(made.to_json())["parts"][1]["edges"] == [0.0, 1.0, 2.0]
    assert "0.5" in str(made) and "h" in made.to_html()


def test_the_page_is_whole_and_shows_every_text_and_number():
    page = Page(report().to_html())
    assert page.open == []
    text = " ".join(page.texts)
    for expected in ("conv1.onnx", "93.3 MiB", "1.23 ms", "bound by memory", "conv1: 18 %", "float32"):
        assert expected in text
    assert [tag for tag, _ in page.tags].count("svg") == 2


def test_a_page_names_nothing_outside_itself_and_lets_nothing_run():
    page = Page(report().to_html())
    policies = [a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    for tag, attributes in page.tags:
        assert tag not in ("script", "iframe", "object", "img")
        assert not {"src", "onclick"} & set(attributes)
        assert attributes.get("href", "data:,") == "data:,"
    assert "url(" not in report().to_html()


def test_names_from_files_stay_text_in_a_page():
    plain, hostile = Page(report().to_html()), Page(report(HOSTILE).to_html())
    shapes = lambda page: [(tag, sorted(set(a) - {"style"})) for tag, a in page.tags]  # noqa: E731
    assert shapes(hostile) == shapes(plain)
    assert "\x1b" not in report(HOSTILE).to_html() and "\u202e" not in report(HOSTILE).to_html()


def test_names_from_files_do_nothing_to_a_terminal():
    text = str(report(HOSTILE))
    assert "\x1b" not in text and "\u202e" not in text
    assert "[red]" in text


def test_the_terminal_shows_numbers_with_their_units_and_bars():
    text = str(report())
    for expected in ("conv1.onnx", "93.3 MiB", "1.23 ms", "█", "100 GFLOP/s", "- conv1: 18 %"):
        assert expected in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("name", ["page.html", "report.json"])
def test_a_report_is_saved_by_its_suffix(tmp_path, name):
    report().save(tmp_path / name)
    text = (tmp_path / name).read_text(encoding="utf-8")
    expected = report().to_html() if name.endswith("html") else report().to_json() + "\n"
    assert text == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Table("t", [Column("a")], [(1, 2)]), "t: expected 1 cells in a row, found 2"),
        (lambda: Bars("b", ["x", "y"], {"s": [1.0]}), "b: expected 2 numbers of s, found 1"),
        (lambda: Histogram("h", [0.0, 1.0], [1, 2]), "h: expected 3 edges for 2 counts, found 2"),
    ],
)
def test_parts_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "s", "-"),
        (float("nan"), "x", "-"),
        (True, "", "yes"),
        ("name", "s", "name"),
        (1.5, "s", "1.50 s"),
        (0.0021, "s", "2.10 ms"),
        (4.2e-5, "s", "42.0 us"),
        (0.183, "%", "18.3 %"),
        (2.1, "x", "2.10 times"),
        (3.86e9, "FLOP", "3.86 GFLOP"),
        (2.5e13, "FLOP/s", "25 TFLOP/s"),
        (1536, "B", "1.5 KiB"),
        (31.234, "dB", "31.23 dB"),
        (1234567, "", "1,234,567"),
        (812.0, "samples/s", "812 samples/s"),
    ],
)
def test_numbers_are_shown_with_their_unit(value, unit, text):
    assert shown(value, unit) == text


@pytest.mark.parametrize(
    "part",
    [
        Bars("none", [], {}),
        Bars("zero", ["a"], {"s": [0.0]}),
        Bars("endless", ["a", "b"], {"s": [math.inf, 1.0]}),
        Histogram("none", [0.0, 0.0], [0]),
        Histogram("endless", [0.0, 1.0], [1], {"mark": math.inf}),
        Flame("none", Frame("all", 0.0)),
        Roofline("none", 0.0, 0.0, [Work("a", 0.0, 0.0, 0.0)]),
        Notes("none", []),
        Table("none", [Column("a")], []),
    ],
    ids=lambda part: f"{type(part).__name__}-{part.title}",
)
def test_parts_without_anything_to_draw_are_drawn(part):
    made = Report("r", [part])
    assert Page(made.to_html()).open == []
    assert str(made).startswith("r")


def test_a_frame_deeper_than_any_graph_does_not_exhaust_the_stack():
    frame = Frame("leaf", 1.0)
    for _ in range(400):
        frame = Frame("more", 1.0, [frame])
    assert Page(Report("deep", [Flame("f", frame)]).to_html()).open == []


def test_a_notebook_gets_the_report_within_its_page():
    fragment = report()._repr_html_()
    assert fragment.startswith('<div class="kcompile-report">') and "<html" not in fragment
