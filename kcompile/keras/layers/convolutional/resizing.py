"""Layers that change spatial sizes without weights: upsampling, zero padding, cropping."""

from __future__ import annotations

from typing import Any

from ... import backend as K
from ... import registry, rules
from ...backend.manipulation import pad, resize
from ...core.layer import InputSpec, Layer
from ...declaration import Argument, configured, fixed
from ...utils import conv_utils
from ..arguments import data_format, positive_int, spatial_sizes, with_spatial_sizes


class _Spatial(Layer):
    """A layer over ``rank`` spatial axes that leaves batch and channels alone.

    A subclass without a ``rank`` has as many axes as it is given sizes.
    """

    rank: int

    def _set_rank(self, rank: int) -> None:
        self.rank = rank
        self.input_spec = InputSpec(ndim=rank + 2)

    def _resized(self, size: int, axis: int) -> int:
        """The new size of the spatial axis number ``axis``."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> Any:
        sizes = spatial_sizes(input_shape, self.data_format)
        resized = [None if size is None else self._resized(size, i) for i, size in enumerate(sizes)]
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        return with_spatial_sizes(input_shape, resized, channels, self.data_format)


def _rank(layer: Layer, sizes: Any) -> int:
    return layer.rank if hasattr(layer, "rank") else len(sizes)


def _factors(layer: Layer, name: str, value: Any) -> tuple[int, ...]:
    """A positive int per axis from an int or one int an axis."""
    factors = conv_utils.normalize_tuple(value, _rank(layer, value), name)
    for factor in factors:
        positive_int(layer, name, factor)
    return factors


def _pairs(layer: Layer, name: str, value: Any) -> tuple[Any, ...]:
    """(before, after) per axis from an int, one int an axis, or pairs.

    Raises:
        ValueError: for anything else.
    """
    rank = _rank(layer, value)
    if isinstance(value, int):
        pairs: tuple[Any, ...] = ((value, value),) * rank
    else:
        values = tuple(value) if hasattr(value, "__iter__") else (value,)
        if rank == 1:
            values = (values,)
        if len(values) != rank:
            word = {2: "two", 3: "three"}.get(rank, rank)
            raise ValueError(f"`{name}` should have {word} elements. Found: {value}")
        pairs = tuple(conv_utils.normalize_tuple(v, 2, f"{name}[{i}]") for i, v in enumerate(values))
    if any(int(side) < 0 for pair in pairs for side in pair):
        raise ValueError(f"`{name}` must not be negative. Found: {value}")
    return pairs


class _UpSampling(_Spatial):
    """Enlarges each spatial axis by a whole factor."""

    @configured(size=_factors, data_format=data_format)
    def __init__(self, size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        self._set_rank(len(self.size))

    def _resized(self, size: int, axis: int) -> int:
        return size * self.size[axis]


class UpSampling1D(_UpSampling):
    """Repeats each step ``size`` times.

    Args:
        size: int.

    Input: (batch, steps, features); output: (batch, steps * size, features).
    """

    rank = 1

    @configured(data_format=fixed("channels_last"))
    def __init__(self, size: int = 2, **kwargs: Any) -> None: ...

    def call(self, inputs: Any) -> Any:
        return K.repeat_elements(inputs, self.size[0], axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size[0]}


class UpSampling2D(_UpSampling):
    """Enlarges images by whole factors.

    Args:
        size: int or (rows, cols).
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.
        interpolation: "nearest" (repeat) or "bilinear".
        half_pixel_centers: whether "bilinear" samples at (i + 0.5) / size - 0.5, as TensorFlow 2 does, or at
            i / size, as Keras 2.3 does; default the latter, by the rules of tf.keras 2 and Keras 3 the
            former.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols); output: the same layout. Emits
    ONNX Resize.

    Raises:
        ValueError: for another interpolation.
    """

    rank = 2

    @configured(half_pixel_centers=Argument(written=bool))
    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        half_pixel_centers: bool | None = None,
        **kwargs: Any,
    ) -> None:
        if half_pixel_centers is None:
            half_pixel_centers = rules.in_force().half_pixel_centers
        self.half_pixel_centers = half_pixel_centers and interpolation == "bilinear"
        if interpolation not in ("nearest", "bilinear"):
            raise ValueError(
                f'interpolation should be one of "nearest" or "bilinear"; found {interpolation!r}.'
            )

    def call(self, inputs: Any) -> Any:
        rows, cols = self.size
        if self.half_pixel_centers:
            return resize(inputs, (rows, cols), self.data_format, "linear", "half_pixel")
        return K.resize_images(inputs, rows, cols, self.data_format, self.interpolation)


class UpSampling3D(_UpSampling):
    """Enlarges volumes by whole factors, repeating elements.

    Args:
        size: int or (depth, rows, cols).
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, depth, rows, cols, channels), or (batch, channels, depth, rows, cols); output: the same
    layout.
    """

    rank = 3

    @configured
    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any) -> None: ...

    def call(self, inputs: Any) -> Any:
        depth, rows, cols = self.size
        return K.resize_volumes(inputs, depth, rows, cols, self.data_format)


class _ZeroPadding(_Spatial):
    """Zeros around the spatial axes."""

    @configured(padding=_pairs, data_format=data_format)
    def __init__(self, padding: Any, data_format: str | None = None, **kwargs: Any) -> None:
        self._set_rank(len(self.padding))

    def _resized(self, size: int, axis: int) -> int:
        return size + sum(self.padding[axis])

    def call(self, inputs: Any) -> Any:
        none = (0, 0)
        first = self.data_format == "channels_first"
        return pad(inputs, [none, none, *self.padding] if first else [none, *self.padding, none])


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the steps.

    Args:
        padding: int, or (before, after).

    Input: (batch, steps, features); output: (batch, padded steps, features).
    """

    rank = 1

    @configured(data_format=fixed("channels_last", ignored=True))
    def __init__(self, padding: Any = 1, **kwargs: Any) -> None: ...

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "padding": self.padding[0]}


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images.

    Args:
        padding: int, (rows, cols), or ((top, bottom), (left, right)).
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols); output: the same layout. Emits
    ONNX Pad.
    """

    rank = 2

    @configured
    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None: ...


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes.

    Args:
        padding: int, one int an axis, or one (before, after) an axis.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, depth, rows, cols, channels), or (batch, channels, depth, rows, cols); output: the same
    layout.
    """

    rank = 3

    @configured
    def __init__(self, padding: Any = (1, 1, 1), data_format: str | None = None, **kwargs: Any) -> None: ...


