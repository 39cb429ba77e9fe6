"""Images of another size, as ``tf.image.resize`` makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....ir import eagerly
from ...data.tensors import eager_interpreter
from ...operations.tensorflow_networks import resize
from .files import checked_data_format

__all__ = ["smart_resize"]

INTERPOLATIONS = (
    "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"
)  # fmt: skip


def resized(image: np.ndarray, size: Sequence[int], interpolation: str) -> np.ndarray:
    """An image (height, width, channels), or several, of another size: float32, but for "nearest".

    Raises:
        ValueError: for an unknown interpolation.
    """
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"interpolation must be one of {', '.join(INTERPOLATIONS)}; found {interpolation!r}."
        )
    dtype = image.dtype if interpolation == "nearest" else np.dtype(np.float32)
    if tuple(image.shape[-3:-1]) == tuple(size):
        return np.asarray(image, dtype)
    interpreter = eager_interpreter()
    with eagerly(interpreter):
        found = resize(interpreter.eager_array(image), list(size), interpolation)
    return np.asarray(found.numpy(), dtype)


def smart_resize(
    x: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    data_format: str | None = None,
    backend_module: Any = None,
) -> Any:
    """An image of another size without distortion: the largest part of its proportions, from the middle.

    Args:
        x: array (height, width, channels) or (batch, height, width, channels); channels before height for
            channels_first.
        size: (height, width).
        interpolation: as ``tf.image.resize`` has them.
        data_format: by default ``K.image_data_format()``.

    Raises:
        ValueError: for a size that is not two numbers, or an array of another rank.
    """
    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers, but got: {size}.")
    image = np.asarray(x)
    if image.ndim not in (3, 4):
        raise ValueError(
            "Expected an image array with shape `(height, width, channels)`, or `(batch_size, height, width, "
            f"channels)`, but got input with incorrect rank, of shape {image.shape}."
        )
    first = checked_data_format(data_format) == "channels_first"
    image = np.moveaxis(image, -3, -1) if first else image
    found = resized(_cropped_to(image, size), size, interpolation)
    return np.moveaxis(found, -1, -3) if first else found


def _cropped_to(image: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """The largest part in the middle that has the proportions of a size."""
    height, width = image.shape[-3:-1]
    rows, columns = _proportional(height, width, size, min)
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[..., top : top + rows, left : left + columns, :]


def padded_to(image: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """The image in the middle of the smallest one that has the proportions of a size, filled up with 0."""
    height, width = image.shape[:2]
    rows, columns = _proportional(height, width, size, max)
    top, left = (rows - height) // 2, (columns - width) // 2
    sides = ((top, rows - height - top), (left, columns - width - left), (0, 0))
    return np.pad(image, sides)


def _proportional(height: int, width: int, size: Sequence[int], choose: Any) -> tuple[int, int]:
    return choose(height, int(width * size[0] / size[1])), choose(width, int(height * size[1] / size[0]))
