"""What the Inception networks share."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import layers as L
from ._building import batch_norm, channel_axis


def conv_bn(
    x: Value,
    filters: int,
    size: int | tuple[int, int],
    strides: int = 1,
    padding: str = "same",
    name: str | None = None,
    activation: str | None = "relu",
    bn_name: str | None = None,
    activation_name: str | None = None,
) -> Value:
    """Convolution without bias, normalization without scale, activation."""
    x = L.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False, name=name)(x)
    x = batch_norm(x, bn_name, epsilon=1e-3, scale=False)
    return L.Activation(activation, name=activation_name)(x)


def chain(x: Value, *convolutions: tuple[Any, ...]) -> Value:
    """``conv_bn`` one after the other, with (filters, size, strides, padding)."""
    for arguments in convolutions:
        x = conv_bn(x, *arguments)
    return x


def concatenate(branches: list[Value], name: str | None = None) -> Value:
    """The channels of all branches."""
    return L.Concatenate(axis=channel_axis(), name=name)(branches)


def stem(x: Value) -> Value:
    """From the image to 192 channels of an eighth of its height and width."""
    x = chain(x, (32, 3, 2, "valid"), (32, 3, 1, "valid"), (64, 3))
    x = L.MaxPooling2D(3, strides=2)(x)
    x = chain(x, (80, 1, 1, "valid"), (192, 3, 1, "valid"))
    return L.MaxPooling2D(3, strides=2)(x)


def average(x: Value) -> Value:
    """The mean of each neighbourhood of 3x3."""
    return L.AveragePooling2D(3, strides=1, padding="same")(x)
