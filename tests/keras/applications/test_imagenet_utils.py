"""Preprocessing, names of classes, and input shapes of the applications."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras.applications import imagenet_utils
from kcompile.keras.applications.imagenet_utils import (
    decode_predictions,
    obtain_input_shape,
    preprocess_input,
)

PIXEL = np.array([10.0, 100.0, 200.0], "float32")  # red, green, blue
EXPECTED = {
    "caffe": [200 - 103.939, 100 - 116.779, 10 - 123.68],
    "tf": PIXEL / 127.5 - 1,
    "torch": (PIXEL / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
}


@pytest.mark.parametrize("mode", sorted(EXPECTED))
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("rank", [3, 4])
def test_preprocessing_of_arrays_and_values_agrees_with_the_formula(mode, data_format, rank):
    x = np.broadcast_to(PIXEL, (2, 2, 3) if rank == 3 else (5, 2, 2, 3)).copy()
    if data_format == "channels_first":
        x = np.moveaxis(x, -1, -3)
    before = x.copy()
    found = preprocess_input(x, data_format, mode=mode)
    assert found.dtype == np.float32 and found.shape == x.shape
    np.testing.assert_array_equal(x, before)
    last = np.moveaxis(found, -3, -1) if data_format == "channels_first" else found
    np.testing.assert_allclose(last.reshape(-1, 3), np.tile(EXPECTED[mode], (x.size // 3, 1)), rtol=1e-5)
    symbolic = preprocess_input(K.constant(x), data_format, mode=mode)
    np.testing.assert_allclose(K.eval(symbolic), found, rtol=1e-5)


def test_integers_become_floats_and_float64_stays():
    assert preprocess_input(np.zeros((1, 2, 2, 3), "uint8")).dtype == K.floatx()
    assert preprocess_input(np.zeros((1, 2, 2, 3))).dtype == np.float64


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"mode": "pytorch"}, "mode must be"),
        ({"data_format": "last"}, "data_format must be"),
        ({"x": np.zeros((2, 2, 4))}, "3 channels"),
        ({"x": np.zeros(3)}, "3 or 4 axes"),
    ],
)
def test_preprocessing_names_what_it_cannot_take(arguments, message):
    with pytest.raises(ValueError, match=message):
        preprocess_input(**{"x": np.zeros((2, 2, 3)), **arguments})


@pytest.fixture
def class_index(tmp_path, monkeypatch):
    """A cache in which the file of names lies, with another hash than the published one."""
    names = {str(i): [f"n{i:08d}", f"class_{i}"] for i in range(1000)}
    content = json.dumps(names).encode()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "imagenet_class_index.json").write_bytes(content)
    import hashlib

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(imagenet_utils, "CLASS_INDEX_HASH", hashlib.md5(content).hexdigest())
    monkeypatch.setattr(imagenet_utils, "CLASS_INDEX_PATH", "http://127.0.0.1:9/not-asked")
    monkeypatch.setattr(imagenet_utils, "_class_index", None)


def test_predictions_are_decoded_likeliest_first_without_a_network(class_index):
    scores = np.zeros((2, 1000))
    scores[0, [7, 3]] = 0.6, 0.4
    scores[1, 999] = 1.0
    first, second = decode_predictions(scores, top=2)
    assert first == [("n00000007", "class_7", 0.6), ("n00000003", "class_3", 0.4)]
    assert second[0] == ("n00000999", "class_999", 1.0)
    assert len(decode_predictions(scores)[0]) == 5


@pytest.mark.parametrize("shape", [(1000,), (2, 10)])
def test_other_predictions_are_refused(shape):
    with pytest.raises(ValueError, match=r"shape \(samples, 1000\)"):
        decode_predictions(np.zeros(shape))


@pytest.mark.parametrize(
    "given, top, weights, expected",
    [
        (None, True, None, (224, 224, 3)),
        (None, False, None, (None, None, 3)),
        ((64, 96, 3), False, "imagenet", (64, 96, 3)),
        ((64, 96, 1), True, None, (64, 96, 1)),
        ((None, None, 3), False, None, (None, None, 3)),
    ],
)
def test_input_shapes(given, top, weights, expected):
    assert obtain_input_shape(given, 224, 32, "channels_last", top, weights) == expected


@pytest.mark.parametrize(
    "given, top, weights, message",
    [
        ((64, 64), False, None, "tuple of three"),
        ((31, 64, 3), False, None, "at least 32x32"),
        ((64, 64, 4), False, "imagenet", "3 channels"),
        ((64, 64, 3), True, "imagenet", r"should be \(224, 224, 3\)"),
        ((None, None, 3), True, None, "static `input_shape`"),
    ],
)
def test_input_shapes_that_do_not_fit(given, top, weights, message):
    with pytest.raises(ValueError, match=message):
        obtain_input_shape(given, 224, 32, "channels_last", top, weights)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"weights": "imagnet"}, "there is no such file"),
        ({"weights": "imagenet", "classes": 10}, "`classes` should be 1000"),
        ({"weights": None, "pooling": "mean", "include_top": False}, "`pooling` must be"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        keras.applications.VGG16(**arguments)
