"""Settings under the module name that Keras 2.3 has for them."""

from __future__ import annotations

from .config import (
    cast_to_floatx,
    eager,
    epsilon,
    floatx,
    image_data_format,
    image_dim_ordering,
    normalize_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    set_image_dim_ordering,
    symbolic,
)

__all__ = [
    "cast_to_floatx",
    "eager",
    "epsilon",
    "floatx",
    "image_data_format",
    "image_dim_ordering",
    "normalize_data_format",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_image_dim_ordering",
    "symbolic",
]
