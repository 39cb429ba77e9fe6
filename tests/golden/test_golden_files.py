"""The stored answers are whole, and comparing with them can fail."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.golden import cases, load, run_h5


@pytest.mark.parametrize("group", list(load.GROUPS))
def test_every_case_has_one_answer(group):
    names = [case["name"] for case in load.GROUPS[group]]
    assert len(set(names)) == len(names)
    assert [golden.name for golden in sorted(load.load(group), key=lambda g: names.index(g.name))] == names
    assert load.unjudged(group) == {}


@pytest.mark.parametrize("group", list(load.GROUPS))
def test_every_answer_is_finite_and_says_who_gave_it(group):
    for golden in load.load(group):
        assert golden.judge
        for name, value in golden.arrays.items():
            assert np.isfinite(value).all(), f"{golden!r} {name}"


def test_inputs_follow_the_documented_rule():
    assert cases.array("dense", "input0", (2,)).tolist() == pytest.approx([0.59508127, -0.57500637], abs=1e-7)
    assert cases.array("dense", "input0", (3,), 0, 5, "int32").dtype == np.int32


def test_check_names_the_array_that_differs():
    golden = load.load("layers")[0]
    golden.check(golden.arrays)
    wrong = dict(golden.arrays, output0=golden.arrays["output0"] + 1e-3)
    with pytest.raises(AssertionError, match="output0: largest difference"):
        golden.check(wrong)
    with pytest.raises(AssertionError, match="loss: missing"):
        golden.check({"output0": golden.arrays["output0"]}, only=["loss"])


@pytest.mark.parametrize("case", run_h5.CASES, ids=lambda case: case["name"])
def test_every_h5_file_is_there(case):
    with open(os.path.join(run_h5.FOLDER, case["file"]), "rb") as stream:
        assert stream.read(8) == b"\x89HDF\r\n\x1a\n"
