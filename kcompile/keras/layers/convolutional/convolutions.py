"""Convolutions over one to three spatial axes."""

from __future__ import annotations

from typing import Any

from ... import backend as K
from ... import registry
from ...backend.convolution import conv
from ...core.layer import InputSpec, Layer
from ...declaration import Argument, configured, fixed
from ..arguments import (
    channel_axis,
    data_format,
    of_rank,
    optional,
    padding,
    per_axis,
    positive_int,
    spatial_sizes,
    weight_arguments,
    window_sizes,
    with_spatial_sizes,
)

__all__ = ["Conv1D", "Conv2D", "Conv3D", "Convolution1D", "Convolution2D", "Convolution3D"]


class Conv(Layer):
    """A convolution: what Conv1D, Conv2D and Conv3D share.

    Args:
        rank: number of spatial axes.
        filters: channels of the output.
        kernel_size: int or tuple, size of the window.
        strides: int or tuple, step of the window.
        padding: "valid" (none), "same" (zeros so that stride 1 keeps the size), for Conv1D also "causal"
            (zeros before the first step only).
        data_format: "channels_last" (batch, spatial..., channels) or "channels_first" (batch, channels,
            spatial...); default ``K.image_data_format()``.
        dilation_rate: int or tuple, distance between the elements of the window.
        activation: name or function (default linear).
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: name or Initializer.
        kernel_regularizer, bias_regularizer, activity_regularizer: Regularizer or None.
        kernel_constraint, bias_constraint: Constraint or None.
        groups: channels of input and output fall into so many groups that see only one another.

    Weights: kernel (spatial..., in / groups, filters), bias (filters,). Emits ONNX Conv.

    Raises:
        ValueError: for sizes that are not positive, an unknown padding, or filters that groups does not
        divide.
    """

    @configured(
        rank=Argument(written="never"),
        filters=optional(positive_int),
        kernel_size=per_axis,
        strides=per_axis,
        padding=padding,
        data_format=data_format,
        dilation_rate=per_axis,
        groups=Argument(positive_int, written="changed", after="dilation_rate"),
    )
    def __init__(
        self: Any,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
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
        groups: int = 1,
        **kwargs: Any,
    ) -> None:
        if self.padding == "causal" and self.rank != 1:
            raise ValueError(f"{type(self).__name__}: causal padding is for Conv1D; use 'valid' or 'same'.")
        if self.padding == "causal" and self.data_format != "channels_last":
            raise ValueError(
                f'{type(self).__name__}: when using causal padding, `data_format` must be "channels_last" '
                "(temporal data)."
            )
        if self.filters is not None and self.filters % self.groups:
            raise ValueError(
                f"{type(self).__name__}: filters={self.filters} must be a multiple of groups={self.groups}."
            )
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _input_channels(self, input_shape: Any) -> int:
        """The channels that an input of this shape has; from now on the layer takes no other number."""
        axis = channel_axis(self.data_format)
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"Layer {self.name}: the channel dimension of the inputs should be defined, found None (axis "
                f"{axis} of {input_shape}, data_format={self.data_format!r})."
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})
        return channels

    def _add_bias(self, size: Any) -> None:
        self.bias = (
            self.add_weight("bias", (size,), **weight_arguments(self, "bias")) if self.use_bias else None
        )

    def build(self, input_shape: Any) -> None:
        channels = self._input_channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"Layer {self.name}: the {channels} channels of the input {input_shape} do not fall into "
                f"groups={self.groups}."
            )
        self.kernel = self.add_weight(
            "kernel",
            (*self.kernel_size, channels // self.groups, self.filters),
            memory_order=kernel_order(self.rank, self.data_format),
            **weight_arguments(self, "kernel"),
        )
        self._add_bias(self.filters)
        self.built = True

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(K.int_shape(inputs))  # says so if the window does not fit
        if type(self).convolution_op is Conv.convolution_op:
            output = self._convolved(inputs, self.kernel, self.bias)
        else:
            output = self.convolution_op(inputs, self.kernel)
            output = output if self.bias is None else K.bias_add(output, self.bias, self.data_format)
        return output if self.activation is None else self.activation(output)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution alone, with any kernel of the layer's shape; ``call`` adds bias and activation.

        A subclass may override it, as in tf.keras.
        """
        return self._convolved(inputs, kernel, None)

    def _convolved(self, inputs: Any, kernel: Any, bias: Any) -> Any:
        return conv(
            inputs,
            kernel,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            bias,
            self.groups,
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self._convolved_shape(input_shape, self.filters)

    def _convolved_shape(self, input_shape: Any, channels: Any) -> tuple[Any, ...]:
        sizes = spatial_sizes(input_shape, self.data_format)
        convolved = window_sizes(self, sizes, self.kernel_size, self.dilation_rate)
        return with_spatial_sizes(input_shape, convolved, channels, self.data_format)


def kernel_order(rank: int, data_format: str) -> tuple[int, ...]:
    """Memory order of a kernel (spatial..., in, out), such that torch finds it as its kernels want it.

    (out, spatial..., in), torch's channels_last, beside channels_last data; (out, in, spatial...) else.
    """
    spatial = range(rank)
    if data_format == "channels_last":
        return (rank + 1, *spatial, rank)
    return (rank + 1, rank, *spatial)


class Conv2D(Conv):
    """A convolution over images.

    Args: those of ``Conv``.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols) for channels_first; output: the
    same with ``filters`` channels.
    """

    @configured(rank=fixed(2))
    @of_rank(Conv.__init__, "groups", strides=(1, 1), dilation_rate=(1, 1))
    def __init__(self) -> None: ...


class Conv1D(Conv):
    """A convolution over time.

    Args: those of ``Conv``.

    Input: (batch, steps, channels); output: (batch, new steps, filters).
    """

    @configured(rank=fixed(1))
    @of_rank(Conv.__init__, "groups", data_format="channels_last")
    def __init__(self) -> None: ...


class Conv3D(Conv):
    """A convolution over volumes.

    Args: those of ``Conv``.

    Input: (batch, depth, rows, cols, channels), or (batch, channels, depth, rows, cols) for channels_first;
    output: the same with ``filters`` channels.
    """

    @configured(rank=fixed(3))
    @of_rank(Conv.__init__, "groups", strides=(1, 1, 1), dilation_rate=(1, 1, 1))
    def __init__(self) -> None: ...


Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D

registry.register(globals())
