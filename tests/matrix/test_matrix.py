"""Declared floors are those that were tried, and the page says what ran."""

from __future__ import annotations

import pytest
from packaging.version import Version

from tests.matrix import page
from tests.matrix.__main__ import DISTRIBUTIONS, EXTRAS, VARIED, _refused, sets
from tests.matrix.floors import PYTHONS, floors, project

ROWS = {(row.kind, row.python, row.name): row for row in page.read()}

DID = {"kcompile": {"files", "export", "quantize dynamic", "serve"}, "runtime": {"predict", "NaN", "serve"}}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("kind", VARIED)
def test_floors_are_the_lowest_that_was_tried(kind: str, python: str) -> None:
    row = ROWS[kind, python, "lowest"]
    declared = floors(DISTRIBUTIONS[kind], python, EXTRAS)
    assert not row.failed
    tried = {name: Version(version) for name, version in row.versions.items() if name != "torch"}
    assert tried == {name: Version(declared[name]) for name in tried}
    assert set(VARIED[kind]) <= set(tried)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("kind", VARIED)
def test_every_set_works_or_says_what_to_install(kind: str, python: str) -> None:
    """The lowest and the newest of all have run on each Python; what lies between, where there was time."""
    ran = {name: ROWS[kind, python, name] for name, _ in sets(kind, python) if (kind, python, name) in ROWS}
    assert {"lowest", "newest"} <= set(ran)
    for row in ran.values():
        assert _refused(row) or (not row.failed and DID[kind] <= {*row.did}), row


def test_the_page_has_the_rows() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.rendered(text, list(ROWS.values())) == text
    assert all(f"| {row.python} | {row.name} |" in text for row in ROWS.values())


@pytest.mark.parametrize("name", DISTRIBUTIONS.values())
def test_the_pythons_are_those_that_are_declared(name: str) -> None:
    classifiers = project(name)["classifiers"]
    prefix = "Programming Language :: Python :: "
    declared = [line.removeprefix(prefix) for line in classifiers if line.startswith(prefix + "3.")]
    assert tuple(declared) == PYTHONS


def test_lowest_versions_are_pinned_for_every_dependency() -> None:
    for python in PYTHONS:
        name, lines = next(sets("kcompile", python))
        lowest = dict(line.split("==") for line in lines)
        assert name == "lowest" and {"numpy", "onnx", "onnxruntime", "starlette", "h5py"} <= set(lowest)
        assert all(Version(version) for version in lowest.values())
