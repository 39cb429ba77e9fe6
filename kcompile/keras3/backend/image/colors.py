"""Grey, and hue, saturation and value."""

from __future__ import annotations

from typing import Any

from keras.src.backend.config import standardize_data_format

from kcompile.ir import Value, op
from kcompile.keras.backend.tensors import known_shape
from kcompile.keras.operations.colors import gray_of, hsv_of, rgb_of

from ..promotion import in_type
from ..tensors import as_value, dtype_of, operation
from .layout import check_rank, smallest_step


def _channel_axis(images: Any, data_format: str | None) -> int:
    check_rank(images)
    rank = len(images.shape)
    return rank - 1 if standardize_data_format(data_format) == "channels_last" else rank - 3


def _fractions(images: Any) -> tuple[Value, str]:
    """Images of floats in a type to compute in, and the type that they have."""
    x = as_value(images)
    name = dtype_of(x)
    if "float" not in name:
        raise ValueError(f"Invalid images dtype: expected float dtype. Received: images.dtype={name}")
    return in_type(x, "float64" if name == "float64" else "float32"), name


@operation
def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Value:
    """The luminance of images, in one channel.

    Raises:
        ValueError: for anything but 3 channels, or 1, which is left as it is.
    """
    x = as_value(images)
    axis = _channel_axis(x, data_format)
    channels = known_shape(x)[axis]
    if channels not in (1, 3):
        raise ValueError(
            "Invalid channel size: expected 3 (RGB) or 1 (Grayscale). Received input with shape: "
            f"images.shape={known_shape(x)}"
        )
    if channels == 1:
        return op.Identity(x)
    name = dtype_of(x)
    return in_type(gray_of(in_type(x, "float64" if name == "float64" else "float32"), axis), name)


@operation
def rgb_to_hsv(images: Any, data_format: str | None = None) -> Value:
    """Hue, saturation and value, each from 0 to 1, of images of fractions."""
    axis = _channel_axis(images, data_format)
    x, name = _fractions(images)
    x = op.Where(op.Less(op.Abs(x), in_type(smallest_step(name), x.dtype.name)), x * 0, x)
    return in_type(op.Concat(*hsv_of(x, axis), axis=axis), name)


@operation
def hsv_to_rgb(images: Any, data_format: str | None = None) -> Value:
    """Red, green and blue of images of hue, saturation and value."""
    axis = _channel_axis(images, data_format)
    x, name = _fractions(images)
    hue, saturation, value = op.Split(x, axis=axis, num_outputs=3, outputs=3)
    return in_type(rgb_of(hue - op.Floor(hue), saturation, value, axis), name)
