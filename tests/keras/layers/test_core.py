"""Core layers behave as those of Keras 2.3.1."""

from __future__ import annotations

import pytest

from tests.keras.layers.golden_layers import (
    check_config_round_trip,
    check_facts,
    check_outputs,
    check_torch_outputs,
    check_training,
    goldens,
    name_of,
    trained,
)

CASES = goldens(
    "Dense",
    "Activation",
    "Dropout",
    "ActivityRegularization",
)


@pytest.mark.parametrize("golden", CASES, ids=name_of)
@pytest.mark.parametrize(
    "check", [check_outputs, check_torch_outputs, check_facts, check_config_round_trip], ids=lambda f: f.__name__
)
def test_layer_equals_keras(check, golden):
    check(golden)


@pytest.mark.parametrize("golden", trained(CASES), ids=name_of)
def test_training_equals_keras(golden):
    check_training(golden)
