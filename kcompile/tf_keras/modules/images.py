"""``tf.image``: what is no operation: methods by name, changes that seeds decide, what JPEG loses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Value
from ..tensorflow.functions import function_of
from ..tensorflow.tensors import convert_to_tensor
from .io import decode_jpeg, encode_jpeg
from .random_numbers import seed_of


class ResizeMethod:
    """How ``tf.image.resize`` computes, by name."""

    BILINEAR, NEAREST_NEIGHBOR, BICUBIC, AREA = "bilinear", "nearest", "bicubic", "area"
    LANCZOS3, LANCZOS5, GAUSSIAN, MITCHELLCUBIC = "lanczos3", "lanczos5", "gaussian", "mitchellcubic"


def adjust_jpeg_quality(image: Any, jpeg_quality: Any, dct_method: str = "", name: Any = None) -> Value:
    """An image as a JPEG of a quality (0 to 100) gives it back, in its element type."""
    convert = function_of("image.convert_image_dtype")
    assert convert is not None
    given = convert_to_tensor(image)
    pixels = convert(given, "uint8", saturate=True)
    again = decode_jpeg(encode_jpeg(pixels, quality=int(jpeg_quality)), channels=pixels.shape[-1])
    return convert(again, given.dtype.name, saturate=True)


def random_jpeg_quality(image: Any, min_jpeg_quality: int, max_jpeg_quality: int, seed: Any = None) -> Value:
    """An image as a JPEG of a quality that is drawn gives it back."""
    draw = np.random.default_rng(np.random.randint(2**31) if seed is None else int(seed))
    return adjust_jpeg_quality(image, draw.integers(min_jpeg_quality, max_jpeg_quality))


def stateless_random_jpeg_quality(
    image: Any, min_jpeg_quality: int, max_jpeg_quality: int, seed: Any
) -> Value:
    """``random_jpeg_quality``, the same for the same two numbers of ``seed``."""
    return random_jpeg_quality(image, min_jpeg_quality, max_jpeg_quality, seed_of(seed))


def _changed(name: str, *args: Any, seed: Any) -> Value:
    function = function_of(f"image.random_{name}")
    assert function is not None
    return function(*args, seed=seed_of(seed))


def stateless_random_brightness(image: Any, max_delta: Any, seed: Any) -> Value:
    """``random_brightness``, the same for the same two numbers of ``seed``."""
    return _changed("brightness", image, max_delta, seed=seed)


def stateless_random_contrast(image: Any, lower: Any, upper: Any, seed: Any) -> Value:
    """``random_contrast``, the same for the same two numbers of ``seed``."""
    return _changed("contrast", image, lower, upper, seed=seed)


def stateless_random_crop(value: Any, size: Any, seed: Any, name: Any = None) -> Value:
    """``random_crop``, the same for the same two numbers of ``seed``."""
    return _changed("crop", value, size, seed=seed)


def stateless_random_flip_left_right(image: Any, seed: Any) -> Value:
    """``random_flip_left_right``, the same for the same two numbers of ``seed``."""
    return _changed("flip_left_right", image, seed=seed)


def stateless_random_flip_up_down(image: Any, seed: Any) -> Value:
    """``random_flip_up_down``, the same for the same two numbers of ``seed``."""
    return _changed("flip_up_down", image, seed=seed)


def stateless_random_hue(image: Any, max_delta: Any, seed: Any) -> Value:
    """``random_hue``, the same for the same two numbers of ``seed``."""
    return _changed("hue", image, max_delta, seed=seed)


def stateless_random_saturation(image: Any, lower: Any, upper: Any, seed: Any) -> Value:
    """``random_saturation``, the same for the same two numbers of ``seed``."""
    return _changed("saturation", image, lower, upper, seed=seed)


__all__ = [
    "ResizeMethod", "adjust_jpeg_quality", "random_jpeg_quality", "stateless_random_brightness",
    "stateless_random_contrast", "stateless_random_crop", "stateless_random_flip_left_right",
    "stateless_random_flip_up_down", "stateless_random_hue", "stateless_random_jpeg_quality",
    "stateless_random_saturation",
]  # fmt: skip
