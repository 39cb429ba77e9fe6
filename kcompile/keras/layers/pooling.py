"""Pooling: maxima and averages over windows, and over everything."""

from __future__ import annotations

from typing import Any

from .. import backend as K
from .. import registry
from ..backend.convolution import pool
from ..core.layer import InputSpec, Layer
from ..declaration import Argument, configured, converted, like
from .arguments import data_format, padding, per_axis, spatial_sizes, window_sizes, with_spatial_sizes


def _valid_or_same(layer: Layer, name: str, value: Any) -> str:
    if padding(layer, name, value) == "causal":
        raise ValueError(f"{type(layer).__name__}: padding must be 'valid' or 'same', found 'causal'.")
    return padding(layer, name, value)


class _Pooling(Layer):
    """Pooling over windows; ``rank`` spatial axes, ``mode`` "max" or "avg"."""

    rank: int
    mode: str

    @configured(
        pool_size=per_axis,
        strides=Argument(per_axis, after="padding"),
        padding=_valid_or_same,
        data_format=data_format,
    )
    def __init__(
        self, pool_size: Any, strides: Any, padding: str, data_format: str | None, **kwargs: Any
    ) -> None:
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        if arguments["strides"] is None:
            arguments["strides"] = arguments["pool_size"]

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(K.int_shape(inputs))  # says so if the window does not fit
        return self._pooling_function(
            inputs=inputs,
            pool_size=self.pool_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
        )

    def _pooling_function(
        self, inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str
    ) -> Any:
        """Pools images, or volumes where ``pool_size`` has three sizes; a subclass may do it otherwise.

        Subclasses of the layers over one axis are given images of one column: ``pool_size`` (steps, 1).
        """
        return pool(inputs, pool_size, strides, padding, data_format, self.mode)

    def compute_output_shape(self, input_shape: Any) -> Any:
        sizes = window_sizes(self, spatial_sizes(input_shape, self.data_format), self.pool_size)
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        return with_spatial_sizes(input_shape, sizes, channels, self.data_format)


