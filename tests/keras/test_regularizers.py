"""Regularizers against Keras 2.3.1, their configs and names."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import regularizers
from tests.golden.load import Golden, load, run

X = np.array([[1.0, -2.0], [3.0, 0.0]], "float32")


@pytest.mark.parametrize("golden", load("regularizers"), ids=repr)
def test_equals_keras(golden: Golden) -> None:
    arrays, meta = run(keras, golden)
    golden.check(arrays)
    assert meta["config"] == golden.meta["config"]


@pytest.mark.parametrize(
    ("made", "penalty"),
    [
        (regularizers.L1(0.5), 3.0),
        (regularizers.L2(0.5), 7.0),
        (regularizers.L1(l1=0.5), 3.0),
        (regularizers.l1(l1=0.5), 3.0),
        (regularizers.l2(l=0.5), 7.0),
        (regularizers.l2(l2=0.5), 7.0),
        (regularizers.l1_l2(l1=0.5, l2=0.5), 10.0),
        (regularizers.L1L2(), 0.0),
        (regularizers.Regularizer(), 0.0),
    ],
)
def test_penalties_under_old_and_new_names(made, penalty) -> None:
    np.testing.assert_allclose(K.eval(made(X)), penalty, rtol=1e-6)
    again = regularizers.get(regularizers.serialize(made))
    assert type(again) is type(made)
    np.testing.assert_allclose(K.eval(again(X)), penalty, rtol=1e-6)


@pytest.mark.parametrize(("mode", "penalty"), [("rows", 0.36766037), ("columns", 0.44977951)])
def test_orthogonality_is_measured_as_in_tf_keras(mode, penalty) -> None:
    made = regularizers.OrthogonalRegularizer(0.5, mode)
    matrix = np.arange(12, dtype="float32").reshape(3, 4) - 4
    np.testing.assert_allclose(K.eval(made(K.constant(matrix))), penalty, rtol=1e-5)
    again = regularizers.get(regularizers.serialize(made))
    assert again.get_config() == {"factor": 0.5, "mode": mode}
    with pytest.raises(ValueError, match="takes matrices"):
        made(K.constant(matrix[0]))
    with pytest.raises(ValueError, match="mode must be"):
        regularizers.OrthogonalRegularizer(mode="both")


def test_get_takes_none_names_functions_and_classes() -> None:
    def mine(w):
        return K.sum(w)

    assert regularizers.get(None) is None
    assert regularizers.get(mine) is mine
    assert isinstance(regularizers.get("l2"), regularizers.L1L2)
    assert isinstance(regularizers.get(regularizers.L2), regularizers.L2)
    assert regularizers.deserialize("mine", custom_objects={"mine": mine}) is mine


@pytest.mark.parametrize(
    ("identifier", "words"), [("l3", "regularizer"), (3, "3"), ("K", "regularizer"), ("L1l2", "L1L2")]
)
def test_what_is_no_regularizer_is_refused(identifier, words) -> None:
    with pytest.raises(ValueError, match=words):
        regularizers.get(identifier)


def test_unknown_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="l3"):
        regularizers.L1(l3=0.1)
