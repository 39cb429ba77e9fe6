"""Whole runs compared with real Keras: training loops, and .h5 files that Keras wrote."""

from __future__ import annotations

import pytest

import kcompile.keras as keras
from tests.golden import load
from tests.keras.training.golden_differences import DIFFERENT, Difference

pytest.importorskip("torch")


GOLDEN = [golden for group in ("training", "h5") for golden in load.load(group)]


@pytest.mark.parametrize("golden", GOLDEN, ids=repr)
def test_run_agrees_with_keras(golden):
    difference = DIFFERENT.get(repr(golden), Difference(""))
    arrays, meta = load.run(keras, golden)
    golden.check(arrays, atol=difference.atol, only=difference.only)
    if golden.judge.startswith("keras 2.3.1"):
        assert meta["metrics_names"] == golden.meta["metrics_names"]
        assert meta.get("history_keys") == golden.meta.get("history_keys")


@pytest.mark.parametrize("name", DIFFERENT)
def test_every_documented_difference_is_of_a_case(name):
    assert name in {repr(golden) for golden in GOLDEN}
