"""EinsumDense equals Keras 3.15 for every form of equation."""

from __future__ import annotations

import pytest

from kcompile.keras import layers
from tests.keras.layers.keras3_golden import CHECKS, goldens, name_of

CASES = goldens("EinsumDense")


@pytest.mark.parametrize("golden", CASES, ids=name_of)
@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_layer_equals_keras(check, golden):
    check(golden)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("ab,bc", 4), "must be of the form"),
        (("ab->a", 4), "must be of the form"),
        (("abc,cd->abd", 4), "more axes than output_shape"),
        (("abc,cd->abd", (5, 4)), "axis 'b'"),
        (("abcd,de->abce", (2, 2, 4)), "does not fit an input"),
    ],
)
def test_equations_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.EinsumDense(*arguments)(layers.Input((2, 3)))


def test_a_bias_needs_axes_of_the_output():
    with pytest.raises(ValueError, match="bias_axes='z'"):
        layers.EinsumDense("ab,bc->ac", 4, bias_axes="z")
