"""Convolutions, padding, cropping and upsampling behave as in Keras 2.3.1."""

from __future__ import annotations

import pytest

from tests.keras.layers.golden_layers import CHECKS, check_training, goldens, name_of, trained

CASES = goldens(
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "SeparableConv1D",
    "SeparableConv2D",
    "DepthwiseConv2D",
    "Conv2DTranspose",
    "Conv3DTranspose",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
)


@pytest.mark.parametrize("golden", CASES, ids=name_of)
@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_layer_equals_keras(check, golden):
    check(golden)


@pytest.mark.parametrize("golden", trained(CASES), ids=name_of)
def test_training_equals_keras(golden):
    check_training(golden)
