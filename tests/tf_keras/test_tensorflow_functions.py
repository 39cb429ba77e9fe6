"""The small tensorflow: what TensorFlow itself gave for each call, computed at once and traced to a graph."""

from __future__ import annotations

import pickle
import types

import numpy as np
import pytest

from kcompile.ir import Constant, EagerTensor, Graph, Value
from kcompile.keras import backend as K
from kcompile.tf_keras import tensorflow as tf
from kcompile.torch_bridge import lower, run
from kcompile.torch_bridge.devices import torch_device
from tests.golden.functions import tf_cases
from tests.keras.operations.test_functions_of_programs import NOT_READ, stored

#: TensorFlow 1's names, and what the tables have not.
ABSENT = NOT_READ["tf"] | {
    "to_float", "xw_plus_b", "resize_v1", "resize_v1_corners", "resize_v1_nearest", "resize_v1_images",
    "image_gradients",
}  # fmt: skip
CASES = sorted(stored("tf").keys() & tf_cases.CASES.keys() - ABSENT)


def flat(nest):
    if isinstance(nest, dict):
        nest = [nest[key] for key in sorted(nest)]
    return [x for entry in nest for x in flat(entry)] if isinstance(nest, list | tuple) else [nest]


def check(name, found):
    expected = stored("tf")[name]
    for a, b in zip(map(np.asarray, found), expected, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a.astype(np.float64), b.astype(np.float64), rtol=2e-4, atol=2e-5)


class Given(types.SimpleNamespace):
    """The inputs of a case, made when it reads them."""

    def __init__(self, make):
        self.__dict__["_make"] = make
        self.__dict__["used"] = {}

    def __getattr__(self, name):
        if name not in self.used:
            self.used[name] = self._make(name)
        return self.used[name]


@pytest.mark.parametrize("name", CASES)
def test_functions_compute_at_once_what_tensorflow_does(name):
    arrays = tf_cases.arrays()
    found = flat(tf_cases.CASES[name](tf, Given(lambda key: tf.constant(arrays[key]))))
    assert all(not isinstance(x, Value) or isinstance(x, Constant) for x in found)
    check(name, found)


@pytest.mark.parametrize("name", CASES)
def test_the_same_text_traces_to_a_graph_of_the_same_numbers(name):
    arrays = tf_cases.arrays()
    given = Given(lambda key: Value(arrays[key].dtype, arrays[key].shape, key))
    found = flat(tf_cases.CASES[name](tf, given))
    symbolic = [x for x in found if isinstance(x, Value)]
    graph = Graph(symbolic, list(given.used.values()))
    numbers = iter(run(lower(graph), *[arrays[key] for key in given.used]))
    check(name, [next(numbers) if isinstance(x, Value) else x for x in found])


def test_an_unknown_name_is_an_attribute_error_with_near_ones():
    with pytest.raises(AttributeError, match=r"tf\.reduce_summ is not here.*reduce_sum"):
        tf.reduce_summ  # noqa: B018
    with pytest.raises(AttributeError, match=r"tf\.math\.segment_mode is not here.*docs/tensorflow"):
        tf.math.segment_mode  # noqa: B018


def test_functions_take_arrays_lists_and_names_as_tensorflow_does():
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert float(tf.reduce_sum(x)) == 15 and tf.reduce_mean(x, axis=1, name="mean").numpy().tolist() == [1, 4]
    assert tf.concat([x, x], axis=-1).shape == (2, 6) and tf.reshape(x, [3, -1]).shape == (3, 2)
    assert tf.reduce_sum(x, axis=np.array([0, 1])).shape == ()
    assert tf.cast([1.7, 2.2], tf.int32).numpy().tolist() == [1, 2]
    assert tf.constant([1, 2]).dtype == tf.int32 and tf.constant(1.0).dtype == tf.float32
    assert "reduce_sum" in dir(tf) and "softmax" in dir(tf.nn)


def test_numbers_keep_their_value_in_the_type_that_they_are_given_or_are_refused():
    assert tf.constant(2**40).dtype == tf.int64 and int(tf.constant(2**40)) == 2**40
    assert tf.constant([1, 0], tf.float32).numpy().tolist() == [1, 0]
    assert tf.constant(1.5, tf.bfloat16).dtype == tf.bfloat16
    assert tf.constant(2.0, shape=(2, 2), dtype="float16").shape == (2, 2)
    for value, dtype in ((1.5, tf.int32), (300, tf.uint8), (-1, tf.uint8)):
        with pytest.raises(TypeError, match="does not hold"):
            tf.constant(value, dtype)
    with pytest.raises(ValueError, match="unequal lengths"):
        tf.constant([[1, 2], [3]])
    with pytest.raises(ValueError, match="numbers, truth values and text"):
        tf.constant(object())
    with pytest.raises(TypeError, match="floaty"):
        tf.constant(1, "floaty")


