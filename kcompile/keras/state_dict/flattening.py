"""Layers behind a Flatten: Keras flattens (sizes..., channels), PyTorch (channels, sizes...).

So what such a layer has for each feature lies in another order: a Dense layer's rows, and the weights of what
stands between, such as a BatchNormalization. Whether an image has its channels last, the layers that made it
say; a sequence that no convolution or pooling made is the same in both programs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np

from ..core.input_layer import InputLayer
from ..core.layer import Layer
from ..core.network import Network
from .spec import Arrays, TorchModuleSpec

# Layers that keep each feature in its place. The last four have weights, one for each.
_KEEPING = frozenset(
    """Dropout Activation ReLU LeakyReLU ELU ThresholdedReLU Softmax GaussianNoise GaussianDropout
    AlphaDropout ActivityRegularization BatchNormalization LayerNormalization RMSNormalization
    PReLU""".split()
)
_WEIGHTED = frozenset("BatchNormalization LayerNormalization RMSNormalization PReLU".split())
# Layers whose output has its channels where their first input has them.
_NEUTRAL = _KEEPING | frozenset(
    """Add Subtract Multiply Average Maximum Minimum Concatenate GroupNormalization Rescaling Normalization
    UnitNormalization SpatialDropout1D SpatialDropout2D SpatialDropout3D""".split()
)


def turned_layers(model: Network) -> dict[Layer, list[int]]:
    """Layers with weights in the order of a flattened image's features -> (channels, sizes...).

    A layer that is called several times is among them if all its inputs are such images of one shape.
    """
    return {
        layer: images[0]
        for layer, images in _features(model).items()
        if images[0] and all(image == images[0] for image in images)
    }


def left_layers(model: Network) -> list[Layer]:
    """Layers that read features of flattened images among others, in Keras's order: they stay as they are."""
    known = turned_layers(model)
    return [
        layer
        for layer, images in _features(model).items()
        if layer not in known and any(image is not None for image in images)
    ]


def _features(model: Network) -> dict[Layer, list[list[int] | None]]:
    """Layer -> the image that each of its inputs is, flattened; [] for such features among others."""
    made = {value: node for node in model._network_nodes for value in node.output_tensors}
    images: dict[Any, list[int]] = {}
    found: dict[Layer, list[list[int] | None]] = {}
    for node in model._network_nodes:
        layer, kind = cast(Layer, node.outbound_layer), type(node.outbound_layer).__name__
        if not node.input_tensors or len(node.output_tensors) != 1:
            continue
        given = [images[value] for value in node.input_tensors if value in images]
        source = (given[0] if len(node.input_tensors) == 1 else []) if given else None
        if kind == "Dense" or kind in _WEIGHTED:
            found.setdefault(layer, []).append(source)
        image = _flattened(node, kind, made)
        if image is None and source is not None and kind in _NEUTRAL:
            image = source
        if image is not None:
            images[node.output_tensors[0]] = image
    return found


def _flattened(node: Any, kind: str, made: Any) -> list[int] | None:
    """(channels, sizes...) of the image that a node flattens, if PyTorch flattens it in another order."""
    layer, value = node.outbound_layer, node.input_tensors[0]
    sizes = [size for size in value.shape[1:] if isinstance(size, int)]
    if len(sizes) != len(value.shape) - 1 or len(sizes) < 2:
        return None
    if kind == "Flatten":
        first = layer.data_format == "channels_first"
    elif kind == "Reshape" and len(layer.target_shape) == 1:
        first = False
    else:
        return None
    last = _has_channels_last(value, made)
    if first and not last:  # Flatten itself moves the channels, then
        image = sizes
    elif not first and last:
        image = [sizes[-1], *sizes[:-1]]
    else:
        return None
    return image if image[0] > 1 and int(np.prod(image[1:])) > 1 else None


def _has_channels_last(value: Any, made: Any) -> bool:
    """Whether PyTorch has a value's last axis in front: it is an image, or a convolution's or pooling's."""
    while (node := made.get(value)) is not None and not isinstance(node.outbound_layer, InputLayer):
        layer = node.outbound_layer
        if type(layer).__name__ not in _NEUTRAL:
            return getattr(layer, "data_format", None) == "channels_last"
        value = node.input_tensors[0]
    return len(value.shape) > 3


def turned(spec: TorchModuleSpec, image: list[int]) -> TorchModuleSpec:
    """A module whose tensors are in PyTorch's order of a flattened image."""
    channels, *sizes = image
    count = int(np.prod(image))
    dense = spec.kind == "nn.Linear"

    def take(arrays: Arrays, shape: list[int], order: list[int]) -> Arrays:
        """The features, which are of a shape, in another order of its axes."""
        axes = (0, *(1 + axis for axis in order)) if dense else order
        return {
            key: a.reshape(*a.shape[:-1], *shape).transpose(axes).reshape(a.shape)
            if (key == "weight" if dense else a.shape == (count,))
            else a
            for key, a in arrays.items()
        }

    last = len(sizes)
    what = "columns are" if dense else "features are"
    note = f"its {what} in PyTorch's order, of (channels, sizes...) = {tuple(image)} flattened"
    return replace(
        spec,
        encode=lambda arrays: take(spec.encode(arrays), [*sizes, channels], [last, *range(last)]),
        decode=lambda tensors: spec.decode(take(tensors, image, [*range(1, last + 1), 0])),
        note=f"{spec.note}; {note}" if spec.note else note,
    )
