"""Locally connected layers: convolutions with weights of their own at every position."""

from __future__ import annotations

from typing import Any

from .. import backend as K
from .. import registry
from ..core.layer import InputSpec, Layer
from ..declaration import Argument, configured, like, only
from .arguments import (
    channel_axis,
    data_format,
    padding,
    per_axis,
    positive_int,
    spatial_sizes,
    weight_arguments,
    window_sizes,
    with_spatial_sizes,
)
from .convolutional import Conv2D


def _valid(layer: Layer, name: str, value: Any) -> str:
    if padding(layer, name, value) != "valid":
        raise ValueError(
            f'Invalid border mode for {type(layer).__name__} (only "valid" is supported): {value}'
        )
    return "valid"


def _data_format(layer: Layer, name: str, value: Any) -> str:
    found = data_format(layer, name, value)
    if layer.rank == 1 and found != "channels_last":
        raise ValueError('LocallyConnected1D: data_format must be "channels_last".')
    return found


class _LocallyConnected(Layer):
    """What the locally connected layers share; ``rank`` spatial axes."""

    rank: int

    @configured(
        filters=positive_int,
        kernel_size=per_axis,
        strides=per_axis,
        padding=_valid,
        data_format=_data_format,
        implementation=only(1),  # of tf.keras; 2 and 3 lay the kernel out otherwise
    )
    @like(Conv2D.__init__, without=("dilation_rate",))
    def __init__(self) -> None: ...

    def build(self, input_shape: Any) -> None:
        sizes = spatial_sizes(input_shape, self.data_format)
        channels = input_shape[channel_axis(self.data_format)]
        if channels is None or None in sizes:
            raise ValueError(
                f"Layer {self.name}: the spatial dimensions and channels of the inputs should be fully "
                f"defined, but layer received the inputs shape {input_shape}."
            )
        positions = self._positions(sizes)
        self.output_sizes = positions
        count, window = 1, channels
        for size, width in zip(positions, self.kernel_size, strict=True):
            count, window = count * size, window * width
        self.kernel = self.add_weight(
            "kernel", (count, window, self.filters), **weight_arguments(self, "kernel")
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight("bias", (*positions, self.filters), **weight_arguments(self, "bias"))
        self.input_spec = InputSpec(shape=(None, *input_shape[1:]))
        self.built = True

    def _positions(self, sizes: Any) -> tuple[Any, ...]:
        return tuple(window_sizes(self, sizes, self.kernel_size))

    def compute_output_shape(self, input_shape: Any) -> Any:
        positions = self._positions(spatial_sizes(input_shape, self.data_format))
        return with_spatial_sizes(input_shape, positions, self.filters, self.data_format)

    def _finished(self, output: Any) -> Any:
        if self.use_bias:
            output = K.bias_add(output, self.bias, data_format=self.data_format)
        return output if self.activation is None else self.activation(output)


class LocallyConnected1D(_LocallyConnected):
    """A convolution over time with weights of its own at every position.

    Args:
        filters: channels of the output.
        kernel_size: int, size of the window.
        strides: int, step of the window.
        padding: "valid" only.
        data_format: "channels_last" only.
        activation: name or function (default linear).
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: name or Initializer.
        kernel_regularizer, bias_regularizer, activity_regularizer: Regularizer or None.
        kernel_constraint, bias_constraint: Constraint or None.

    Input: (batch, steps, channels), of known size; output: (batch, positions, filters).
    Weights: kernel (positions, kernel_size * channels, filters), bias (positions, filters).

    Raises:
        ValueError: for another padding, or an input of unknown size.
    """

    rank = 1
    input_spec = InputSpec(ndim=3)

    @configured(data_format=Argument(written="never"))
    @like(_LocallyConnected.__init__, strides=1)
    def __init__(self) -> None: ...

    def call(self, inputs: Any) -> Any:
        output = K.local_conv1d(inputs, self.kernel, self.kernel_size, self.strides)
        return self._finished(output)


class LocallyConnected2D(_LocallyConnected):
    """A convolution over images with weights of its own at every position.

    Args: as for ``LocallyConnected1D``; kernel_size and strides are ints or (rows, cols), and
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols), of known size; output: the same
    layout with ``filters`` channels.
    Weights: kernel (positions, kernel rows * kernel cols * channels, filters), bias (rows, cols, filters).
    """

    rank = 2
    input_spec = InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        output = K.local_conv2d(
            inputs, self.kernel, self.kernel_size, self.strides, self.output_sizes, self.data_format
        )
        return self._finished(output)


registry.register(globals(), listed=True)
