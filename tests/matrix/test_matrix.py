"""Declared floors are those that were tried, and the page says what ran."""

from __future__ import annotations

import pytest
from packaging.version import Version

from tests.matrix import page
from tests.matrix.__main__ import DISTRIBUTIONS, EXTRAS, VARIED, conflict, sets
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
def test_every_set_works_or_is_not_installed_by_pip(kind: str, python: str) -> None:
    for name, _ in sets(kind, python):
        row = ROWS[kind, python, name]
        assert not row.failed
        assert DID[kind] <= {*row.did} or (row.conflict and name not in ("lowest", "newest")), row


def test_a_conflict_names_the_package_that_asks_for_another_version() -> None:
    said = """ERROR: Cannot install a==1 and b==2 because of conflicting dependencies.

The conflict is caused by:
    kcompile 0.1.0 depends on b>=1
    a 1 depends on b<2
    The user requested (constraint) b==2

To fix this you could try to:
"""
    assert conflict(said) == "a 1 depends on b<2"
    assert conflict(said.replace("    a 1 depends on b<2\n", "")) == ""  # ours alone are at odds with the set
    assert conflict("ERROR: No matching distribution found for a==1") == ""


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
