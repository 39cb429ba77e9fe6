"""``image_dataset_from_directory``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...data.stages import Stage
from ...data.structures import TensorSpec
from ..image.files import COLOR_MODES, checked_data_format, img_to_array, load_img
from ..image.resizing import INTERPOLATIONS, padded_to, resized, smart_resize
from .contents import of_files
from .labelled_files import Folder, batched

_EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Sequence[int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """A dataset of the images (.bmp, .gif, .jpeg, .jpg, .png) in a folder, whose subfolders are classes.

    Args:
        color_mode: "rgb", "rgba" or "grayscale".
        image_size: (height, width) of the images in batches.
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian" or
            "mitchellcubic", by which they are resized.
        crop_to_aspect_ratio: whether the largest part of these proportions is taken, in place of distorting.
        pad_to_aspect_ratio: whether the image is filled up with 0 to these proportions.
        data_format: by default ``K.image_data_format()``.
        format: "tf" alone.
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset,
            follow_links, verbose: as ``labelled_files.Folder`` has them.

    Returns:
        a Dataset of images (batch, height, width, channels), float32 from 0 to 255 (uint8 for "nearest"), or
        (images, labels) with labels (batch,), (batch, 1) or (batch, classes); a pair of them for
        subset="both". Its ``class_names`` are the subfolders, its ``file_paths`` the files.

    Raises:
        ValueError: for arguments that do not go together, or no files.
        OSError: while iterating, for a file that is no image.
    """
    if color_mode not in COLOR_MODES:
        raise ValueError(f'color_mode must be one of {{"rgb", "rgba", "grayscale"}}; found {color_mode!r}.')
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"interpolation must be one of {', '.join(INTERPOLATIONS)}; found {interpolation!r}."
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("Only one of `pad_to_aspect_ratio` and `crop_to_aspect_ratio` can be set to True.")
    layout, size = checked_data_format(data_format), tuple(int(n) for n in image_size)
    folder = Folder(
        directory, _EXTENSIONS, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
        subset, follow_links, verbose,
    )  # fmt: skip

    def read(path: str) -> np.ndarray:
        image = img_to_array(load_img(path, color_mode=color_mode), "channels_last", "uint8")
        if crop_to_aspect_ratio:
            image = smart_resize(image, size, interpolation)
        else:
            image = resized(padded_to(image, size) if pad_to_aspect_ratio else image, size, interpolation)
        return image if layout == "channels_last" else np.moveaxis(image, -1, 0)

    dtype = "uint8" if interpolation == "nearest" else "float32"
    channels = COLOR_MODES[color_mode]
    shape = (*size, channels) if layout == "channels_last" else (channels, *size)

    def contents(paths: Stage) -> Stage:
        return batched(of_files(paths, read, TensorSpec(shape, dtype)), batch_size)

    return folder.datasets(contents)
