"""Functions that Keras 2 had until 2.1: merge, building blocks of ResNet50, transformations of images."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras.legacy.layers import Merge, merge

A, B = np.array([[1.0, 2, 3]], "float32"), np.array([[4.0, 0, 2]], "float32")
MODES = {
    "sum": A + B,
    "mul": A * B,
    "ave": (A + B) / 2,
    "max": np.maximum(A, B),
    "concat": np.concatenate([A, B], -1),
    "dot": (A * B).sum(-1, keepdims=True),
    "cos": (A * B).sum(-1, keepdims=True) / np.linalg.norm(A) / np.linalg.norm(B),
}


@pytest.mark.parametrize("mode", [*MODES, "a function"])
def test_merge_is_the_layer_of_its_mode(mode):
    a, b = keras.Input((3,)), keras.Input((3,))
    how = (lambda tensors: tensors[0] - tensors[1]) if mode == "a function" else mode
    with pytest.warns(UserWarning, match="deprecated"):
        outputs = [merge([a, b], mode=how), Merge(mode=how)([a, b]), keras.layers.merge([a, b], mode=how)]
    for found in keras.Model([a, b], outputs).predict([A, B]):
        np.testing.assert_allclose(found, MODES.get(mode, A - B), rtol=1e-5)


def test_merges_that_are_not_made():
    with pytest.warns(UserWarning, match="`Merge`"), pytest.raises(ValueError, match="one of sum, mul"):
        Merge(mode="join")
    with (
        pytest.warns(UserWarning, match="`Merge`"),
        pytest.raises(NotImplementedError, match="functional model"),
    ):
        Merge([keras.Sequential(), keras.Sequential()], mode="sum")


def test_relu6_is_found_by_the_name_that_files_have():
    from kcompile.keras.applications.mobilenet import DepthwiseConv2D, relu6

    assert K.eval(relu6(K.constant([-1.0, 3.0, 9.0]))).tolist() == [0, 3, 6]
    assert DepthwiseConv2D is keras.layers.DepthwiseConv2D
    config = {"name": "a", "activation": "relu6"}
    layer = keras.layers.deserialize({"class_name": "Activation", "config": config}, {"relu6": relu6})
    assert layer.activation is relu6


def test_blocks_of_resnet50():
    from kcompile.keras.applications.resnet50 import conv_block, identity_block

    x = keras.Input((8, 8, 4))
    y = identity_block(conv_block(x, 3, [2, 2, 8], 2, "a"), (5, 5), [2, 3, 8], 2, "b")
    model = keras.Model(x, y)
    assert model.output_shape == (None, 4, 4, 8)
    names = {layer.name for layer in model.layers}
    assert {"res2a_branch1", "bn2a_branch1", "res2b_branch2b", "bn2b_branch2c"} <= names
    assert "res2b_branch1" not in names
    assert model.get_layer("res2b_branch2b").kernel_size == (5, 5)


def test_functions_of_keras_applications_are_handed_the_modules():
    from kcompile.keras.applications import keras_modules_injection

    @keras_modules_injection
    def function(*args, **kwargs):
        return args, kwargs

    args, kwargs = function(1, a=2)
    assert args == (1,) and kwargs.pop("a") == 2
    modules = ("backend", "layers", "models", "utils")
    assert kwargs == {name: getattr(keras, name) for name in modules}


def test_what_keras_applications_had_beside_networks():
    from kcompile.keras import applications
    from kcompile.keras.applications.imagenet_utils import _obtain_input_shape

    of_keras = (keras.backend, keras.layers, keras.models, keras.utils)
    assert applications.get_submodules_from_kwargs({}) == of_keras
    assert applications.get_submodules_from_kwargs({"layers": 1})[1] == 1
    with pytest.raises(TypeError, match="found model"):
        applications.get_submodules_from_kwargs({"model": 1})
    x = keras.Input((8, 9, 3))
    assert applications.correct_pad(keras.backend, x, (3, 5)) == ((0, 1), (2, 2))
    assert applications.correct_pad(keras.backend, x, 3) == ((0, 1), (1, 1))
    assert applications.correct_pad(keras.backend, keras.Input((None, None, 3)), 3) == ((0, 1), (0, 1))
    assert _obtain_input_shape(None, 224, 32, None, include_top=False) == (None, None, 3)
    assert _obtain_input_shape(None, 224, 32, None, include_top=True) == (224, 224, 3)


def test_images_are_transformed_about_their_centre():
    from kcompile.keras.preprocessing.image import apply_transform, transform_matrix_offset_center

    image = np.arange(24.0).reshape(3, 4, 2)
    matrix = transform_matrix_offset_center(np.diag([1.0, -1, 1]), 3, 4)
    assert matrix[:2, 2].tolist() == [0, 5]
    flipped = apply_transform(image, matrix, channel_axis=2)
    np.testing.assert_array_equal(flipped[:, 2:], image[:, ::-1][:, :2])  # the centre is half a pixel off
    by_one = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1]])
    shifted = apply_transform(np.moveaxis(image, -1, 0), by_one, 0, "constant", 7)
    np.testing.assert_array_equal(np.moveaxis(shifted, 0, -1)[:2], image[1:])
    assert (shifted[:, 2] == 7).all()
