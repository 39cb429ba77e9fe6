"""Convolutions over time that later Keras versions have: transposed, and of each channel on its own."""

from __future__ import annotations

from typing import Any

from ... import registry
from .convolutions import Conv1D
from .separable import DepthwiseConv2D
from .transposed import _Transposed


class Conv1DTranspose(_Transposed, Conv1D):
    """A transposed convolution over time.

    Args: those of ``Conv``, and output_padding as for ``Conv2DTranspose``.

    Input: (batch, steps, channels), or (batch, channels, steps) for channels_first; output: the same layout
    with ``filters`` channels.
    Weights: kernel (window, filters, in), bias (filters,). Emits ONNX ConvTranspose.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )
        self._set_output_padding(output_padding)


class DepthwiseConv1D(DepthwiseConv2D):
    """A convolution over time of each channel on its own.

    Args: those of ``DepthwiseConv2D``, for one axis.

    Input: (batch, steps, channels), or (batch, channels, steps) for channels_first; output: the same with
    channels * depth_multiplier channels.
    Weights: depthwise_kernel (window, in, depth_multiplier), bias (in * depth_multiplier,).
    """

    _spatial_axes = 1

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            depth_multiplier,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            depthwise_initializer,
            bias_initializer,
            depthwise_regularizer,
            bias_regularizer,
            activity_regularizer,
            depthwise_constraint,
            bias_constraint,
            **kwargs,
        )


registry.register(globals())
