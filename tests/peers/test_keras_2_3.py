"""What `make keras-tests` makes of the outcomes of Keras's tests; running them needs the network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers import suites
from tests.peers.keras_2_3 import __main__ as script

FOLDER = Path(__file__).parent / "keras_2_3"
REASONS = suites.read_differences("# a note\n[numbers]\na.py::one\na.py::two*\n\n[luck]\n? b.py::three\n")


@pytest.mark.parametrize(
    ("outcomes", "unexpected", "idle"),
    [
        ({"a.py::one": "failed", "a.py::two[x]": "failed", "b.py::three": "failed"}, [], []),
        ({"a.py::one": "failed", "a.py::two[x]": "passed", "a.py::two[y]": "failed"}, [], []),
        ({"a.py::one": "passed"}, [], ["a.py::one"]),
        ({"a.py::two[x]": "passed", "a.py::one": "skipped"}, [], ["a.py::two*"]),
        ({"b.py::three": "passed"}, [], []),
        ({"b.py::four": "failed", "a.py::one[x]": "failed"}, ["b.py::four", "a.py::one[x]"], []),
        ({}, [], []),
    ],
)
def test_failures_are_compared_with_the_reasons_for_them(outcomes, unexpected, idle):
    found = suites.compare(outcomes, REASONS)
    assert (found[0], found[1]) == (unexpected, idle)


def test_failures_are_counted_by_reason():
    outcomes = {
        "a.py::one": "failed",
        "a.py::two[x]": "failed",
        "b.py::three": "failed",
        "c.py::ok": "passed",
    }
    assert suites.compare(outcomes, REASONS)[2] == {"numbers": 2, "luck": 1}


def test_each_reason_is_explained():
    reasons = set(suites.read_differences((FOLDER / "differences.txt").read_text()).values())
    page = (FOLDER.parents[2] / "docs" / "compatibility.md").read_text()
    assert reasons and all(f"| {reason} |" in page for reason in reasons)


def test_outcomes_are_read_as_they_were_written(tmp_path):
    (tmp_path / "x.outcomes").write_text("passed a.py::one\nfailed a.py::two[a b]\n")
    assert suites.read_outcomes(tmp_path / "x.outcomes") == {
        "a.py::one": "passed",
        "a.py::two[a b]": "failed",
    }
    assert suites.read_outcomes(tmp_path / "none") == {}


def test_keras_files_are_kept_out_of_the_repository(monkeypatch):
    monkeypatch.setattr("sys.argv", ["keras_2_3", "--folder", str(FOLDER / "files")])
    with pytest.raises(SystemExit, match="not to lie in the repository"):
        script.main()
    assert not (FOLDER / "files").exists()
