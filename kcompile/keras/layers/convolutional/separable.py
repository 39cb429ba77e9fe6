"""Depthwise convolutions, alone and followed by a pointwise one."""

from __future__ import annotations

from typing import Any

from ... import backend as K
from ... import registry
from ...backend.convolution import depthwise_conv, separable_conv
from ...declaration import ANY, Argument, configured, fixed, like, only
from ..arguments import of_rank, positive_int, weight_arguments
from .convolutions import Conv, kernel_order

__all__ = [
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "DepthwiseConvolution2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
]

# later files carry them, unused
_WITHOUT_KERNEL = {f"kernel_{kind}": only(ANY) for kind in ("initializer", "regularizer", "constraint")}


def _depthwise_order(rank: int) -> tuple[int, ...]:
    """(spatial..., in, multiplier) lies in memory as (in, multiplier, spatial...), torch's grouped kernel."""
    return (rank, rank + 1, *range(rank))


class SeparableConv(Conv):
    """A separable convolution: what SeparableConv1D and SeparableConv2D share.

    Each channel is convolved on its own with ``depth_multiplier`` kernels, then a convolution of window 1
    mixes the results. (Chollet 2017, "Xception")

    Args: those of ``Conv``, with depthwise_* and pointwise_* in place of kernel_*, and
        depth_multiplier: kernels per input channel.

    Weights: depthwise_kernel (spatial..., in, depth_multiplier), pointwise_kernel (1..., in *
    depth_multiplier, filters), bias (filters,).
    """

    @configured(depth_multiplier=positive_int, groups=only(1), **_WITHOUT_KERNEL)
    def __init__(
        self: Any,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None: ...

    def build(self, input_shape: Any) -> None:
        channels = self._input_channels(input_shape)
        self.depthwise_kernel = self.add_weight(
            "depthwise_kernel",
            (*self.kernel_size, channels, self.depth_multiplier),
            memory_order=_depthwise_order(self.rank),
            **weight_arguments(self, "depthwise"),
        )
        self.pointwise_kernel = self.add_weight(
            "pointwise_kernel",
            (*(1,) * self.rank, channels * self.depth_multiplier, self.filters),
            memory_order=kernel_order(self.rank, self.data_format),
            **weight_arguments(self, "pointwise"),
        )
        self._add_bias(self.filters)
        self.built = True

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(K.int_shape(inputs))  # says so if the window does not fit
        output = separable_conv(
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.bias,
        )
        return output if self.activation is None else self.activation(output)


class SeparableConv2D(SeparableConv):
    """A separable convolution over images.

    Args: those of ``SeparableConv``.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols) for channels_first; output: the
    same with ``filters`` channels.
    """

    @configured(rank=fixed(2))
    @of_rank(SeparableConv.__init__, strides=(1, 1), dilation_rate=(1, 1))
    def __init__(self) -> None: ...


class SeparableConv1D(SeparableConv):
    """A separable convolution over time.

    Args: those of ``SeparableConv``.

    Input: (batch, steps, channels); output: (batch, new steps, filters).
    """

    @configured(rank=fixed(1))
    @of_rank(SeparableConv.__init__, data_format="channels_last")
    def __init__(self) -> None: ...


class DepthwiseConv2D(Conv):
    """A convolution of each channel on its own.

    Args: those of ``Conv`` but filters, with depthwise_* in place of kernel_*, and
        depth_multiplier: kernels per input channel.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols) for channels_first; output: the
    same with channels * depth_multiplier channels, those of one input channel next to one another.
    Weights: depthwise_kernel (rows, cols, in, depth_multiplier), bias (in * depth_multiplier,).
    """

    _spatial_axes = 2

    @configured(
        filters=Argument(written="never"), depth_multiplier=positive_int, groups=only(1), **_WITHOUT_KERNEL
    )
    def __init__(
        self: Any,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
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

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        arguments.update(rank=cls._spatial_axes, filters=None)  # later files carry filters, unused

    def build(self, input_shape: Any) -> None:
        channels = self._input_channels(input_shape)
        self.depthwise_kernel = self.add_weight(
            "depthwise_kernel",
            (*self.kernel_size, channels, self.depth_multiplier),
            memory_order=_depthwise_order(self.rank),
            **weight_arguments(self, "depthwise"),
        )
        self._add_bias(channels * self.depth_multiplier)
        self.built = True

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(K.int_shape(inputs))  # says so if the window does not fit
        output = depthwise_conv(
            inputs,
            self.depthwise_kernel,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.bias,
        )
        return output if self.activation is None else self.activation(output)

    def compute_output_shape(self, input_shape: Any) -> Any:
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        return self._convolved_shape(
            input_shape, None if channels is None else channels * self.depth_multiplier
        )


class DepthwiseConv1D(DepthwiseConv2D):
    """A convolution over time of each channel on its own.

    Args: those of ``DepthwiseConv2D``, for one axis.

    Input: (batch, steps, channels), or (batch, channels, steps) for channels_first; output: the same with
    channels * depth_multiplier channels.
    Weights: depthwise_kernel (window, in, depth_multiplier), bias (in * depth_multiplier,).
    """

    _spatial_axes = 1

    @configured
    @like(DepthwiseConv2D.__init__, strides=1, dilation_rate=1)
    def __init__(self) -> None: ...


DepthwiseConvolution2D = DepthwiseConv2D
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D

registry.register(globals())
