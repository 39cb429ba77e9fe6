"""Sums by Einstein's notation: one product of matrices where they are one, whatever sizes are known."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras.backend.einsum import einsum

#: equation -> shapes of the operands
PRODUCTS = {
    "abc,cd->abd": ((2, 3, 4), (4, 5)),
    "abc,cde->abde": ((2, 3, 4), (4, 5, 6)),
    "abcd,cde->abe": ((2, 3, 4, 5), (4, 5, 6)),
    "abc,dc->abd": ((2, 3, 4), (5, 4)),
    "ab,cb->ac": ((2, 3), (4, 3)),
    "abc,acd->abd": ((2, 3, 4), (2, 4, 5)),
    "aecd,abcd->acbe": ((2, 3, 4, 5), (2, 6, 4, 5)),
    "ab,bc->ca": ((2, 3), (3, 4)),
}
SUMS = {"abc->a": ((2, 3, 4),), "ab,ab->a": ((2, 3), (2, 3)), "ab,bc,cd->ad": ((2, 3), (3, 4), (4, 5))}


def computed(equation, shapes, arrays):
    inputs = [K.placeholder(shape=shape, dtype="float32") for shape in shapes]
    return K.function(inputs, [einsum(equation, *inputs)])(arrays)[0]


@pytest.mark.parametrize("known", ["all", "first", "second", "none"])
@pytest.mark.parametrize("equation", [*PRODUCTS, *SUMS])
def test_a_sum_is_numpys_whatever_sizes_are_known(equation, known):
    shapes = {**PRODUCTS, **SUMS}[equation]
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(shape).astype(np.float32) for shape in shapes]
    places = {"all": (0, 1, 2), "first": (0,), "second": (1,), "none": ()}[known]
    # the first axis of the first operand counts samples, and an open one of another would, too
    opened = [(shape[0] if i else None, *[None] * (len(shape) - 1)) for i, shape in enumerate(shapes)]
    given = [shape if i in places else opened[i] for i, shape in enumerate(shapes)]
    np.testing.assert_allclose(
        computed(equation, given, arrays), np.einsum(equation, *arrays), rtol=1e-5, atol=1e-5
    )
