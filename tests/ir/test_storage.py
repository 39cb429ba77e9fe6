"""The one host buffer behind a weight: memory order, views, versions, and the device copy that leads."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kcompile.ir import Parameter, Storage

KERNEL = np.arange(3 * 4 * 2 * 5, dtype="float32").reshape(3, 4, 2, 5)


@pytest.mark.parametrize("order", [None, *itertools.permutations(range(4))])
def test_memory_order_changes_strides_and_nothing_else(order):
    storage = Storage(KERNEL, order)
    np.testing.assert_array_equal(storage.array, KERNEL)
    in_memory = storage.array.transpose(order or range(4))
    assert in_memory.flags.c_contiguous
    changed = KERNEL[::-1] * 2
    storage.assign(changed)
    np.testing.assert_array_equal(storage.array, changed)
    assert storage.array.transpose(order or range(4)).flags.c_contiguous


@pytest.mark.parametrize("order", [None, (3, 0, 1, 2)])
def test_zeros_are_laid_out_as_a_given_array_is(order):
    storage = Storage.zeros(KERNEL.shape, KERNEL.dtype, order)
    same = Storage(np.zeros_like(KERNEL), order)
    assert storage.array.shape == KERNEL.shape and storage.array.dtype == KERNEL.dtype
    assert storage.array.strides == same.array.strides and storage.order == same.order
    assert not storage.array.any()
    storage.assign(KERNEL)
    np.testing.assert_array_equal(storage.array, KERNEL)


def test_the_given_array_is_copied():
    given = np.zeros(3, "float32")
    storage = Storage(given)
    given[:] = 1
    assert not storage.array.any()


def test_assign_writes_in_place_and_counts():
    storage = Storage(np.zeros(3, "float32"))
    view = storage.array
    storage.assign(np.array([1, 2, 3]))
    assert storage.array is view and view.tolist() == [1, 2, 3]
    assert storage.version == 1


def test_assign_does_not_lose_kinds_of_numbers():
    with pytest.raises(TypeError, match="Cannot cast"):
        Storage(np.zeros(3, "int64")).assign(np.array([0.5, 1, 2]))


def test_written_says_so_to_sessions():
    storage = Storage(np.zeros(3, "float32"))
    storage.array[:] = 1
    storage.written()
    assert storage.version == 1


def test_a_leading_device_copy_is_fetched_once_and_when_read():
    storage = Storage(np.zeros(3, "float32"))
    fetched = []

    def fetch(array):
        fetched.append(1)
        array[:] = 7

    storage.written(fetch)
    assert fetched == [] and storage.version == 1
    assert storage.array.tolist() == [7, 7, 7]
    assert storage.array.tolist() == [7, 7, 7] and fetched == [1]


def test_assign_drops_a_device_copy_that_nobody_read():
    storage = Storage(np.zeros(3, "float32"))
    storage.written(lambda array: array.fill(7))
    storage.assign(np.ones(3))
    assert storage.array.tolist() == [1, 1, 1] and storage.version == 2


def test_parameter_numpy_is_a_copy_in_c_order():
    weight = Parameter(Storage(KERNEL, (3, 0, 1, 2)), "kernel")
    copy = weight.numpy()
    assert copy.flags.c_contiguous and not np.shares_memory(copy, weight.storage.array)
    copy[:] = 0
    np.testing.assert_array_equal(weight.storage.array, KERNEL)


def test_parameter_assign_checks_the_shape():
    weight = Parameter(np.zeros((2, 3), "float32"), "dense/kernel")
    with pytest.raises(ValueError, match=r"dense/kernel has shape \(2, 3\).*\(3, 2\)"):
        weight.assign(np.zeros((3, 2)))
    assert weight.storage.version == 0
    weight.assign(np.ones((2, 3), "float64"))
    assert weight.numpy().dtype == np.float32 and weight.numpy().all()


def test_scalars_and_empty_weights():
    for shape in ((), (0,), (2, 0)):
        assert Parameter(np.ones(shape, "float32"), "w").numpy().shape == shape
