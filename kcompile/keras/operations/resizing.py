"""Images brought to a size: resized, cut to its proportions, or filled up to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir import Constant, Value, op
from ..backend.tensors import dims_of, refine, shape_vector, static_sizes, tensor
from .interpolation import KERNELS, resize_matrix

_HALF_PIXEL = {"coordinate_transformation_mode": "half_pixel"}
#: What onnxruntime resizes to sizes that are known at run time only.
MODES: dict[str, dict[str, Any]] = {
    "nearest": {"mode": "nearest", "nearest_mode": "round_prefer_ceil", **_HALF_PIXEL},
    "bilinear": {"mode": "linear", **_HALF_PIXEL},
}
_INTERPOLATIONS = ("nearest", "area", *KERNELS)


def interpolation_mode(value: Any) -> str:
    """An interpolation by its name in lower case.

    Raises:
        ValueError: for any other.
    """
    mode = str(value).lower()
    if mode not in _INTERPOLATIONS:
        raise ValueError(
            f"Resizing: interpolation must be one of {', '.join(_INTERPOLATIONS)}; found {mode!r}."
        )
    return mode


def check_aspect(crop_to_aspect_ratio: bool, pad_to_aspect_ratio: bool, fill_mode: str) -> None:
    """Refuses with ValueError both ways to keep the proportions at once, and another mode of filling up."""
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("Resizing: crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other.")
    if fill_mode != "constant":
        raise ValueError(f"Resizing: fill_mode must be 'constant', found {fill_mode!r}.")


@dataclass(frozen=True)
class ImageSize:
    """A size that images (batch, rows, cols, channels), or (batch, channels, rows, cols), are brought to.

    Attributes:
        height, width: the new rows and columns.
        data_format: "channels_last" or "channels_first".
        asked_by: who brings them to it, for errors: "Layer resizing_1 (Resizing)".

    Raises:
        ValueError: for a size that is not positive.
    """

    height: int
    width: int
    data_format: str
    asked_by: str

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(
                f"{self.asked_by}: height and width must be positive, found {self.height} and {self.width}."
            )

    @property
    def axes(self) -> list[int]:
        """The axes of rows and columns."""
        return [2, 3] if self.data_format == "channels_first" else [1, 2]

    def cropped(self, x: Value, rows: Any, columns: Any) -> Value:
        """So many rows and columns from the middle of images."""
        starts = [(old - new) // 2 for old, new in zip(self._sizes(x), (rows, columns), strict=True)]
        ends = [start + new for start, new in zip(starts, (rows, columns), strict=True)]
        return op.Slice(x, shape_vector(starts), shape_vector(ends), self.axes)

    def cropped_to_aspect(self, x: Value) -> Value:
        """The largest part from the middle that has the proportions of the new size."""
        return self.cropped(x, *self._largest_part(x))

    def cropped_to_size(self, x: Value) -> Value:
        """The middle of images; of smaller ones the largest part of its proportions, enlarged."""
        rows, columns = self._sizes(x)
        if isinstance(rows, int) and isinstance(columns, int):
            if rows >= self.height and columns >= self.width:
                return self.cropped(x, self.height, self.width)
            return self.resized(self.cropped_to_aspect(x), "bilinear")
        fits = op.And(_at_least(rows, self.height), _at_least(columns, self.width))
        sizes = zip((self.height, self.width), self._largest_part(x), strict=True)
        part = [op.Where(fits, *_as_values(size, largest)) for size, largest in sizes]
        return self.resized(self.cropped(x, *part), "bilinear")  # which leaves what fits as it is

    def padded_to_aspect(self, x: Value, fill_value: float) -> Value:
        """The images with a margin that gives them the proportions of the new size."""
        rows, columns = self._sizes(x)
        above = (_larger(rows, columns * self.height // self.width) - rows) // 2
        left = (_larger(columns, rows * self.width // self.height) - columns) // 2
        margin = [0, 0, above, left] if self.data_format == "channels_first" else [0, above, left, 0]
        # of all axes: onnxruntime (1.31) moves a Transpose past a Pad of some of them, and misreads it
        return op.Pad(x, shape_vector(margin + margin), tensor(fill_value, x.dtype))

    def _sizes(self, x: Value) -> tuple[Any, Any]:
        """Rows and columns of images: ints, or values where they are open."""
        dims = dims_of(x)
        return dims[self.axes[0]], dims[self.axes[1]]

    def _largest_part(self, x: Value) -> tuple[Any, Any]:
        """The size of the largest part that has the proportions of the new size."""
        rows, columns = self._sizes(x)
        new_rows = _larger(_smaller(rows, columns * self.height // self.width), 1)
        return new_rows, _larger(_smaller(columns, rows * self.width // self.height), 1)

    def resized(self, x: Value, interpolation: str, antialias: bool = False) -> Value:
        """Half-pixel centres, as TensorFlow 2 and every later Keras have it."""
        last = self.data_format == "channels_last"
        x = op.Transpose(x, perm=[0, 3, 1, 2]) if last else x
        if interpolation == "nearest" or interpolation == "bilinear" and not antialias:
            sizes = shape_vector([*dims_of(x)[:2], self.height, self.width])
            y = op.Resize(x, None, None, sizes, **MODES[interpolation])
        else:
            y = self._interpolated(x, interpolation, antialias)
        y = refine(y, [None, static_sizes(x)[1], self.height, self.width])
        return op.Transpose(y, perm=[0, 2, 3, 1]) if last else y

    def _interpolated(self, x: Value, interpolation: str, antialias: bool) -> Value:
        """Rows and columns of (batch, channels, rows, cols) as products with a matrix each."""
        rows, columns = static_sizes(x)[2:]
        if not isinstance(rows, int) or not isinstance(columns, int):
            raise ValueError(
                f"{self.asked_by}: interpolation={interpolation!r} with antialias={antialias} needs images "
                f"of known size; the input has {rows} rows and {columns} columns."
            )
        of_rows, of_columns = (
            tensor(resize_matrix(old, new, interpolation, antialias).astype(x.dtype))
            for old, new in ((rows, self.height), (columns, self.width))
        )
        return op.MatMul(op.MatMul(of_rows, x), op.Transpose(of_columns, perm=[1, 0]))


def _smaller(a: Any, b: Any) -> Any:
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else op.Min(*_as_values(a, b))


def _larger(a: Any, b: Any) -> Any:
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else op.Max(*_as_values(a, b))


def _at_least(size: Any, wanted: int) -> Value:
    return op.GreaterOrEqual(*_as_values(size, wanted))


def _as_values(*sizes: Any) -> list[Value]:
    return [size if isinstance(size, Value) else Constant(np.array([size], np.int64)) for size in sizes]
