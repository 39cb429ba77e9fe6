"""Layers of several inputs behave as in Keras 2.3.1."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import layers
from tests.keras.layers.golden_layers import golden_tests

test_layer_equals_keras, test_training_equals_keras = golden_tests(
    "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"
)


# --- beyond the golden cases ---


def masked(steps=3, features=2):
    return layers.Masking()(layers.Input((steps, features)))


def masks_of(output, inputs, arrays):
    (mask,) = K.function(inputs, [output._keras_mask])(arrays)
    return mask.tolist()


A = np.array([[[1, 1], [0, 0], [1, 1]]], "float32")
B = np.array([[[1, 1], [1, 1], [0, 0]]], "float32")


@pytest.mark.parametrize(
    "make, expected",
    [
        (lambda a, b: layers.Add()([a, b]), [[True, False, False]]),
        (lambda a, b: layers.Multiply()([a, b]), [[True, False, False]]),
        (lambda a, b: layers.Concatenate()([a, b]), [[True, False, False]]),
        (lambda a, b: layers.Concatenate(axis=1)([a, b]), [[True, False, True, True, True, False]]),
    ],
)
def test_masks_of_all_inputs_are_combined(make, expected):
    inputs = [layers.Input((3, 2)), layers.Input((3, 2))]
    output = make(*(layers.Masking()(x) for x in inputs))
    assert masks_of(output, inputs, [A, B]) == expected


@pytest.mark.parametrize(
    "make, expected",
    [
        (lambda a, b: layers.Add()([a, b]), [[True, False, True]]),
        (lambda a, b: layers.Concatenate()([b, a]), [[True, False, True]]),
        (lambda a, b: layers.Concatenate(axis=1)([b, a]), [[True, True, True, True, False, True]]),
    ],
)
def test_an_input_without_a_mask_counts_as_valid(make, expected):
    inputs = [layers.Input((3, 2)), layers.Input((3, 2))]
    output = make(layers.Masking()(inputs[0]), inputs[1])
    assert masks_of(output, inputs, [A, B]) == expected


def test_no_masks_give_no_mask_and_dot_never_has_one():
    a, b = layers.Input((3, 2)), layers.Input((3, 2))
    assert layers.add([a, b])._keras_mask is None
    assert layers.dot([masked(), masked()], axes=2)._keras_mask is None


@pytest.mark.parametrize(
    "function, expected",
    [
        (layers.add, [[5.0, 7.0]]),
        (layers.subtract, [[-3.0, -3.0]]),
        (layers.multiply, [[4.0, 10.0]]),
        (layers.average, [[2.5, 3.5]]),
        (layers.maximum, [[4.0, 5.0]]),
        (layers.minimum, [[1.0, 2.0]]),
        (layers.concatenate, [[1.0, 2.0, 4.0, 5.0]]),
        (lambda inputs, name: layers.dot(inputs, axes=-1, name=name), [[14.0]]),
    ],
)
def test_functional_forms_make_a_named_layer(function, expected):
    inputs = [layers.Input((2,)), layers.Input((2,))]
    model = keras.models.Model(inputs, function(inputs, name="merged"))
    assert model.layers[-1].name == "merged"
    assert model.predict([np.array([[1.0, 2.0]]), np.array([[4.0, 5.0]])]).tolist() == expected


@pytest.mark.parametrize(
    "make, problem",
    [
        (lambda: layers.Add()(layers.Input((3,))), r"called on a list of at least 2 inputs. Got 1 inputs"),
        (lambda: layers.Add()([layers.Input((3,))]), r"called on a list of at least 2 inputs. Got 1 inputs"),
        (
            lambda: layers.Add()([layers.Input((3,)), layers.Input((4,))]),
            r"could not be broadcast .* \(3,\) \(4,\)",
        ),
        (lambda: layers.Subtract()([layers.Input((3,))] * 3), r"exactly 2 inputs, found 3"),
        (
            lambda: layers.Add()([layers.Input(batch_shape=(2, 3)), layers.Input(batch_shape=(4, 3))]),
            r"different batch sizes",
        ),
        (
            lambda: layers.Concatenate()([layers.Input((3, 2)), layers.Input((4, 2))]),
            r"matching shapes except for",
        ),
        (
            lambda: layers.Concatenate()([layers.Input((3, 2)), layers.Input((2,))]),
            r"matching shapes except for",
        ),
        (lambda: layers.Concatenate(axis=5)([layers.Input((3,)), layers.Input((3,))]), r"concat axis \(5\)"),
        (lambda: layers.Dot("1"), r"Invalid type for `axes`"),
        (lambda: layers.Dot((1, 2, 3)), r"Invalid type for `axes`"),
        (
            lambda: layers.Dot(1)([layers.Input((3, 2)), layers.Input((4, 2))]),
            r"dimension incompatibility 3 != 4",
        ),
        (lambda: layers.Dot(4)([layers.Input((3, 2)), layers.Input((3, 2))]), r"axes 4 are out of range"),
        (lambda: layers.Dot(1)([layers.Input((3,))] * 3), r"list of 2 inputs, found 3"),
    ],
)
def test_bad_inputs_are_refused_by_one_clear_error(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()
