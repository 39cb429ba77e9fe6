"""Core layers behave as those of Keras 2.3.1."""

from __future__ import annotations

import pytest

from tests.keras.layers.golden_layers import CHECKS, check_training, goldens, name_of, trained

CASES = goldens(
    "Dense",
    "Activation",
    "Dropout",
    "ActivityRegularization",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "Flatten",
    "Reshape",
    "Permute",
    "RepeatVector",
    "Masking",
)


@pytest.mark.parametrize("golden", CASES, ids=name_of)
@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_layer_equals_keras(check, golden):
    check(golden)


@pytest.mark.parametrize("golden", trained(CASES), ids=name_of)
def test_training_equals_keras(golden):
    check_training(golden)
