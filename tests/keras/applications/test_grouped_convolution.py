"""The groups of ResNeXt: one Conv, the same sum, with the layers and weights of keras-applications."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.ir import Graph
from kcompile.keras import backend as K
from kcompile.keras import layers as L
from kcompile.keras.applications import ResNeXt50
from kcompile.keras.applications._grouped_convolution import grouped_conv, sum_over_group

RANDOM = np.random.default_rng(0)


def model_of(shape, groups=4, strides=1):
    image = L.Input(shape)
    return keras.Model(image, grouped_conv(image, groups, 3, strides, "g"))


def summed(model):
    """The same layers and weights, with the sum written out in place of the function that looks behind."""
    pairs = model.layers[-3].output
    y = model.layers[-1](L.Lambda(lambda x: K.sum(x, axis=4))(pairs))
    return keras.Model(model.input, y)


def operators(model):
    return [node.op_type for node in Graph(model.outputs, model.inputs, phase="inference").nodes]


@pytest.mark.parametrize("strides", [1, 2])
def test_one_convolution_computes_what_the_layers_say(strides):
    model = model_of((7, 6, 8), strides=strides)
    classes = ["InputLayer", "DepthwiseConv2D", "Reshape", "Lambda", "Reshape"]
    assert [type(layer).__name__ for layer in model.layers] == classes
    reference = summed(model)
    convolution = [
        node for node in Graph(model.outputs, model.inputs, phase="inference").nodes if node.op_type == "Conv"
    ]
    assert [node.attributes["group"] for node in convolution] == [4]
    assert "ReduceSum" in operators(reference) and "ReduceSum" not in operators(model)
    x = RANDOM.standard_normal((3, 7, 6, 8)).astype("float32")
    np.testing.assert_allclose(model.predict(x), reference.predict(x), rtol=1e-5, atol=1e-6)


def test_both_layouts_compute_the_same():
    last = model_of((5, 5, 8))
    K.set_image_data_format("channels_first")
    try:
        first = model_of((8, 5, 5))
    finally:
        K.set_image_data_format("channels_last")
    first.set_weights(last.get_weights())
    x = RANDOM.standard_normal((2, 5, 5, 8)).astype("float32")
    found = first.predict(np.moveaxis(x, 3, 1))
    np.testing.assert_allclose(np.moveaxis(found, 1, 3), last.predict(x), rtol=1e-5, atol=1e-6)


def test_both_train_alike():
    """Gradients reach the kernel of the depthwise convolution through the one that is computed."""
    x = RANDOM.standard_normal((4, 5, 5, 8)).astype("float32")
    y = RANDOM.standard_normal((4, 3, 3, 8)).astype("float32")
    trained, start = [], model_of((5, 5, 8)).get_weights()
    for make in (lambda model: model, summed):
        model = make(model_of((5, 5, 8)))
        model.set_weights(start)
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(x, y, epochs=3, verbose=0)
        trained.append(model.get_weights()[0])
    np.testing.assert_allclose(trained[0], trained[1], rtol=1e-4, atol=1e-6)
    assert not np.allclose(trained[0], start[0])


def test_the_layers_between_have_their_own_outputs():
    model = model_of((5, 5, 8))
    x = RANDOM.standard_normal((2, 5, 5, 8)).astype("float32")
    between = keras.Model(model.input, [model.get_layer("g_conv").output, model.output])
    pairs, sums = between.predict(x)
    assert pairs.shape == (2, 3, 3, 16)
    np.testing.assert_allclose(
        pairs.reshape(2, 3, 3, 4, 2, 2).sum(4).reshape(2, 3, 3, 8), sums, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    "x",
    [
        lambda: L.Input((3, 3, 4, 2, 2)),
        lambda: L.Reshape((3, 3, 4, 2, 2))(L.Input((3, 3, 16))),
        lambda: L.Reshape((3, 3, 4, 2, 2))(L.Conv2D(16, 1)(L.Input((3, 3, 8)))),
        lambda: L.Reshape((3, 3, 4, 2, 2))(L.DepthwiseConv2D(1, depth_multiplier=4)(L.Input((3, 3, 4)))),
        lambda: L.Reshape((3, 3, 4, 2, 2))(
            L.DepthwiseConv2D(1, depth_multiplier=2, use_bias=False, data_format="channels_first")(
                L.Input((8, 3, 3))
            )
        ),
        lambda: L.Reshape((9, 1, 4, 2, 2))(
            L.DepthwiseConv2D(1, depth_multiplier=2, use_bias=False)(L.Input((3, 3, 8)))
        ),
    ],
)
def test_anything_else_is_summed(x):
    assert L.Lambda(sum_over_group)(x()).node.op_type == "ReduceSum"


def test_an_unknown_size_is_named():
    with pytest.raises(ValueError, match="known height and width.*input_shape"):
        ResNeXt50(weights=None, include_top=False)
