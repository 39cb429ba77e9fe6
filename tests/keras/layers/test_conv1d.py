"""Conv1DTranspose and DepthwiseConv1D equal Keras 3.15."""

from __future__ import annotations

import pytest

from tests.keras.layers.keras3_golden import CHECKS, goldens, name_of

CASES = goldens("Conv1DTranspose", "DepthwiseConv1D")


@pytest.mark.parametrize("golden", CASES, ids=name_of)
@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_layer_equals_keras(check, golden):
    check(golden)
