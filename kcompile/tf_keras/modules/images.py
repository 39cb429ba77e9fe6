"""``tf.image``: what is no operation: methods by name, changes that seeds decide, what JPEG loses."""

from __future__ import annotations

from collections.abc import Callable
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


def _stateless(name: str) -> Callable[..., Value]:
    def change(image: Any, *args: Any, seed: Any = None, **kwargs: Any) -> Value:
        if seed is None:
            *args, seed = args  # type: ignore[assignment]
        function = function_of(f"image.random_{name}")
        assert function is not None
        kwargs.pop("name", None)
        return function(image, *args, seed=seed_of(seed), **kwargs)

    change.__name__ = f"stateless_random_{name}"
    change.__doc__ = f"``random_{name}``, the same for the same two numbers of ``seed``."
    return change


stateless_random_brightness = _stateless("brightness")
stateless_random_contrast = _stateless("contrast")
stateless_random_crop = _stateless("crop")
stateless_random_flip_left_right = _stateless("flip_left_right")
stateless_random_flip_up_down = _stateless("flip_up_down")
stateless_random_hue = _stateless("hue")
stateless_random_saturation = _stateless("saturation")

__all__ = [
    "ResizeMethod", "adjust_jpeg_quality", "random_jpeg_quality", "stateless_random_brightness",
    "stateless_random_contrast", "stateless_random_crop", "stateless_random_flip_left_right",
    "stateless_random_flip_up_down", "stateless_random_hue", "stateless_random_jpeg_quality",
    "stateless_random_saturation",
]  # fmt: skip