class _Pooling2D(_Pooling):
    rank = 2

    @configured
    def __init__(
        self: Any,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None: ...


class _Pooling1D(_Pooling):
    rank = 1

    @configured
    @like(_Pooling2D.__init__, pool_size=2, data_format="channels_last")
    def __init__(self) -> None: ...

    def call(self, inputs: Any) -> Any:
        if type(self)._pooling_function is _Pooling._pooling_function:
            return super().call(inputs)
        self.compute_output_shape(K.int_shape(inputs))
        column = 2 if self.data_format == "channels_last" else 3
        pooled = self._pooling_function(
            inputs=K.expand_dims(inputs, column),
            pool_size=(*self.pool_size, 1),
            strides=(*self.strides, 1),
            padding=self.padding,
            data_format=self.data_format,
        )
        return K.squeeze(pooled, column)


class _Pooling3D(_Pooling):
    rank = 3

    @configured
    @like(_Pooling2D.__init__, pool_size=(2, 2, 2))
    def __init__(self) -> None: ...


class MaxPooling1D(_Pooling1D):
    """The largest element of each window of steps.

    Args:
        pool_size: int, size of the window (default 2).
        strides: int, step of the window; None for pool_size.
        padding: "valid", or "same" (windows may reach over the ends).
        data_format: "channels_last" (the default) or "channels_first".

    Input: (batch, steps, features), or (batch, features, steps); output: the same layout. Emits ONNX MaxPool.
    """

    mode = "max"


class AveragePooling1D(_Pooling1D):
    """The mean of each window of steps; elements beyond the ends do not count.

    Args, input and output: as for ``MaxPooling1D``. Emits ONNX AveragePool.
    """

    mode = "avg"


class MaxPooling2D(_Pooling2D):
    """The largest element of each window of an image.

    Args:
        pool_size: int or (rows, cols), size of the window (default 2).
        strides: int or (rows, cols), step of the window; None for pool_size.
        padding: "valid", or "same" (windows may reach over the edges).
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols); output: the same layout. Emits
    ONNX MaxPool.
    """

    mode = "max"


class AveragePooling2D(_Pooling2D):
    """The mean of each window of an image; elements beyond the edges do not count.

    Args, input and output: as for ``MaxPooling2D``. Emits ONNX AveragePool.
    """

    mode = "avg"


class MaxPooling3D(_Pooling3D):
    """The largest element of each window of a volume.

    Args:
        pool_size: int or (depth, rows, cols), size of the window (default 2).
        strides: int or (depth, rows, cols), step of the window; None for pool_size.
        padding: "valid", or "same" (windows may reach over the faces).
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, depth, rows, cols, channels), or (batch, channels, depth, rows, cols); output: the same
    layout. Emits ONNX MaxPool.
    """

    mode = "max"


class AveragePooling3D(_Pooling3D):
    """The mean of each window of a volume; elements beyond the faces do not count.

    Args, input and output: as for ``MaxPooling3D``. Emits ONNX AveragePool.
    """

    mode = "avg"


class _GlobalPooling(Layer):
    """A reduction over all ``rank`` spatial axes."""

    rank: int

    @configured(data_format=data_format, keepdims=Argument(converted(bool), written="changed"))
    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _axes(self) -> list[int]:
        first = 2 if self.data_format == "channels_first" else 1
        return list(range(first, first + self.rank))

    def compute_output_shape(self, input_shape: Any) -> Any:
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        if self.keepdims:
            return with_spatial_sizes(input_shape, [1] * self.rank, channels, self.data_format)
        return (input_shape[0], channels)


class _GlobalPooling1D(_GlobalPooling):
    rank = 1

    @configured
    def __init__(self, data_format: str | None = "channels_last", **kwargs: Any) -> None: ...


class _GlobalPooling2D(_GlobalPooling):
    rank = 2


class _GlobalPooling3D(_GlobalPooling):
    rank = 3


class _GlobalAverage(_GlobalPooling):
    def call(self, inputs: Any) -> Any:
        return K.mean(inputs, axis=self._axes, keepdims=self.keepdims)


class _GlobalMax(_GlobalPooling):
    def call(self, inputs: Any) -> Any:
        return K.max(inputs, axis=self._axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(_GlobalMax, _GlobalPooling1D):
    """The largest element over all steps.

    Args:
        data_format: "channels_last" (the default) or "channels_first".
        keepdims: whether the steps stay as an axis of size 1.

    Input: (batch, steps, features), or (batch, features, steps); output: (batch, features).
    """


class GlobalAveragePooling1D(_GlobalAverage, _GlobalPooling1D):
    """The mean over all steps; over the valid ones where there is a mask.

    Args:
        data_format: "channels_last" (the default) or "channels_first".
        keepdims: whether the steps stay as an axis of size 1.

    Input: (batch, steps, features), or (batch, features, steps), mask (batch, steps); output: (batch,
    features), without a mask. A sample whose steps are all masked gives NaN, as in Keras.
    """

    supports_masking = True

    @configured
    def __init__(self, data_format: str | None = "channels_last", **kwargs: Any) -> None: ...

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return super().call(inputs)
        steps = self._axes[0]
        valid = K.expand_dims(K.cast(mask, K.dtype(inputs)), 3 - steps)
        total = K.sum(inputs * valid, axis=steps, keepdims=self.keepdims)
        return total / K.sum(valid, axis=steps, keepdims=self.keepdims)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None


class GlobalMaxPooling2D(_GlobalMax, _GlobalPooling2D):
    """The largest element of each channel of an image.

    Args:
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.
        keepdims: whether the spatial axes stay, with size 1.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols); output: (batch, channels).
    """


class GlobalAveragePooling2D(_GlobalAverage, _GlobalPooling2D):
    """The mean of each channel of an image.

    Args, input and output: as for ``GlobalMaxPooling2D``.
    """


class GlobalMaxPooling3D(_GlobalMax, _GlobalPooling3D):
    """The largest element of each channel of a volume.

    Args:
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.
        keepdims: whether the spatial axes stay, with size 1.

    Input: (batch, depth, rows, cols, channels), or (batch, channels, depth, rows, cols); output: (batch,
    channels).
    """


class GlobalAveragePooling3D(_GlobalAverage, _GlobalPooling3D):
    """The mean of each channel of a volume.

    Args, input and output: as for ``GlobalMaxPooling3D``.
    """


AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D

registry.register(globals(), listed=True)
