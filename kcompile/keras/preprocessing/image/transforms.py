"""Changes to one image: flips, channel and brightness shifts, and random affine transformations.

Random numbers come from NumPy's global generator, in Keras's order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....optional import optional
from ... import rules
from .affine import apply_affine_transform
from .files import array_to_img, img_to_array


def flip_axis(x: Any, axis: int) -> np.ndarray:
    """``x`` reversed along an axis."""
    return np.flip(np.asarray(x), axis)


def apply_channel_shift(x: Any, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """``intensity`` added to all values, which stay within the least and greatest of the image.

    ``channel_axis`` makes no difference to the result; it is there because Keras has it.
    """
    if isinstance(intensity, np.generic):
        intensity = intensity.item()  # a Python number leaves the image's dtype as it is
    return np.clip(x + intensity, np.min(x), np.max(x))


@rules.with_arguments
def apply_brightness_shift(
    x: Any, brightness: float, data_format: str = "channels_last", scale: bool = True
) -> np.ndarray:
    """Brightness multiplied by a factor, as Pillow's ImageEnhance.Brightness does.

    Args:
        x: image of 1, 3 or 4 channels. It is cut to whole numbers.
        brightness: 0 is black, 1 leaves it as it is.
        data_format: "channels_last" or "channels_first".
        scale: whether the image is stretched to 0 .. 255 first, where the result lies then, as in Keras 2.3.
            One that goes beyond is stretched in any case, and the result shrunk again if not ``scale``.

    The result has the shape of x.
    """
    values = np.asarray(x)
    low, high = values.min(), values.max()
    beyond = bool(low < 0 or high > 255)
    image = array_to_img(x, data_format=data_format, scale=scale or beyond)
    with optional("PIL", "Changing the brightness of images"):
        from PIL import ImageEnhance

    shifted = img_to_array(ImageEnhance.Brightness(image).enhance(brightness), data_format=data_format)
    return shifted / 255 * (high - low) + low if beyond and not scale else shifted


def random_channel_shift(x: Any, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """``apply_channel_shift`` by a random number from -intensity_range to intensity_range."""
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def random_brightness(x: Any, brightness_range: Any, scale: bool = True) -> np.ndarray:
    """``apply_brightness_shift`` by a random factor from ``brightness_range``, a pair of floats.

    Raises:
        ValueError: if the range is no pair.
    """
    if len(brightness_range) != 2:
        raise ValueError(
            f"`brightness_range` should be tuple or list of two floats. Received: {brightness_range}"
        )
    factor = np.random.uniform(brightness_range[0], brightness_range[1])
    return apply_brightness_shift(x, factor, data_format="channels_last", scale=scale)


# Keras 2.3 takes the centre of these from axes 0 and 1, whatever row_axis and col_axis say. Seeded
# augmentation must come out the same, so it does here too: for an image with channels first, use
# ImageDataGenerator, which is right.


def random_rotation(
    x: np.ndarray,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """An image turned by a random angle from -rg to rg degrees.

    The centre is that of axes 0 and 1, as in Keras 2.3: for images with channels last.
    """
    return apply_affine_transform(
        x,
        theta=np.random.uniform(-rg, rg),
        channel_axis=channel_axis,
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


def random_shift(
    x: np.ndarray,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """An image shifted by random parts of its width (-wrg to wrg) and height (-hrg to hrg).

    The image has the axes that ``row_axis``, ``col_axis`` and ``channel_axis`` name; the result has
    its shape.
    """
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(
        x, tx=tx, ty=ty, channel_axis=channel_axis, fill_mode=fill_mode, cval=cval, order=interpolation_order
    )


def random_shear(
    x: np.ndarray,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """An image sheared by a random angle from -intensity to intensity degrees; centre as in
    ``random_rotation``.
    """
    return apply_affine_transform(
        x,
        shear=np.random.uniform(-intensity, intensity),
        channel_axis=channel_axis,
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


def random_zoom(
    x: np.ndarray,
    zoom_range: Any,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """An image zoomed by two random factors from ``zoom_range``, a pair; centre as in ``random_rotation``.

    The image has the axes that ``row_axis``, ``col_axis`` and ``channel_axis`` name; the result has
    its shape.

    Raises:
        ValueError: if the range is no pair.
    """
    if len(zoom_range) != 2:
        raise ValueError(f"`zoom_range` should be a tuple or list of two floats. Received: {zoom_range}")
    zx, zy = random_zoom_factors(zoom_range)
    return apply_affine_transform(
        x, zx=zx, zy=zy, channel_axis=channel_axis, fill_mode=fill_mode, cval=cval, order=interpolation_order
    )


def random_zoom_factors(zoom_range: Any) -> tuple[float, float]:
    """Two factors from a range; nothing is drawn for (1, 1)."""
    if zoom_range[0] == 1 and zoom_range[1] == 1:
        return 1, 1
    zx, zy = np.random.uniform(zoom_range[0], zoom_range[1], 2)
    return zx, zy
