"""Images: files, arrays, transformations, and flows of transformed images for training."""

from __future__ import annotations

import sys
from typing import Any

from ... import backend
from ...legacy.old_names import answer_old_names
from ...utils import generic_utils
from .affine import apply_affine_transform, apply_transform, transform_matrix_offset_center
from .files import array_to_img, img_to_array, list_pictures, load_img, save_img
from .flows import DataFrameIterator, DirectoryIterator, NumpyArrayIterator
from .generator import ImageDataGenerator
from .iterator import BatchFromFilesMixin, Iterator
from .resizing import smart_resize
from .transforms import (
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)

utils: Any  # is answered as an old name

#: Keras 2.3 also shows its implementing module under this name.
image = sys.modules[__name__]

__all__ = [
    "BatchFromFilesMixin",
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_transform",
    "transform_matrix_offset_center",
    "apply_channel_shift",
    "array_to_img",
    "backend",
    "flip_axis",
    "generic_utils",
    "image",
    "img_to_array",
    "list_pictures",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",
    "utils",
]

answer_old_names(__name__)
