"""Image files and arrays, by Pillow. Pillow is imported when first needed.

An image file is untrusted: its pixel count is bounded before it is decoded, formats that run a program are
refused, and whatever a decoder raises becomes one error that names the file.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ....atomic import replacing
from ....optional import optional
from ...backend.config import floatx, image_data_format
from ...utils.messages import harmless

IMAGE_EXTENSIONS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")
COLOR_MODES = {"grayscale": 1, "rgb": 3, "rgba": 4}
_RESAMPLING = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
# Pillow hands these to a program (Ghostscript) or to the operating system.
_REFUSED_FORMATS = ("EPS", "WMF")
_DATA_FORMATS = ("channels_first", "channels_last")


def pillow() -> Any:
    """The module PIL.Image.

    Raises:
        ImportError: Pillow is not installed.
    """
    with optional("PIL", "Working with images"):
        from PIL import Image
    return Image


def load_img(
    path: Any,
    grayscale: bool = False,
    color_mode: str = "rgb",
    target_size: Sequence[int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """A Pillow image from a file, fully read.

    Args:
        path: the file, or one that is open for reading bytes (io.BytesIO).
        grayscale: deprecated, use ``color_mode="grayscale"``.
        color_mode: "rgb", "rgba" or "grayscale" (8 bits; 16 and 32 bit gray images stay as they are).
        target_size: (height, width) to resize to; None for the image's own.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming", for the resizing.
        keep_aspect_ratio: whether the largest part of these proportions is resized, in place of distorting.

    Raises:
        ImportError: Pillow is not installed.
        OSError: there is no such file, or it is not an image that can be read: damaged, cut short, of a
            format that is refused, or of more pixels than ``PIL.Image.MAX_IMAGE_PIXELS``. The message names
            the file.
        ValueError: unknown ``color_mode`` or ``interpolation``.
    """
    Image = pillow()
    if grayscale is True:
        warnings.warn('grayscale is deprecated. Please use color_mode = "grayscale"', stacklevel=2)
        color_mode = "grayscale"
    if color_mode not in COLOR_MODES:
        raise ValueError(f'color_mode must be "grayscale", "rgb", or "rgba", found {color_mode!r}')
    if hasattr(path, "read"):
        image = _read(Image, path, f"<{type(path).__name__}>")
    else:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would wait for ever, a device never end
            raise _ImageFileError(f"Cannot read the image file {os.fspath(path)}: it is not a regular file.")
        with open(path, "rb") as file:
            image = _read(Image, file, os.fspath(path))
    if color_mode == "grayscale":
        image = image if image.mode in ("L", "I;16", "I") else image.convert("L")
    elif image.mode != color_mode.upper():
        image = image.convert(color_mode.upper())
    if target_size is None:
        return image
    height, width = target_size[0], target_size[1]  # a third number, for channels, does no harm in Keras
    if image.size == (width, height):
        return image
    if interpolation not in _RESAMPLING:
        raise ValueError(
            f"Invalid interpolation method {interpolation} specified. "
            f"Supported methods are {', '.join(_RESAMPLING)}"
        )
    box = _middle(image.width, image.height, width, height) if keep_aspect_ratio else None
    return image.resize((width, height), getattr(Image.Resampling, interpolation.upper()), box)


def _middle(width: int, height: int, target_width: int, target_height: int) -> tuple[int, int, int, int]:
    """(left, upper, right, lower) of the largest part in the middle that has the proportions of a size."""
    rows = min(height, int(width * target_height / target_width))
    columns = min(width, int(height * target_width / target_height))
    left, upper = (width - columns) // 2, (height - rows) // 2
    return left, upper, left + columns, upper + rows


def _read(Image: Any, file: Any, path: str) -> Any:
    limit = Image.MAX_IMAGE_PIXELS
    try:
        image = Image.open(file)
        if limit is not None and image.width * image.height > limit:
            raise _too_large(path, f"{image.width} x {image.height} pixels", limit)
        if image.format in _REFUSED_FORMATS:
            raise _ImageFileError(f"Refused to read {path}: a {image.format} image is a program, not pixels.")
        image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path, str(error), limit) from error
    except _ImageFileError:
        raise
    except Exception as error:
        # Decoders raise almost anything (struct.error, SyntaxError, IndexError ...) when a file is damaged.
        raise _ImageFileError(f"Cannot read the image file {path}: {error}") from error
    return image


class _ImageFileError(OSError):
    """An image file that cannot be read, named in the message."""

    def __init__(self, message: str) -> None:
        super().__init__(harmless(message, lines=True))


def _too_large(path: str, found: str, limit: Any) -> OSError:
    return _ImageFileError(
        f"Refused to decode the image file {path}: {found}, more than the limit of {limit} pixels. If you "
        "trust it, raise PIL.Image.MAX_IMAGE_PIXELS."
    )


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """A Pillow image from an array.

    Args:
        x: array (height, width, channels), or (channels, height, width) for channels_first; 1, 3 or 4
            channels.
        data_format: by default ``K.image_data_format()``.
        scale: stretch the values so that the least becomes 0 and the greatest 255.
        dtype: in which to calculate, by default ``K.floatx()``.

    Returns:
        Image of mode L, RGB or RGBA; one channel with values over 255 gives mode I (32 bit).

    Raises:
        ValueError: not of rank 3, an unknown data_format, or another number of channels.
    """
    Image = pillow()
    data_format = checked_data_format(data_format)
    x = np.asarray(x, dtype=floatx() if dtype is None else dtype)
    if x.ndim != 3:
        raise ValueError(
            f"Expected image array to have rank 3 (single image). Got array with shape: {x.shape}"
        )
    if data_format == "channels_first":
        x = x.transpose(1, 2, 0)
    channels = x.shape[2]
    if channels not in COLOR_MODES.values():
        raise ValueError(f"Unsupported channel number: {channels} (shape {x.shape}); expected 1, 3 or 4.")
    if scale:
        x = x - np.min(x)
        largest = np.max(x)
        if largest != 0:
            x = x / largest
        x = x * 255
    if channels == 1:
        pixels = x[:, :, 0].astype("int32" if np.max(x) > 255 else "uint8")
    else:
        pixels = x.astype("uint8")
    return Image.fromarray(np.ascontiguousarray(pixels))


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """An array (height, width, channels), or (channels, height, width) for channels_first, from a Pillow
    image.

    Args:
        img: the image.
        data_format: by default ``K.image_data_format()``.
        dtype: of the result, by default ``K.floatx()``.

    Raises:
        ValueError: an unknown data_format.
    """
    data_format = checked_data_format(data_format)
    x = np.asarray(img, dtype=floatx() if dtype is None else dtype)
    if x.ndim not in (2, 3):
        raise ValueError(f"Unsupported image shape: {x.shape}; expected 2 or 3 axes.")
    if x.ndim == 2:
        x = x[:, :, np.newaxis]
    return x.transpose(2, 0, 1) if data_format == "channels_first" else x


def checked_data_format(data_format: str | None) -> str:
    """``data_format``, or the backend's where it is None; ValueError for any other word."""
    if data_format is None:
        return image_data_format()
    if data_format not in _DATA_FORMATS:
        raise ValueError(f"Unknown data_format: {data_format!r}; expected one of {', '.join(_DATA_FORMATS)}.")
    return data_format


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as an image file, whole or not at all.

    Args:
        path: file name, or a file object open for writing.
        x: array, as for ``array_to_img``.
        data_format: by default ``K.image_data_format()``.
        file_format: such as "png"; by default told by the name's extension.
        scale: stretch the values to 0 .. 255.
        **kwargs: for ``PIL.Image.Image.save``.

    The array is (rows, cols, channels), or (channels, rows, cols) for channels_first.
    """
    image = array_to_img(x, data_format=data_format, scale=scale)
    if image.mode == "RGBA" and str(file_format).lower() in ("jpg", "jpeg"):
        warnings.warn("The JPG format does not support RGBA images, converting to RGB.", stacklevel=2)
        image = image.convert("RGB")
    save_image(image, path, file_format, **kwargs)


def save_image(image: Any, path: Any, file_format: str | None = None, **kwargs: Any) -> None:
    """Write a Pillow image to a file object, or to a file name atomically."""
    Image = pillow()
    extensions = Image.registered_extensions()
    if file_format is not None:
        # "jpg" is no format of Pillow's, but what people say.
        file_format = extensions.get(f".{file_format.lower()}", file_format)
        if file_format.upper() not in Image.SAVE:
            known = ", ".join(sorted(Image.SAVE))
            raise ValueError(f"Unknown image format {file_format!r} to write; expected one of {known}.")
    if not isinstance(path, (str, os.PathLike)):
        _savable(image, file_format).save(path, format=file_format, **kwargs)
        return
    if file_format is None:
        extension = os.path.splitext(os.fspath(path))[1].lower()
        if extension not in extensions:
            raise ValueError(
                f"Cannot tell the image format of {os.fspath(path)!r} by its name; pass file_format."
            )
        file_format = extensions[extension]
    with replacing(path) as temporary, open(temporary, "wb") as file:
        _savable(image, file_format).save(file, format=file_format, **kwargs)


def _savable(image: Any, file_format: str | None) -> Any:
    if image.mode == "I" and file_format == "PNG":
        # PNG has 16 bits at most; Pillow up to 11 cut 32 bits down to them by itself.
        return pillow().fromarray(np.clip(np.asarray(image), 0, 65535).astype("uint16"))
    return image


def list_pictures(
    directory: Any, ext: Any = ("jpg", "jpeg", "bmp", "png", "ppm", "tif", "tiff")
) -> list[str]:
    """Paths of all files under a folder with one of these extensions, sorted folder by folder."""
    endings = tuple(f".{e}" for e in ((ext,) if isinstance(ext, str) else ext))
    found = []
    for folder, subfolders, names in os.walk(directory):
        subfolders.sort()
        found += [os.path.join(folder, name) for name in sorted(names) if name.lower().endswith(endings)]
    return found


def is_image_file(path: str) -> bool:
    """Whether there is a file of this name and its extension is an image's."""
    return path.lower().endswith(IMAGE_EXTENSIONS) and os.path.isfile(path)


