"""What the MobileNets share: weights that are published for several sizes of the image."""

from __future__ import annotations

from typing import Any

from .. import backend as K
from ..backend.tensors import static_sizes
from ._building import Application


def published_size(app: Application, sizes: tuple[int, ...], tensor_decides: bool = False) -> int:
    """Height and width that the network is taken to be trained on: those of the input, where they are square
    and published, else 224.

    Raises:
        ValueError: for the weights of ImageNet with the top, where they are not.
    """
    shape: Any = app.input_shape
    if shape is None and tensor_decides and app.input_tensor is not None:
        shape = static_sizes(app.input_tensor)[1:]
    if shape is None or len(shape) != 3:
        return 224
    height, width = shape[1:] if K.image_data_format() == "channels_first" else shape[:2]
    return height if height == width and height in sizes else 224


def divisible(value: float, divisor: int = 8, least: int | None = None) -> int:
    """The multiple of ``divisor`` next to ``value``, at least ``least``, that is not less than 90% of it."""
    rounded = max(least or divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded
