"""Sizes that a graph computes of sizes are known before a run, as far as those are."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.ir import Constant, Value, known_numbers, op

COMPUTED = {
    "of an axis": (lambda s: s[2], [12]),
    "of an open axis": (lambda s: s[1], [None]),
    "of all axes": (lambda s: s, [5, None, 12, 20]),
    "of some axes": (lambda s: s[1:], [None, 12, 20]),
    "of the last ones, by a step": (lambda s: s[::2], [5, 12]),
    "a product": (lambda s: s[0] * s[2] * 2, [120]),
    "a product with an open axis": (lambda s: s[0] * s[1], [None]),
    "a quotient, rounded down": (lambda s: s[2] // 5, [2]),
    "a remainder": (lambda s: s[3] % 6, [2]),
    "a difference": (lambda s: 3 - s[0], [-2]),
    "a vector of them": (lambda s: op.Concat(s[2:], Constant(np.array([-1])), axis=0), [12, 20, -1]),
    "their product": (lambda s: op.ReduceProd(s[2:], keepdims=0), [240]),
    "the larger one": (lambda s: op.Max(s[0], s[2]), [12]),
    "cast": (lambda s: op.Cast(s[0], to=6), [5]),
    "half of it as a number, cast": (lambda s: op.Cast(s[0] / 2, to=7), [2]),
}


@pytest.mark.parametrize("case", COMPUTED)
def test_numbers_of_sizes_are_known(case):
    compute, expected = COMPUTED[case]
    x = Value(np.float32, (5, None, 12, 20))
    assert known_numbers(compute(op.Shape(x))) == expected


def test_numbers_of_data_are_not():
    assert known_numbers(Value(np.int64, (3,))) == [None, None, None]
    assert known_numbers(Value(np.int64, (None,))) is None
    assert known_numbers(op.Cast(Value(np.float32, ()), to=7)) == [None]


SHAPED = {
    "Reshape": (lambda x, s: op.Reshape(x, _vector(s[0] * s[1], s[2], s[3])), (None, 12, 20)),
    "Reshape, the rest": (lambda x, s: op.Reshape(x, _vector(Constant(np.int64(-1)), s[2])), (None, 12)),
    "Expand": (lambda x, s: op.Expand(np.float32(0), _vector(s[1], s[2])), (None, 12)),
    "ConstantOfShape": (lambda x, s: op.ConstantOfShape(_vector(s[1], s[2] * 2)), (None, 24)),
    "Slice": (lambda x, s: op.Slice(x, [0], op.Unsqueeze(s[2] // 2, [0]), [2]), (5, None, 6, 20)),
    "Range": (lambda x, s: op.Range(np.int64(0), s[2], np.int64(1)), (12,)),
    "Tile": (lambda x, s: op.Tile(np.zeros((1, 3), "float32"), s[2:]), (12, 60)),
}


@pytest.mark.parametrize("case", SHAPED)
def test_what_has_such_a_shape_has_known_axes(case):
    emit, expected = SHAPED[case]
    x = Value(np.float32, (5, None, 12, 20))
    assert emit(x, op.Shape(x)).shape == expected


def _vector(*sizes):
    return op.Concat(*(op.Unsqueeze(size, [0]) for size in sizes), axis=0)
