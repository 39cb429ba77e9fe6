"""Convolutions beyond the golden cases: groups, open sizes, memory order, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.ir import Graph
from kcompile.keras import layers

Input = layers.Input


def run(layer, x):
    """The layer's output for an array, with the sizes of the array known beforehand."""
    inputs = Input(x.shape[1:])
    return keras.models.Model(inputs, layer(inputs)).predict(x)


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize(
    "make, shape, perm, memory_format",
    [
        (lambda f: layers.Conv1D(6, 3, data_format=f), (9, 4), (2, 1, 0), None),
        (lambda f: layers.Conv2D(6, 3, data_format=f), (9, 9, 4), (3, 2, 0, 1), "channels_last"),
        (lambda f: layers.Conv3D(6, 3, data_format=f), (5, 5, 5, 4), (4, 3, 0, 1, 2), "channels_last_3d"),
        (lambda f: layers.Conv2DTranspose(6, 3, data_format=f), (9, 9, 4), (3, 2, 0, 1), "channels_last"),
        (
            lambda f: layers.Conv3DTranspose(6, 3, data_format=f),
            (5, 5, 5, 4),
            (4, 3, 0, 1, 2),
            "channels_last_3d",
        ),
    ],
)
def test_kernels_lie_in_memory_as_torch_wants_them(make, shape, perm, memory_format):
    import torch

    from kcompile import torch_bridge

    last, first = make("channels_last"), make("channels_first")
    last(Input(shape))
    first(Input((shape[-1], *shape[:-1])))
    assert torch_bridge.tensor_of(first.kernel).permute(*perm).is_contiguous()
    tensor = torch_bridge.tensor_of(last.kernel).permute(*perm)
    if memory_format is None:  # torch has no name for it; seen as an image of one row it is channels_last
        tensor, memory_format = tensor.unsqueeze(2), "channels_last"
    assert tensor.is_contiguous(memory_format=getattr(torch, memory_format))
    assert not tensor.is_contiguous()


def test_depthwise_kernels_need_no_copy():
    from kcompile import torch_bridge

    for layer in (
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        layers.SeparableConv2D(5, 3, depth_multiplier=2),
    ):
        layer(Input((9, 9, 4)))
        assert torch_bridge.tensor_of(layer.depthwise_kernel).permute(2, 3, 0, 1).is_contiguous()


