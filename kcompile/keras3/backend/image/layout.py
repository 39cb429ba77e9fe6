"""Images as a batch in one layout and a type to compute in, and the way back."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from keras.src.backend.config import standardize_data_format

from kcompile.ir import Value, op
from kcompile.keras import backend as K
from kcompile.keras.backend.tensors import known_shape

from ..promotion import in_type
from ..tensors import as_value, dtype_of

_TO_FIRST, _TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


def check_rank(images: Any) -> None:
    """Refuses what is neither an image nor a batch of them with a ValueError."""
    if len(images.shape) not in (3, 4):
        raise ValueError(
            "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). Received input "
            f"with shape: images.shape={tuple(images.shape)}"
        )


def check_known(name: str, value: Any, known: Any) -> None:
    """Refuses a value that is not among the known ones with a ValueError."""
    if value not in known:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected of one {set(known)}. Received: {name}={value}"
        )


class Batch:
    """Images (rows, cols, channels) or a batch of them, or with channels first.

    Args:
        images: of any type.
        data_format: their layout; None for Keras's.
        layout: that of ``values``.

    Attributes:
        values: the batch, in float32 where ``images`` are not float64.

    Raises:
        ValueError: for another rank.
    """

    def __init__(self, images: Any, data_format: str | None, layout: str) -> None:
        x = as_value(images)
        check_rank(x)
        self._dtype = dtype_of(x)
        self._is_single = x.rank == 3
        x = in_type(x, "float64" if self._dtype == "float64" else "float32")
        x = op.Unsqueeze(x, [0]) if self._is_single else x
        given = standardize_data_format(data_format)
        self._way_back = None if given == layout else _TO_LAST if layout == "channels_first" else _TO_FIRST
        there = _TO_FIRST if layout == "channels_first" else _TO_LAST
        self.values = x if given == layout else op.Transpose(x, perm=there)

    def back(self, y: Value) -> Value:
        """What was made of the batch, (batch, ...), in the form of the images; an axis may follow."""
        if self._way_back is not None:
            y = op.Transpose(y, perm=[*self._way_back, *range(4, len(known_shape(y)))])
        y = op.Squeeze(y, [0]) if self._is_single else y
        return rounded(y, self._dtype)


def rounded(y: Value, dtype: str) -> Value:
    """Floats in an element type: the nearest whole numbers that it has where it is one of integers."""
    if dtype.startswith(("int", "uint")):
        limits = np.iinfo(dtype)
        y = K.clip(op.Round(y), float(limits.min), float(limits.max))
    return in_type(y, dtype)


def smallest_step(dtype: str) -> float:
    """The distance from 1 to the next number of a floating type."""
    return float(ml_dtypes.finfo(dtype).eps)