class _Cropping(_Spatial):
    """Cuts elements off both ends of the spatial axes."""

    @configured(cropping=_pairs, data_format=data_format)
    def __init__(self, cropping: Any, data_format: str | None = None, **kwargs: Any) -> None:
        self._set_rank(len(self.cropping))

    def build(self, input_shape: Any) -> None:
        sizes = spatial_sizes(input_shape, self.data_format)
        for size, pair in zip(sizes, self.cropping, strict=True):
            if size is not None and sum(pair) > size:
                raise ValueError(
                    f"Layer {self.name}: cropping {self.cropping} takes more than there is of an input of "
                    f"shape {input_shape} ({self.data_format})."
                )
        self.built = True

    def _resized(self, size: int, axis: int) -> int:
        return size - sum(self.cropping[axis])

    def call(self, inputs: Any) -> Any:
        kept = [slice(before, -after if after else None) for before, after in self.cropping]
        spared = [slice(None)] * (2 if self.data_format == "channels_first" else 1)
        return inputs[(*spared, *kept)]


class Cropping1D(_Cropping):
    """Cuts off the first and last steps.

    Args:
        cropping: int, or (before, after).

    Input: (batch, steps, features); output: (batch, fewer steps, features).
    """

    rank = 1

    @configured(data_format=fixed("channels_last"))
    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None: ...

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cropping": self.cropping[0]}


class Cropping2D(_Cropping):
    """Cuts the edges off images.

    Args:
        cropping: int, (rows, cols), or ((top, bottom), (left, right)).
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols); output: the same layout. Emits
    ONNX Slice.
    """

    rank = 2

    @configured
    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None: ...


class Cropping3D(_Cropping):
    """Cuts the faces off volumes.

    Args:
        cropping: int, one int an axis, or one (before, after) an axis.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, depth, rows, cols, channels), or (batch, channels, depth, rows, cols); output: the same
    layout.
    """

    rank = 3

    @configured
    def __init__(
        self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any
    ) -> None: ...


registry.register(globals(), listed=True)
