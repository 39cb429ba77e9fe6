"""Convolutions over time that later Keras versions have: transposed, and of each channel on its own."""

from __future__ import annotations

from typing import Any

from ... import registry
from ...declaration import configured
from .convolutions import Conv1D
from .separable import DepthwiseConv2D
from .transposed import _Transposed, output_padding


class Conv1DTranspose(_Transposed, Conv1D):
    """A transposed convolution over time.

    Args: those of ``Conv``, and output_padding as for ``Conv2DTranspose``.

    Input: (batch, steps, channels), or (batch, channels, steps) for channels_first; output: the same layout
    with ``filters`` channels.
    Weights: kernel (window, filters, in), bias (filters,). Emits ONNX ConvTranspose.
    """

    @configured(output_padding=output_padding)
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
    ) -> None: ...


class DepthwiseConv1D(DepthwiseConv2D):
    """A convolution over time of each channel on its own.

    Args: those of ``DepthwiseConv2D``, for one axis.

    Input: (batch, steps, channels), or (batch, channels, steps) for channels_first; output: the same with
    channels * depth_multiplier channels.
    Weights: depthwise_kernel (window, in, depth_multiplier), bias (in * depth_multiplier,).
    """

    _spatial_axes = 1

    @configured
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
    ) -> None: ...


registry.register(globals())
