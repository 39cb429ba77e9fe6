"""Images brought to a size: what a layer does, functions do by the same arithmetic, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras import layers
from kcompile.keras.operations import keras_ops_networks
from kcompile.keras.operations.resizing import ImageSize, check_aspect, interpolation_mode

IMAGES = np.random.default_rng(0).random((2, 4, 6, 3), "float32")
RESIZE = keras_ops_networks.resize
OPEN = (1, None, 4, 3)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "area", "lanczos3"])
@pytest.mark.parametrize(
    "options", [{}, {"antialias": True}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}],
    ids=lambda options: " ".join(options) or "plain",
)  # fmt: skip
def test_function_and_layer_do_the_same(interpolation, options):
    layer = layers.Resizing(3, 2, interpolation, data_format="channels_last", **options)
    found = RESIZE(K.constant(IMAGES), (3, 2), interpolation, data_format="channels_last", **options)
    np.testing.assert_array_equal(K.eval(found), K.eval(layer(K.constant(IMAGES))))


def test_channels_may_come_first():
    first = np.moveaxis(IMAGES, -1, 1)
    found = RESIZE(K.constant(first), (3, 2), data_format="channels_first")
    last = RESIZE(K.constant(IMAGES), (3, 2), data_format="channels_last")
    np.testing.assert_allclose(np.moveaxis(K.eval(found), 1, -1), K.eval(last), rtol=1e-6)


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: ImageSize(0, 3, "channels_last", "here"), "here: height and width must be positive"),
        (lambda: interpolation_mode("cubist"), "interpolation must be one of .*found 'cubist'"),
        (lambda: check_aspect(True, True, "constant"), "exclude each other"),
        (lambda: check_aspect(False, False, "edge"), "must be 'constant', found 'edge'"),
        (
            lambda: ImageSize(2, 2, "channels_last", "here").resized(K.placeholder(OPEN), "area"),
            "here: interpolation='area' with antialias=False needs images of known size",
        ),
    ],
    ids=["size", "interpolation", "aspect", "fill mode", "open size to interpolate"],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(mistake, message):
    with pytest.raises(ValueError, match=message):
        mistake()