def image_files_under(directory: str, follow_links: bool) -> Iterator[str]:
    """Image files in a folder and its subfolders, folders by name and files by name, relative to the
    folder.
    """
    folders = sorted(_walk(directory, follow_links), key=lambda entry: entry[0])
    for folder, _, names in folders:
        for name in sorted(names):
            if name.lower().endswith(".tiff"):
                warnings.warn(
                    'Using ".tiff" files with multiple bands will cause distortion. Please verify your '
                    "output.",
                    stacklevel=2,
                )
            if name.lower().endswith(IMAGE_EXTENSIONS):
                yield os.path.relpath(os.path.join(folder, name), directory)


def _walk(directory: str, follow_links: bool) -> Iterator[tuple[str, list[str], list[str]]]:
    """``os.walk`` that enters each folder once: links may lead around in circles, or to one folder by ways
    whose number doubles with each step.
    """
    seen = {_identity(directory)}
    for folder, subfolders, names in os.walk(directory, followlinks=follow_links):
        if follow_links:
            subfolders.sort()
            identities = {name: _identity(os.path.join(folder, name)) for name in subfolders}
            kept = []
            for name, identity in identities.items():
                if identity not in seen:
                    kept.append(name)
                    seen.add(identity)
            subfolders[:] = kept
        yield folder, subfolders, names


def _identity(folder: str) -> tuple[int, int] | str:
    try:
        status = os.stat(folder)
    except OSError:  # os.walk leaves it out as well
        return folder
    return status.st_dev, status.st_ino
