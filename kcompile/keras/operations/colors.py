"""Formulas of color over the channels of images: gray, HSV, ranges of values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...ir import Value, op
from .. import backend as K
from ..backend.tensors import static_sizes, tensor

_LUMA = (0.2989, 0.5870, 0.1140)  # of ITU-R BT.601, as rounded by TensorFlow


def gray_of(x: Value, axis: int) -> Value:
    """The luminance of RGB images, with one channel."""
    shape = [1] * len(static_sizes(x))
    shape[axis] = 3
    weights = tensor(np.reshape(np.array(_LUMA, x.dtype), shape))
    return op.ReduceSum(op.Mul(x, weights), [axis], keepdims=1)


def hsv_of(x: Value, axis: int) -> tuple[Value, Value, Value]:
    """Hue (0 to 1), saturation (0 to 1) and value of RGB images, each with one channel."""
    r, g, b = op.Split(x, axis=axis, num_outputs=3, outputs=3)
    value = op.ReduceMax(x, [axis], keepdims=1)
    chroma = op.Sub(value, op.ReduceMin(x, [axis], keepdims=1))
    zero, one = tensor(0.0, x.dtype), tensor(1.0, x.dtype)
    saturation = op.Where(op.Greater(value, zero), op.Div(chroma, op.Where(value <= zero, one, value)), zero)
    sixth = op.Div(tensor(1 / 6, x.dtype), op.Where(chroma <= zero, one, chroma))
    hue = op.Where(
        op.Equal(r, value),
        (g - b) * sixth,
        op.Where(op.Equal(g, value), (b - r) * sixth + 2 / 6, (r - g) * sixth + 4 / 6),
    )
    hue = op.Where(chroma <= zero, zero, hue)
    return op.Where(hue < zero, hue + 1.0, hue), saturation, value


def rgb_of(hue: Value, saturation: Value, value: Value, axis: int) -> Value:
    """RGB images of hue (0 to 1), saturation and value."""
    sextant = hue * 6.0
    pure = [
        op.Abs(sextant - 3.0) - 1.0,
        2.0 - op.Abs(sextant - 2.0),
        2.0 - op.Abs(sextant - 4.0),
    ]
    channels = [(1.0 - saturation + saturation * K.clip(part, 0.0, 1.0)) * value for part in pure]
    return op.Concat(*channels, axis=axis)


def in_range(x: Value, source: Sequence[float], target: Sequence[float]) -> Value:
    """Values of one range as values of another one."""
    if tuple(map(float, source)) == tuple(map(float, target)):
        return x
    part = op.Div(x - float(source[0]), tensor(float(source[1]) - float(source[0]), x.dtype))
    return part * (float(target[1]) - float(target[0])) + float(target[0])


def clipped(x: Value, value_range: Sequence[float]) -> Value:
    return K.clip(x, *map(float, value_range))
