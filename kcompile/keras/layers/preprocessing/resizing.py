"""Images of another size: resized, cropped."""

from __future__ import annotations

from typing import Any

from ... import registry
from ...declaration import configured, converted
from ...operations.resizing import ImageSize, check_aspect, interpolation_mode
from ..arguments import data_format, positive_int, with_spatial_sizes
from .common import ImagesLayer, as_float


class _ImageLayer(ImagesLayer):
    """A layer over images that gives them the size (height, width)."""

    @configured(height=positive_int, width=positive_int, data_format=data_format)
    def __init__(self, height: int, width: int, data_format: str | None, **kwargs: Any) -> None: ...

    @property
    def _size(self) -> ImageSize:
        """The size that the images are brought to."""
        asked_by = f"Layer {self.name} ({type(self).__name__})"
        return ImageSize(self.height, self.width, self.data_format, asked_by)

    def compute_output_shape(self, input_shape: Any) -> Any:
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        return with_spatial_sizes(input_shape, [self.height, self.width], channels, self.data_format)


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
        ValueError: for another interpolation, or one that needs images of known size.
    """

    @configured(interpolation=converted(interpolation_mode))
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
        check_aspect(crop_to_aspect_ratio, pad_to_aspect_ratio, fill_mode)

    def call(self, inputs: Any, training: Any = None) -> Any:
        x = as_float(self, inputs)
        if self.crop_to_aspect_ratio:
            x = self._size.cropped_to_aspect(x)
        elif self.pad_to_aspect_ratio:
            x = self._size.padded_to_aspect(x, self.fill_value)
        return self._size.resized(x, self.interpolation, self.antialias)


class CenterCrop(_ImageLayer):
    """The middle (height, width) of images; smaller images are cut to its proportions and enlarged.

    Args:
        height, width: the new size.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols); output: the same layout, float.
    """

    @configured
    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None: ...

    def call(self, inputs: Any, training: Any = None) -> Any:
        return self._size.cropped_to_size(as_float(self, inputs))


registry.register(globals(), listed=True)
