"""Images of another size: resized, cropped."""

from __future__ import annotations

from typing import Any

from ....ir import Value, op
from ... import backend as K
from ... import registry
from ...backend.tensors import dims_of, refine, shape_vector, static_sizes, tensor
from ...declaration import configured
from ..arguments import data_format, positive_int, spatial_sizes, with_spatial_sizes
from .common import ImagesLayer, as_float
from .interpolation import KERNELS, resize_matrix

__all__ = ["CenterCrop", "Resizing"]

_HALF_PIXEL = {"coordinate_transformation_mode": "half_pixel"}
MODES: dict[str, dict[str, Any]] = {  # what onnxruntime resizes to sizes that are known at run time only
    "nearest": {"mode": "nearest", "nearest_mode": "round_prefer_ceil", **_HALF_PIXEL},
    "bilinear": {"mode": "linear", **_HALF_PIXEL},
}


_INTERPOLATIONS = ("nearest", "area", *KERNELS)


class _ImageLayer(ImagesLayer):
    """A layer over images that gives them the size (height, width)."""

    @configured(height=positive_int, width=positive_int, data_format=data_format)
    def __init__(self, height: int, width: int, data_format: str | None, **kwargs: Any) -> None: ...

    def _sizes(self, inputs: Any, what: str) -> tuple[int, int]:
        """Rows and columns of the images.

        Raises:
            ValueError: if they are unknown.
        """
        rows, columns = spatial_sizes(static_sizes(inputs), self.data_format)
        if rows is None or columns is None:
            raise ValueError(
                f"Layer {self.name} ({type(self).__name__}): {what} needs images of known size; the input "
                f"has the shape {K.int_shape(inputs)}."
            )
        return rows, columns

    def _axes(self) -> list[int]:
        return [2, 3] if self.data_format == "channels_first" else [1, 2]

    def _cropped(self, x: Value, top: int, left: int, rows: int, columns: int) -> Value:
        return op.Slice(x, [top, left], [top + rows, left + columns], self._axes())

    def _resized(self, x: Value, interpolation: str, antialias: bool = False) -> Value:
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
                f"Layer {self.name} ({type(self).__name__}): interpolation={interpolation!r} with "
                f"antialias={antialias} needs images of known size; the input has {rows} rows and {columns} "
                "columns."
            )
        of_rows, of_columns = (
            tensor(resize_matrix(old, new, interpolation, antialias).astype(x.dtype))
            for old, new in ((rows, self.height), (columns, self.width))
        )
        return op.MatMul(op.MatMul(of_rows, x), op.Transpose(of_columns, perm=[1, 0]))

    def _cropped_to_aspect(self, x: Value) -> Value:
        """The largest part from the middle that has the proportions of the new size."""
        rows, columns = self._sizes(x, "keeping the aspect ratio")
        new_rows = max(min(rows, int(columns * self.height / self.width)), 1)
        new_columns = max(min(columns, int(rows * self.width / self.height)), 1)
        return self._cropped(x, (rows - new_rows) // 2, (columns - new_columns) // 2, new_rows, new_columns)

    def compute_output_shape(self, input_shape: Any) -> Any:
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        return with_spatial_sizes(input_shape, [self.height, self.width], channels, self.data_format)


def _interpolation(layer: ImagesLayer, name: str, value: Any) -> str:
    mode = str(value).lower()
    if mode not in _INTERPOLATIONS:
        raise ValueError(
            f"Resizing: interpolation must be one of {', '.join(_INTERPOLATIONS)}; found {mode!r}."
        )
    return mode


class Resizing(_ImageLayer):
    """Images resized to (height, width).

    Args:
        height, width: the new size.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5", "area", "gaussian" or
            "mitchellcubic", with half-pixel centres; all but the first two, and antialias, need images of
            known size.
        crop_to_aspect_ratio: first cut images to the proportions of the new size.
        pad_to_aspect_ratio: first fill images up to the proportions of the new size.
        fill_mode: "constant".
        fill_value: what to fill up with.
        antialias: whether to smooth while shrinking.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols); output: the same layout, float.
    Emits ONNX Resize, or MatMul with a matrix of weights per axis.

    Raises:
        ValueError: for another interpolation, or an aspect ratio to keep of images of unknown size.
    """

    @configured(interpolation=_interpolation)
    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("Resizing: crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other.")
        if fill_mode != "constant":
            raise ValueError(f"Resizing: fill_mode must be 'constant', found {fill_mode!r}.")

    def call(self, inputs: Any, training: Any = None) -> Any:
        x = as_float(self, inputs)
        if self.crop_to_aspect_ratio:
            x = self._cropped_to_aspect(x)
        elif self.pad_to_aspect_ratio:
            x = self._filled_up(x)
        return self._resized(x, self.interpolation, self.antialias)

    def _filled_up(self, x: Value) -> Value:
        rows, columns = self._sizes(x, "keeping the aspect ratio")
        above = (max(rows, int(columns * self.height / self.width)) - rows) // 2
        left = (max(columns, int(rows * self.width / self.height)) - columns) // 2
        return op.Pad(x, [above, left, above, left], tensor(self.fill_value, x.dtype), self._axes())


class CenterCrop(_ImageLayer):
    """The middle (height, width) of images; smaller images are cut to its proportions and enlarged.

    Args:
        height, width: the new size.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols), of known size; output: the same
    layout, float.

    Raises:
        ValueError: for images of unknown size.
    """

    @configured
    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None: ...

    def call(self, inputs: Any, training: Any = None) -> Any:
        x = as_float(self, inputs)
        rows, columns = self._sizes(x, "cropping")
        if rows < self.height or columns < self.width:
            return self._resized(self._cropped_to_aspect(x), "bilinear")
        top, left = (rows - self.height) // 2, (columns - self.width) // 2
        return self._cropped(x, top, left, self.height, self.width)


registry.register(globals())
