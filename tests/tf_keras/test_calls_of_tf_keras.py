"""Calls by tf.keras's names and arguments answer what tf_keras answered."""

from __future__ import annotations

import json
import os
import subprocess

import numpy as np
import pytest

from kcompile import tf_keras
from kcompile.tf_keras import tensorflow as tf
from tests.golden.tf_keras_calls import cases

from .differences import ROOT

ANSWERS = json.loads((ROOT / "tests/golden/tf_keras_calls/answers.json").read_text())


def assert_same(here, there, path=""):
    """Raises an AssertionError that says where two nests differ."""
    assert type(here) is type(there) or {type(here), type(there)} == {int, float}, path
    if isinstance(there, dict):
        assert list(here) == list(there), path
        for key in there:
            assert_same(here[key], there[key], f"{path}.{key}")
    elif isinstance(there, list):
        assert len(here) == len(there), path
        for i, (a, b) in enumerate(zip(here, there, strict=True)):
            assert_same(a, b, f"{path}[{i}]")
    elif isinstance(there, float):
        np.testing.assert_allclose(here, there, rtol=1e-4, atol=2e-5, err_msg=path)
    else:
        assert here == there, path


def test_each_case_has_an_answer():
    assert list(ANSWERS) == list(cases.CASES)


@pytest.mark.parametrize("name", cases.CASES)
def test_answers_are_those_of_tf_keras(name):
    assert_same(cases.plain(cases.CASES[name](tf_keras, tf)), ANSWERS[name])


@pytest.mark.peers
def test_the_live_program_still_answers_so():
    code = (
        "import json\nfrom tests.golden.tf_keras_calls import make_golden\n"
        "print(json.dumps(make_golden.answers()))"
    )
    command = [os.environ["KCOMPILE_PEERS_PYTHON"], "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert_same(json.loads(done.stdout.splitlines()[-1]), ANSWERS)
