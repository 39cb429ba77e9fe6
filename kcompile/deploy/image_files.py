"""Image files as inputs of a model."""

from __future__ import annotations

import numpy as np

from kcompile_runtime import Executor

from ..optional import optional
from .images import ImageInput, image_input
from .shards import ImageReader

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def image_reader(executor: Executor, pixels: str | None = None) -> ImageReader:
    """What makes an array of an image file, in the size, channels and range that a model has.

    Args:
        executor: the model.
        pixels: one of `images.PIXELS`; by default what the model is known for.

    Raises:
        ValueError: it has not one input, of images.
    """
    inputs = executor.inputs
    found = image_input(inputs[0], executor.metadata, pixels) if len(inputs) == 1 else None
    if found is None:
        raise ValueError(f"expected a model of one input, of images, found {', '.join(map(str, inputs))}")
    dtype = np.dtype(inputs[0].dtype)
    return lambda file: _read(file, found, dtype)


def _read(file: str, expected: ImageInput, dtype: np.dtype) -> np.ndarray:
    with optional("PIL", "Reading images"):
        from PIL import Image
    try:
        with Image.open(file) as opened:
            picture = opened.convert(_MODES[expected.channels])
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{file}: not a readable image ({error})") from error
    size = (expected.width or picture.width, expected.height or picture.height)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    array = np.asarray(picture, np.float64).reshape(size[1], size[0], expected.channels)
    values = expected.pixels.apply(array)
    values = values if dtype.kind == "f" else np.rint(values)
    return (values.transpose(2, 0, 1) if expected.channels_first else values).astype(dtype)
