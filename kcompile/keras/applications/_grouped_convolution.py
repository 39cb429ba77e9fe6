"""The grouped convolution of ResNeXt, under the layers that its published weights belong to.

keras-applications writes it as a depthwise convolution with a kernel for each pair of channels of a group, a
Reshape that tells groups and pairs apart, a Lambda that sums over the channels that go in, and a Reshape
back. These are the layers here too. The function of the Lambda looks at what produced its input: where that
is the depthwise convolution, it emits one Conv of as many groups instead, the same sum without the
intermediate tensor, which is as many times larger as a group has channels. Nothing then reads the depthwise
convolution, so neither training nor export computes it.
"""

from __future__ import annotations

from typing import Any

from ...ir import Value, op
from .. import backend as K
from .. import layers as L
from .. import registry
from ..backend.tensors import producer, static_sizes
from ..utils.generic_utils import register_keras_serializable
from ._building import channel_axis, channels_of

_TO_LAST = [0, 2, 3, 1]


def grouped_conv(x: Value, groups: int, size: int, strides: int, name: str) -> Value:
    """A convolution without bias or padding whose channels fall into groups that do not mix.

    Args:
        x: (batch, height, width, channels), or (batch, channels, height, width) for channels_first; height
            and width must be known. The result has as many channels.
        name: the layers with names are ``{name}_conv``, which has the weights, and ``{name}_reduce``.

    Raises:
        ValueError: if height or width is not known.
    """
    channels = channels_of(x)
    width = channels // groups
    x = L.DepthwiseConv2D(size, strides=strides, depth_multiplier=width, use_bias=False, name=f"{name}_conv")(
        x
    )
    first = channel_axis() == 1
    shape = static_sizes(x)[2:] if first else static_sizes(x)[1:3]
    image = [size for size in shape if size is not None]
    if len(image) < len(shape):
        raise ValueError(
            f"Layer {name}_conv: the groups of ResNeXt need a known height and width, found "
            f"{shape}; pass input_shape."
        )
    pairs = (groups, width, width)
    x = L.Reshape((*pairs, *image) if first else (*image, *pairs))(x)
    arguments = {"axis": 2} if first else {}
    x = L.Lambda(sum_over_group, arguments=arguments, name=f"{name}_reduce")(x)
    return L.Reshape((channels, *image) if first else (*image, channels))(x)


@register_keras_serializable(package="kcompile")
def sum_over_group(x: Value, axis: int = 4) -> Value:
    """The sum over the channels that go into a group.

    Args:
        x: (batch, height, width, groups, in, out), or (batch, groups, in, out, height, width).
        axis: of "in", 4 or 2.
    """
    conv = _depthwise_conv(x, axis)
    if conv is None:
        return K.sum(x, axis=axis)
    shape: Any = x.shape
    groups, fan_in, fan_out = shape[axis - 1 : axis + 2]
    image, kernels = conv.inputs[:2]
    size = kernels.shape[2:]
    # each channel's kernels for all that go out -> each one that goes out with kernels for all channels
    pairs = op.Reshape(kernels, [groups, fan_in, fan_out, *size])
    grouped = op.Reshape(op.Transpose(pairs, perm=[0, 2, 1, 3, 4]), [groups * fan_out, fan_in, *size])
    y = op.Conv(image, grouped, **{**conv.attributes, "group": groups})
    if axis == 2:
        return op.Reshape(y, [0, groups, fan_out, *shape[4:]])
    return op.Reshape(op.Transpose(y, perm=_TO_LAST), [0, *shape[1:3], groups, fan_out])


def _depthwise_conv(x: Value, axis: int) -> Any:
    """The node of the depthwise convolution whose channels ``x`` has, taken apart; else None."""
    node, shape = producer(x), x.shape
    if node is None or node.op_type != "Reshape" or shape is None or len(shape) != 6:
        return None
    pairs, image = shape[axis - 1 : axis + 2], shape[4:] if axis == 2 else shape[1:3]
    node = producer(node.inputs[0])
    if axis == 4:
        if node is None or node.op_type != "Transpose" or node.attributes["perm"] != _TO_LAST:
            return None
        node = producer(node.inputs[0])
    if node is None or node.op_type != "Conv" or len(node.inputs) > 2 and node.inputs[2] is not None:
        return None
    sizes = [size for size in (*pairs, *image) if isinstance(size, int)]
    if len(sizes) < 5:
        return None
    channels = sizes[0] * sizes[1]
    made = (channels * sizes[2], *image)
    fits = node.attributes.get("group", 1) == channels and static_sizes(node.outputs[0])[1:] == made
    return node if fits else None


registry.register(globals())
