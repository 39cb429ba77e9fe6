"""Variables, constants, placeholders and what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.ir import Constant, GraphError, Parameter
from kcompile.keras import backend as K


def test_variable_takes_a_copy_that_set_value_overwrites() -> None:
    first = np.ones((2, 3))
    x = K.variable(first, name="weights")
    first[:] = 5
    assert isinstance(x, Parameter)
    assert (x.name, K.dtype(x), K.int_shape(x)) == ("weights", "float32", (2, 3))
    np.testing.assert_array_equal(K.get_value(x), 1)
    K.batch_set_value([(x, np.full((2, 3), 2))])
    np.testing.assert_array_equal(K.batch_get_value([x])[0], 2)
    K.get_value(x)[:] = 7
    np.testing.assert_array_equal(K.eval(x), 2)


def test_variable_of_a_value_and_of_a_sparse_matrix() -> None:
    class Sparse:
        def toarray(self):
            return np.eye(2)

    np.testing.assert_array_equal(K.eval(K.variable(K.constant([1, 2]) * 3)), [3, 6])
    np.testing.assert_array_equal(K.eval(K.variable(Sparse())), np.eye(2))


def test_variable_keeps_its_constraint() -> None:
    def positive(w):
        return K.maximum(w, 0.0)

    assert K.variable(1.0, constraint=positive).constraint is positive


@pytest.mark.parametrize("value", [np.ones(3), np.ones((3, 2))])
def test_set_value_refuses_another_shape_and_changes_nothing(value) -> None:
    x = K.variable(np.zeros((2, 3)), name="w")
    with pytest.raises(ValueError, match=r"w has shape \(2, 3\)"):
        K.set_value(x, value)
    np.testing.assert_array_equal(K.get_value(x), 0)


def test_set_value_refuses_what_is_no_variable() -> None:
    with pytest.raises(TypeError, match="sets variables"):
        K.set_value(K.constant(1.0), 2.0)


def test_constant_is_filled_up_with_its_last_element() -> None:
    np.testing.assert_array_equal(K.eval(K.constant([1, 2], shape=(2, 2))), [[1, 2], [2, 2]])
    np.testing.assert_array_equal(K.eval(K.constant(3, shape=(2,), dtype="int32")), [3, 3])
    with pytest.raises(ValueError, match="Too many elements"):
        K.constant([1, 2, 3], shape=(2,))


def test_placeholders_share_the_batch_axis_and_name_the_others() -> None:
    x, y = K.placeholder((None, 3, None), name="x"), K.placeholder(ndim=2)
    assert x.dims == ("batch", 3, "x_dim2")
    assert y.dims[0] == "batch"
    assert K.int_shape(x) == (None, 3, None)
    assert K.int_shape(K.placeholder()) is None
    assert (K.ndim(x), K.ndim(y)) == (3, 2)
    assert (x + K.placeholder((None, 3, 1))).dims[0] == "batch"


def test_kinds_of_tensors() -> None:
    x, v, c = K.placeholder((2,)), K.variable(1.0), K.constant(1.0)
    assert [K.is_placeholder(t) for t in (x, v, x + 1, 3)] == [True, False, False, False]
    assert [K.is_variable(t) for t in (x, v, c)] == [False, True, False]
    assert [K.is_tensor(t) for t in (x, v, c, np.ones(2), 1.0)] == [True, True, True, False, False]
    assert [K.is_symbolic(t) for t in (x, v, c)] == [True, False, False]
    assert not K.is_keras_tensor(x)
    with pytest.raises(ValueError, match="symbolic tensor"):
        K.is_keras_tensor(np.ones(2))


def test_sparse_placeholders_are_fed_with_sparse_matrices() -> None:
    class Sparse:
        def toarray(self):
            return np.array([[0.0, 2.0]], "float32")

    x = K.placeholder((None, 2), sparse=True)
    assert K.is_sparse(x)
    dense = K.to_dense(x)
    assert not K.is_sparse(dense)
    np.testing.assert_array_equal(K.function([x], [dense * 2])([Sparse()])[0], [[0, 4]])


def test_shapes_are_computed_only_where_they_are_unknown() -> None:
    known = K.shape(K.placeholder((2, 3)))
    assert isinstance(known, Constant)
    assert K.dtype(known) == "int32"
    x = K.placeholder((None, 3))
    found = K.function([x], [K.shape(x), K.size(x), K.zeros_like(x), K.ones((K.shape(x)[0], 2))])(
        [np.ones((4, 3))]
    )
    np.testing.assert_array_equal(found[0], [4, 3])
    assert found[1] == 12
    np.testing.assert_array_equal(found[2], np.zeros((4, 3)))
    np.testing.assert_array_equal(found[3], np.ones((4, 2)))


def test_zeros_ones_and_eye_are_variables() -> None:
    for made, expected in ((K.zeros((2,)), [0, 0]), (K.ones((2,)), [1, 1]), (K.eye(2), np.eye(2))):
        assert isinstance(made, Parameter)
        np.testing.assert_array_equal(K.eval(made), expected)
    np.testing.assert_array_equal(K.eval(K.eye((2, 3), dtype="int32")), np.eye(2, 3))
    assert K.count_params(K.zeros((2, 3))) == 6


def test_eval_names_the_input_that_is_missing() -> None:
    x = K.placeholder((None, 3), name="pixels")
    with pytest.raises(GraphError, match="pixels"):
        K.eval(x + 1)


def test_updates_are_pairs_of_variable_and_new_value() -> None:
    x = K.variable(4.0)
    for pair, expected in (
        (K.update(x, 7.0), 7),
        (K.update_add(x, 2.0), 6),
        (K.update_sub(x, 1.0), 3),
        (K.moving_average_update(x, 2.0, 0.75), 3.5),
    ):
        assert pair[0] is x
        assert K.eval(pair[1]) == expected
    assert K.get_value(x) == 4


def test_numpy_arrays_are_accepted_everywhere() -> None:
    a = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")
    x = K.placeholder((None, 2))
    results = K.function([x], [K.dot(x, a), a * x, K.concatenate([x, a]), K.maximum(2, x), K.stack([x, a])])(
        [a]
    )
    np.testing.assert_array_equal(results[0], a @ a)
    np.testing.assert_array_equal(results[1], a * a)
    np.testing.assert_array_equal(results[2], np.concatenate([a, a], -1))
    np.testing.assert_array_equal(results[3], np.maximum(2, a))
    assert K.dtype(K.abs(3)) == "int32"
    assert K.dtype(K.abs(3.0)) == "float32"
