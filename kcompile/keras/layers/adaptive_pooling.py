"""Pooling to a given size, whatever the size of the input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ir import Value
from .. import backend as K
from .. import registry
from ..backend.adaptive_pooling import adaptive_average, adaptive_max
from ..backend.tensors import refine, static_sizes
from ..core.layer import InputSpec, Layer
from ..declaration import configured
from .arguments import data_format, positive_int, spatial_sizes, with_spatial_sizes


def _output_size(layer: Any, name: str, value: Any) -> tuple[int, ...]:
    sizes = value if isinstance(value, list | tuple) else (value,) * layer.rank
    if len(sizes) != layer.rank:
        raise ValueError(
            f"{type(layer).__name__}: output_size must be a number, or {layer.rank} of them; found {value!r}."
        )
    return tuple(positive_int(layer, name, size) for size in sizes)


class _AdaptivePooling(Layer):
    """Windows that cover the input, as many as ``output_size`` says."""

    rank: int
    pooled: Callable[[Value, int, int], Value]

    @configured(output_size=_output_size, data_format=data_format)
    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        sizes = spatial_sizes(static_sizes(inputs), self.data_format)
        if None in sizes:
            raise ValueError(
                f"Layer {self.name} ({type(self).__name__}) needs an input of known size; found the shape "
                f"{K.int_shape(inputs)}."
            )
        first = 2 if self.data_format == "channels_first" else 1
        x = inputs
        for axis, size in enumerate(self.output_size, first):
            x = self.pooled(x, axis, size)
        return refine(x, self.compute_output_shape(K.int_shape(inputs)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        return with_spatial_sizes(input_shape, self.output_size, channels, self.data_format)


class _AdaptiveAverage(_AdaptivePooling):
    pooled = staticmethod(adaptive_average)


class _AdaptiveMax(_AdaptivePooling):
    pooled = staticmethod(adaptive_max)


class AdaptiveAveragePooling1D(_AdaptiveAverage):
    """The mean of each of ``output_size`` windows of steps.

    Args:
        output_size: number of windows.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, steps, features), or (batch, features, steps), of known size; output: the same layout.
    """

    rank = 1


class AdaptiveAveragePooling2D(_AdaptiveAverage):
    """The mean of each of ``output_size`` windows of rows and columns.

    Args:
        output_size: number of windows along rows and columns, one number or two.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols), of known size; output: the same
    layout.
    """

    rank = 2


class AdaptiveAveragePooling3D(_AdaptiveAverage):
    """The mean of each of ``output_size`` windows along three axes.

    Args:
        output_size: number of windows along each axis, one number or three.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, dim1, dim2, dim3, channels), or (batch, channels, dim1, dim2, dim3), of known size; output:
    the same layout.
    """

    rank = 3


class AdaptiveMaxPooling1D(_AdaptiveMax):
    """The largest element of each of ``output_size`` windows of steps.

    Args, input and output: those of ``AdaptiveAveragePooling1D``.
    """

    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMax):
    """The largest element of each of ``output_size`` windows of rows and columns.

    Args, input and output: those of ``AdaptiveAveragePooling2D``.
    """

    rank = 2


class AdaptiveMaxPooling3D(_AdaptiveMax):
    """The largest element of each of ``output_size`` windows along three axes.

    Args, input and output: those of ``AdaptiveAveragePooling3D``.
    """

    rank = 3


registry.register(globals(), listed=True)
