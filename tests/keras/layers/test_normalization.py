"""Batch normalization behaves as in Keras 2.3.1, trains at torch's pace and exports as itself."""

from __future__ import annotations

import pytest

from tests.keras.layers.golden_layers import CHECKS, check_training, goldens, name_of, trained

CASES = goldens(
    "BatchNormalization",
)


@pytest.mark.parametrize("golden", CASES, ids=name_of)
@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_layer_equals_keras(check, golden):
    check(golden)


@pytest.mark.parametrize("golden", trained(CASES), ids=name_of)
def test_training_equals_keras(golden):
    check_training(golden)