def test_a_variable_has_the_type_that_it_is_given():
    assert tf.Variable(1.0, dtype=tf.bfloat16).dtype == tf.bfloat16
    assert tf.Variable([1, 2], dtype="float32").numpy().tolist() == [1, 2]
    assert tf.Variable(tf.constant([1.0])).dtype == tf.float32
    assert tf.Variable(np.float64([1.0])).dtype == tf.float64


def test_operands_behind_an_argument_are_given_one_by_one():
    found = tf.einsum("ab,bc->ac", tf.ones((2, 3)), tf.ones((3, 2)))
    np.testing.assert_array_equal(np.asarray(found), np.full((2, 2), 3.0))


@pytest.mark.parametrize(
    "value",
    [tf.constant([1.0]), tf.constant([1]) + 1, tf.constant("text"), tf.Variable([1.0])],
    ids=["numbers", "computed", "text", "variable"],
)
def test_what_has_numbers_says_on_which_device_they_lie(value):
    assert value.device == "/job:localhost/replica:0/task:0/device:CPU:0"


@pytest.mark.parametrize("device", ["cpu:0", "gpu:0", "gpu:3"])
def test_devices_are_named_as_tensorflow_names_them(device):
    x = tf.constant([1.0])
    there = types.SimpleNamespace(device=torch_device(device))
    assert EagerTensor(there, "float32", [1], x.interpreter).device.endswith(f"device:{device.upper()}")


#: Shapes with an open size -> what is known of the result.
OPEN_SHAPES = {
    "broadcast_to": (lambda n, c: tf.broadcast_to(c, [n, 1, 8]), [None, 1, 8]),
    "tile": (lambda n, c: tf.tile(c, [n, 1, 2]), [None, 1, 16]),
    "zeros": (lambda n, c: tf.zeros([n, 1, 8]), [None, 1, 8]),
    "ones": (lambda n, c: tf.ones((n, 1)), [None, 1]),
    "fill": (lambda n, c: tf.fill([n, 1], 2.0), [None, 1]),
    "eye": (lambda n, c: tf.eye(3, batch_shape=[n, 1]), [None, 1, 3, 3]),
}


@pytest.mark.parametrize("name", OPEN_SHAPES)
def test_sizes_that_are_said_are_known_beside_one_that_is_open(name):
    make, known = OPEN_SHAPES[name]
    x = K.placeholder((None, 4))
    made = make(tf.shape(x)[0], tf.ones([1, 1, 8]))
    assert made.shape.as_list() == known
    assert K.function([x], [made])([np.ones((3, 4))])[0].shape == (3, *known[1:])


#: Name -> paddings of (open, 3), the pairs at 2 samples, and the known sizes.
PADDINGS = {
    "to a number of rows": (
        lambda x: [[0, tf.maximum(0, 5 - tf.shape(x)[0])], [0, 1]],
        [(0, 3), (0, 1)],
        [None, 4],
    ),
    "a vector an axis": (lambda x: [[1, 0], tf.stack([0, tf.shape(x)[0]])], [(1, 0), (0, 2)], [None, None]),
    "a tensor": (lambda x: tf.constant([[0, 0], [1, 1]]), [(0, 0), (1, 1)], [None, 5]),
    "a computed tensor": (
        lambda x: tf.stack([[0, tf.shape(x)[1] - 2], [1, 0]]),
        [(0, 1), (1, 0)],
        [None, None],
    ),
    "an array": (lambda x: np.array([[1, 0], [0, 2]]), [(1, 0), (0, 2)], [None, 5]),
    "tuples": (lambda x: ((0, 0), (1, 1)), [(0, 0), (1, 1)], [None, 5]),
}


@pytest.mark.parametrize(
    "name, mode",
    [(name, "CONSTANT") for name in PADDINGS]
    + [(name, "REFLECT") for name in list(PADDINGS)[2:5]]
    + [(name, "SYMMETRIC") for name in ("a tensor", "tuples")],
)
def test_paddings_are_numbers_and_tensors(name, mode):
    make, pairs, known = PADDINGS[name]
    given, x = np.arange(6.0, dtype="float32").reshape(2, 3), K.placeholder((None, 3))
    made = tf.pad(x, make(x), mode, constant_values=-1)
    filled = {"constant_values": -1} if mode == "CONSTANT" else {}
    found = K.function([x], [made])([given])[0]
    np.testing.assert_array_equal(found, np.pad(given, pairs, mode.lower(), **filled))
    assert made.shape.as_list() == known


def test_sizes_of_axes_are_numbers_that_tensorflow_1_has_as_values():
    x = K.placeholder((None, 4, 3))
    assert x.shape[-1] == 3 and x.shape[-1].value == 3 and x.get_shape()[1].value == 4
    assert x.get_shape()[1:].as_list() == [4, 3] and x.shape[0] is None
    assert repr(x.shape[1]) == "4" and np.zeros(x.shape[1:]).shape == (4, 3)
    assert type(pickle.loads(pickle.dumps(x.shape[1]))) is int
    assert set(map(type, x.shape.as_list())) == {type(None), int}
