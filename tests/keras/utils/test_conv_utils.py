"""Convolution arithmetic. The numbers are Keras 2.3.1's."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras.utils import conv_utils


@pytest.mark.parametrize(
    ("length", "size", "padding", "stride", "dilation", "expected"),
    [
        (10, 3, "valid", 1, 1, 8),
        (10, 3, "same", 2, 1, 5),
        (11, 3, "same", 2, 1, 6),
        (10, 3, "valid", 1, 2, 6),
        (10, 3, "causal", 3, 4, 4),
        (10, 3, "full", 1, 1, 12),
        (None, 3, "same", 1, 1, None),
    ],
)
def test_output_length(length, size, padding, stride, dilation, expected):
    assert conv_utils.conv_output_length(length, size, padding, stride, dilation) == expected


@pytest.mark.parametrize(
    ("length", "size", "padding", "stride", "expected"),
    [(8, 3, "valid", 1, 10), (5, 3, "same", 2, 9), (12, 3, "full", 1, 10), (None, 3, "same", 1, None)],
)
def test_input_length(length, size, padding, stride, expected):
    assert conv_utils.conv_input_length(length, size, padding, stride) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((None, 1, 5, "same", None), None),
        ((224, 1, 5, "same", None), 224),
        ((224, 2, 5, "same", None), 448),
        ((32, 1, 5, "valid", None), 36),
        ((32, 2, 5, "valid", None), 67),
        ((32, 1, 5, "full", None), 28),
        ((224, 2, 5, "same", 1), 448),
        ((32, 2, 5, "valid", 1), 68),
        ((6, 2, 3, "full", 1), 10),
        ((224, 2, 5, "valid", None, 2), 455),
    ],
)
def test_transposed_length(arguments, expected):
    assert conv_utils.deconv_length(*arguments) == expected


def test_unknown_padding_is_an_error():
    for call in (
        lambda: conv_utils.conv_output_length(4, 2, "half", 1),
        lambda: conv_utils.conv_input_length(4, 2, "causal", 1),
        lambda: conv_utils.deconv_length(4, 1, 2, "causal", None),
        lambda: conv_utils.normalize_padding("full"),
        lambda: conv_utils.normalize_padding(1),
    ):
        with pytest.raises(ValueError, match="padding"):
            call()
    assert conv_utils.normalize_padding("SAME") == "same"


@pytest.mark.parametrize("value", [(1, 2, 3), "x", None, ("a", "b"), 2.5, (None, 1)])
def test_normalize_tuple_names_the_argument(value):
    with pytest.raises(ValueError, match="`strides` argument must be a tuple of 2 integers"):
        conv_utils.normalize_tuple(value, 2, "strides")


def test_normalize_tuple_repeats_an_integer():
    assert conv_utils.normalize_tuple(3, 2, "strides") == (3, 3)
    assert conv_utils.normalize_tuple([1, 2], 2, "strides") == (1, 2)


@pytest.mark.parametrize("shape", [(3, 2, 4), (3, 5, 2, 4), (2, 3, 5, 2, 4)])
def test_convert_kernel_flips_space_only_and_undoes_itself(shape):
    kernel = np.random.default_rng(0).normal(size=shape)
    flipped = conv_utils.convert_kernel(kernel)
    assert np.array_equal(flipped[(0,) * (len(shape) - 2)], kernel[(-1,) * (len(shape) - 2)])
    assert np.array_equal(conv_utils.convert_kernel(flipped), kernel)
    with pytest.raises(ValueError, match="kernel shape"):
        conv_utils.convert_kernel(np.zeros((2, 2)))
