"""Random layers draw while training what those of Keras 2.3.1 draw: the same masks, values and moments."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from tests.golden import random_layers

STORED = json.loads(Path(random_layers.STORED).read_text(encoding="utf-8"))
CASES = [pytest.param(case, STORED["cases"][case["name"]], id=case["name"]) for case in random_layers.CASES]


def draws(case, shared):
    """How many numbers were drawn independently."""
    sizes = [case["batch"], *case["shape"]]
    return np.prod([size for i, size in enumerate(sizes) if i not in shared])


@pytest.mark.parametrize("case, expected", CASES)
def test_layer_draws_as_keras(case, expected):
    np.random.seed(1)
    found = random_layers.facts(keras, case)
    for fact in ("shared", "redrawn", "inference"):
        assert found[fact] == expected[fact], fact
    count = draws(case, expected["shared"])
    deviation = 5 * np.sqrt(2 / count)  # of two samples of this size, in units of the standard deviation
    assert found["mean"] == pytest.approx(expected["mean"], abs=deviation * expected["std"] + 1e-5)
    assert found["std"] == pytest.approx(expected["std"], rel=3 * deviation, abs=1e-5)
    if expected["values"] is None:
        assert found["values"] is None
        return
    np.testing.assert_allclose(found["values"], expected["values"], atol=2e-5)
    np.testing.assert_allclose(found["parts"], expected["parts"], atol=deviation / 2)


def test_each_random_layer_of_keras_is_asked():
    assert {case["class"] for case in random_layers.CASES} == {
        "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianNoise",
        "GaussianDropout", "AlphaDropout",
    }  # fmt: skip
    assert STORED["judge"] == "keras 2.3.1"
