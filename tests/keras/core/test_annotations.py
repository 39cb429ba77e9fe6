"""What the front end keeps with a value, and how programs read it."""

from __future__ import annotations

import pytest

from kcompile import keras
from kcompile.ir import Value
from kcompile.keras import backend as K


def test_an_annotation_is_an_attribute_and_the_other_way_round():
    value = Value("float32", (2,))
    assert value.annotations == {}
    value.annotations["_note"] = 1
    assert value._note == 1
    value.other = 2
    assert value.annotations == {"_note": 1, "other": 2}


def test_a_value_that_no_layer_made_has_none_of_keras():
    value = Value("float32", (2,))
    for name in ("_keras_history", "_keras_mask", "_keras_shape", "_uses_learning_phase"):
        with pytest.raises(AttributeError, match=name):
            getattr(value, name)


def test_programs_read_what_keras_2_says_of_its_tensors_as_attributes():
    x = keras.Input((4,))
    layer = keras.layers.Dropout(0.5)
    y = layer(x)
    assert y._keras_history == (layer, 0, 0) and y._keras_history.layer is layer
    assert y._keras_shape == (None, 4) and y._keras_mask is None
    assert (x._uses_learning_phase, y._uses_learning_phase) == (False, True)


def test_programs_may_set_them_as_code_for_keras_2_does():
    y = K.square(keras.Input((4,)))
    y._keras_shape = (None, 4)
    y._uses_learning_phase = False
    assert K.int_shape(y) == (None, 4) and y._keras_shape == (None, 4)
    assert not hasattr(y, "_keras_history")