def test_a_convolution_emits_one_conv_that_adds_the_bias():
    x = Input((8, 8, 3))
    graph = Graph([layers.Conv2D(4, 3, activation="relu")(x)], [x])
    assert [node.op_type for node in graph.nodes].count("Add") == 0
    (conv,) = [node for node in graph.nodes if node.op_type == "Conv"]
    assert len(graph.operands(conv)) == 3


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_groups_are_convolutions_side_by_side(data_format):
    axis = -1 if data_format == "channels_last" else 1
    x = noise(2, 6, 6, 6)
    grouped = layers.Conv2D(4, 3, groups=2, data_format=data_format)
    found = run(grouped, x)
    kernel, bias = grouped.get_weights()
    assert kernel.shape == (3, 3, 3, 4)
    halves = []
    for part, half in enumerate(np.split(x, 2, axis=axis)):
        one = layers.Conv2D(2, 3, data_format=data_format)
        one.build((None, *half.shape[1:]))
        one.set_weights([kernel[..., 2 * part : 2 * part + 2], bias[2 * part : 2 * part + 2]])
        halves.append(run(one, half))
    np.testing.assert_allclose(found, np.concatenate(halves, axis=axis), rtol=1e-5, atol=1e-6)
    assert grouped.get_config()["groups"] == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Conv2D(3, 3, strides=2, padding="same"),
        lambda: layers.Conv2D(3, 4, strides=(2, 3), padding="same"),
        lambda: layers.SeparableConv2D(3, 3, strides=2, padding="same"),
        lambda: layers.DepthwiseConv2D(3, strides=2, padding="same"),
        lambda: layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
        lambda: layers.Conv2DTranspose(3, 3, strides=2, padding="valid", output_padding=1),
        lambda: layers.MaxPooling2D(3, strides=2, padding="same"),
        lambda: layers.AveragePooling2D(2, strides=2, padding="same"),
        lambda: layers.UpSampling2D((2, 3)),
        lambda: layers.UpSampling2D((2, 3), interpolation="bilinear"),
        lambda: layers.ZeroPadding2D(((1, 2), (3, 4))),
        lambda: layers.Cropping2D(((1, 0), (2, 1))),
    ],
)
@pytest.mark.parametrize("size", [(7, 8), (10, 9)])
def test_open_sizes_give_what_known_sizes_give(make, size):
    from kcompile import torch_bridge

    x = noise(2, *size, 2)
    layer = make()
    expected = run(layer, x)
    assert layer.compute_output_shape(x.shape) == expected.shape
    inputs = Input((None, None, 2))
    output = layer(inputs)
    assert layer.get_output_shape_at(1) == (None, None, None, expected.shape[-1])
    np.testing.assert_allclose(keras.models.Model(inputs, output).predict(x), expected, rtol=1e-5, atol=1e-6)
    (by_torch,) = torch_bridge.run(torch_bridge.lower(Graph([output], [inputs])), x)
    np.testing.assert_allclose(by_torch, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "make, problem",
    [
        (lambda: layers.Conv2D(3, (2, 2, 2)), r"`kernel_size` argument must be a tuple of 2 integers"),
        (lambda: layers.Conv2D(3, 2.5), r"`kernel_size` argument must be a tuple of 2 integers"),
        (lambda: layers.Conv2D(0, 3), r"`filters` must be a positive integer, found 0"),
        (lambda: layers.Conv2D(3, 0), r"`kernel_size` must be a positive integer"),
        (lambda: layers.Conv2D(3, 3, strides=-1), r"`strides` must be a positive integer"),
        (lambda: layers.Conv2D(3, 3, padding="half"), r"`padding` argument must be one of .* Received: half"),
        (lambda: layers.Conv2D(3, 3, padding="causal"), r"causal padding is for Conv1D"),
        (
            lambda: layers.Conv1D(3, 3, padding="causal", data_format="channels_first"),
            r"causal.*channels_last",
        ),
        (lambda: layers.Conv2D(3, 3, data_format="NHWC"), r"`data_format` argument must be one of"),
        (lambda: layers.Conv2D(3, 3, groups=2), r"filters=3 must be a multiple of groups=2"),
        (lambda: layers.Conv2D(4, 3, groups=2)(Input((8, 8, 3))), r"3 channels .* do not fall into groups=2"),
        (lambda: layers.Conv2D(3, 3, kernel_initializer="glorot"), r"glorot"),
        (lambda: layers.Conv2D(3, 3, colour=1), r"keyword argument not understood: 'colour'"),
        (lambda: layers.Conv2D(3, 3)(Input((8, 3))), r"expected ndim=4, found ndim=3"),
        (lambda: layers.Conv2D(3, 3)(Input((8, 8, None))), r"channel dimension .* should be defined"),
        (lambda: layers.Conv2D(3, 5)(Input((3, 3, 2))), r"window of \(5, 5\) does not fit .* \(3, 3\)"),
        (
            lambda: layers.Conv1D(3, 3, dilation_rate=2)(Input((4, 2))),
            r"window of \(3,\), dilated by \(2,\), does",
        ),
        (
            lambda: layers.SeparableConv2D(3, 5)(Input((9, 3, 2))),
            r"does not fit into the spatial size \(9, 3\)",
        ),
        (lambda: layers.DepthwiseConv2D(5)(Input((9, 3, 2))), r"does not fit into the spatial size \(9, 3\)"),
        (
            lambda: layers.Conv2DTranspose(2, 3, strides=2, output_padding=2),
            r"must be greater than output padding",
        ),
        (lambda: layers.Conv2DTranspose(2, 3, groups=2), r"groups=2 is not supported"),
        (lambda: layers.SeparableConv2D(2, 3, groups=2), r"groups=2 is not supported"),
        (
            lambda: layers.DepthwiseConv2D(3, depth_multiplier=0),
            r"`depth_multiplier` must be a positive integer",
        ),
        (lambda: layers.UpSampling2D(0), r"`size` must be a positive integer"),
        (lambda: layers.UpSampling2D(interpolation="cubic"), r'"nearest" or "bilinear"; found \'cubic\''),
        (lambda: layers.UpSampling2D()(Input((8, 3))), r"expected ndim=4, found ndim=3"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), r"`padding` should have two elements. Found: \(1, 2, 3\)"),
        (lambda: layers.ZeroPadding2D(-1), r"`padding` must not be negative"),
        (
            lambda: layers.ZeroPadding3D(((1, 1), (1, 1), (1, 2, 3))),
            r"`padding\[2\]` argument must be a tuple of 2",
        ),
        (lambda: layers.Cropping2D(4)(Input((7, 9, 2))), r"cropping .* takes more than there is of an input"),
        (lambda: layers.Cropping3D((1, 2)), r"`cropping` should have three elements"),
    ],
)
def test_bad_arguments_and_inputs_are_refused_by_one_clear_error(make, problem):
    with pytest.raises((ValueError, TypeError), match=problem):
        make()


def test_a_layer_called_again_takes_no_other_number_of_channels():
    layer = layers.Conv2D(3, 3)
    layer(Input((8, 8, 2)))
    with pytest.raises(ValueError, match="expected axis -1 to have size 2, found 4"):
        layer(Input((8, 8, 4)))
