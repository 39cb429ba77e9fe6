"""Transposed convolutions: the way back through a convolution."""

from __future__ import annotations

from typing import Any

from ... import registry
from ...backend.convolution import conv_transpose
from ...declaration import Argument, configured, like
from ...utils import conv_utils
from ..arguments import spatial_sizes, weight_arguments, with_spatial_sizes
from .convolutions import Conv1D, Conv2D, Conv3D, kernel_order


def _output_padding(layer: Any, name: str, value: Any) -> tuple[int, ...] | None:
    """Elements to add at the end of each axis, less than the stride."""
    if layer.groups != 1:
        raise ValueError(f"{type(layer).__name__}: groups={layer.groups} is not supported; only groups=1 is.")
    if value is None:
        return None
    added = conv_utils.normalize_tuple(value, layer.rank, name)
    for stride, extra in zip(layer.strides, added, strict=True):
        if not 0 <= extra < stride:
            raise ValueError(
                f"{type(layer).__name__}: stride {layer.strides} must be greater than output padding "
                f"{added}, and that not negative."
            )
    return added


class _Transposed:
    """What the transposed convolutions add to Conv2D and Conv3D."""

    def build(self: Any, input_shape: Any) -> None:
        channels = self._input_channels(input_shape)
        self.kernel = self.add_weight(
            "kernel",
            (*self.kernel_size, self.filters, channels),
            memory_order=kernel_order(self.rank, self.data_format),
            **weight_arguments(self, "kernel"),
        )
        self._add_bias(self.filters)
        self.built = True

    def call(self: Any, inputs: Any) -> Any:
        output = conv_transpose(
            inputs,
            self.kernel,
            None,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.output_padding,
            self.bias,
        )
        return output if self.activation is None else self.activation(output)

    def compute_output_shape(self: Any, input_shape: Any) -> Any:
        sizes = spatial_sizes(input_shape, self.data_format)
        extra = self.output_padding or (None,) * self.rank
        steps = zip(sizes, self.strides, self.kernel_size, extra, self.dilation_rate, strict=True)
        lengths = [conv_utils.deconv_length(n, s, k, self.padding, e, d) for n, s, k, e, d in steps]
        return with_spatial_sizes(input_shape, lengths, self.filters, self.data_format)


class Conv2DTranspose(_Transposed, Conv2D):
    """A transposed convolution over images: its gradient is a convolution, and it enlarges by the stride.

    Args: those of ``Conv``, and
        output_padding: int or pair, less than the stride: elements added at the end of each axis; None
            chooses the size that is input * stride for "same".

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols); output: the same layout with
    ``filters`` channels.
    Weights: kernel (rows, cols, filters, in), bias (filters,). Emits ONNX ConvTranspose.
    """

    @configured(output_padding=_output_padding)
    def __init__(
        self: Any,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
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


class Conv3DTranspose(_Transposed, Conv3D):
    """A transposed convolution over volumes.

    Args: those of ``Conv``, without dilation_rate, and output_padding as for ``Conv2DTranspose``.

    Input: (batch, depth, rows, cols, channels), or (batch, channels, depth, rows, cols); output: the same
    layout with ``filters`` channels.
    Weights: kernel (depth, rows, cols, filters, in), bias (filters,).
    """

    @configured(output_padding=_output_padding, dilation_rate=Argument(written="changed"))
    @like(Conv2DTranspose.__init__, without=("dilation_rate",), strides=(1, 1, 1))
    def __init__(self) -> None: ...


class Conv1DTranspose(_Transposed, Conv1D):
    """A transposed convolution over time.

    Args: those of ``Conv``, and output_padding as for ``Conv2DTranspose``.

    Input: (batch, steps, channels), or (batch, channels, steps) for channels_first; output: the same layout
    with ``filters`` channels.
    Weights: kernel (window, filters, in), bias (filters,). Emits ONNX ConvTranspose.
    """

    @configured(output_padding=_output_padding)
    @like(Conv2DTranspose.__init__, strides=1, dilation_rate=1)
    def __init__(self) -> None: ...


Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Deconvolution2D = Deconv2D = Conv2DTranspose
Convolution3DTranspose = Deconvolution3D = Deconv3D = Conv3DTranspose

registry.register(globals(), listed=True)
