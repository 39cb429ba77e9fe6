"""Types of tensors answer as TensorFlow's do, and are numpy's for all who ask."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from kcompile import keras
from kcompile.ir import Value, element_type
from kcompile.tf_keras import tensorflow as tf
from tests.golden.functions import element_types

EXPECTED = json.loads(element_types.FILE.read_text())
FOUND = json.loads(json.dumps(element_types.answers(tf)))
WAYS = {
    "a tensor": lambda name: tf.constant([0, 1], dtype=name),
    "a variable": lambda name: tf.Variable([0, 1], dtype=name),
    "a symbolic tensor": lambda name: keras.layers.Input((3,), dtype=name),
    "a constant": lambda name: keras.backend.constant([0, 1], dtype=name),
    "a TensorSpec": lambda name: tf.TensorSpec((3,), name),
    "an element": lambda name: next(iter(tf.data.Dataset.from_tensors(tf.constant([0, 1], dtype=name)))),
}
NUMBERS = sorted(set(element_types.NAMES) - {"string", "complex64", "complex128"})


@pytest.mark.parametrize("name", sorted(element_types.NAMES))
def test_types_answer_as_those_of_tensorflow(name):
    expected = {**FOUND["types"][name], **EXPECTED["types"][name]}
    if name == "bool":  # which numpy 1 calls bool_
        expected["as_numpy_dtype"] = np.bool_.__name__
    assert FOUND["types"][name] == expected


def test_all_public_members_of_tensorflows_types_are_there():
    assert set(EXPECTED["members"]) <= set(FOUND["members"])


@pytest.mark.parametrize("made_by", ["DType", "as_dtype"])
def test_types_are_made_as_tensorflow_makes_them(made_by):
    assert FOUND[made_by] == EXPECTED[made_by]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("way", sorted(WAYS))
def test_numpy_takes_types_of_tensors_for_its_own(way, name):
    dtype = WAYS[way](name).dtype
    as_numpy = np.dtype(dtype.as_numpy_dtype)
    assert dtype is getattr(tf, name) and isinstance(dtype, tf.dtypes.DType)
    assert np.zeros(3, dtype).dtype == np.dtype(dtype) == as_numpy
    assert dtype == as_numpy and as_numpy == dtype and dtype == as_numpy.type
    assert (dtype.kind, dtype.itemsize, dtype.type, dtype.char) == (
        as_numpy.kind,
        as_numpy.itemsize,
        as_numpy.type,
        as_numpy.char,
    )
    assert {as_numpy: 1}[dtype] == {dtype: 1}[as_numpy] == 1
    assert dtype in (tf.string, as_numpy) and dtype not in (tf.complex64, np.complex128)
    assert np.issubdtype(dtype, np.integer) == dtype.is_integer


@pytest.mark.parametrize("name", sorted(element_types.NAMES))
def test_copies_of_types_are_the_types(name):
    dtype = element_type(name)
    assert copy.deepcopy(dtype) is pickle.loads(pickle.dumps(dtype)) is copy.copy(dtype) is dtype


def test_text_has_a_type_of_its_own_name():
    dtype = tf.constant(["a"]).dtype
    assert dtype is tf.string and dtype == np.dtype(object) and dtype.kind == "O" and dtype.name == "string"
    assert np.empty(2, dtype).dtype == object and keras.layers.Input((1,), dtype="string").dtype is tf.string


def test_types_that_onnx_alone_has_are_types_too():
    dtype = Value("float8_e4m3fn", (2,)).dtype
    assert dtype.is_floating and dtype.name == "float8_e4m3fn" and np.zeros(1, dtype).dtype == dtype
    with pytest.raises(TypeError, match="no number"):
        _ = dtype.as_datatype_enum


def test_types_stand_in_layers_and_their_files_by_name():
    layer = keras.layers.Dense(2, dtype=tf.float64)
    layer.build((None, 3))
    assert layer.kernel.dtype.base_dtype is tf.float64 and layer.get_config()["dtype"] == "float64"
    model = keras.Sequential([keras.layers.InputLayer((3,), dtype=tf.float64), layer])
    assert '"dtype": "float64"' in model.to_json()
