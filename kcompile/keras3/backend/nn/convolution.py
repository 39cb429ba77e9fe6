"""Convolutions and pooling, by the texts of ``kcompile.keras.backend``."""

from __future__ import annotations

from typing import Any

from keras.src.backend.common.backend_utils import (
    check_conv_input_channels,
    check_conv_transpose_input_channels,
    compute_conv_transpose_output_crops_for_torch,
)
from keras.src.backend.config import standardize_data_format
from keras.src.utils.argument_validation import standardize_tuple

from kcompile.ir import Value, op
from kcompile.keras.backend import convolution
from kcompile.keras.backend.adaptive_pooling import adaptive_average, adaptive_max
from kcompile.keras.backend.convolution import from_channels_first, to_channels_first

from ..tensors import as_value, operation, publish
from .types import floating, of_graph_dtype, of_one_type

# --- convolutions -------------------------------------------------------------------------------------------


@operation
def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """A convolution with a kernel (spatial..., in / groups, out).

    Raises:
        ValueError: if the channels are no multiple of those of the kernel.
    """
    inputs, kernel = of_one_type(inputs, kernel)
    data_format = standardize_data_format(data_format)
    _check_spatial(inputs, "conv operation")
    channels, taken = inputs.shape[_channel_axis(data_format)], kernel.shape[-2]
    if channels % taken:
        raise ValueError(f"Input channels ({channels}) must be divisible by kernel input channels ({taken})")
    return of_graph_dtype(convolution.conv)(
        inputs, kernel, strides, padding, data_format, dilation_rate, groups=channels // taken
    )


def _channel_axis(data_format: str) -> int:
    return -1 if data_format == "channels_last" else 1


def _check_spatial(inputs: Value, what: str) -> int:
    count = len(inputs.shape or ()) - 2
    if not 1 <= count <= 3:
        raise ValueError(
            f"Inputs to {what} should have ndim=3, 4, or 5, corresponding to 1D, 2D and 3D inputs. "
            f"Received input shape: {inputs.shape}."
        )
    return count


@operation
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Each channel convolved on its own: a kernel (spatial..., in, multiplier)."""
    inputs, kernel = of_one_type(inputs, kernel)
    data_format = standardize_data_format(data_format)
    check_conv_input_channels(inputs, kernel, data_format)
    return of_graph_dtype(convolution.depthwise_conv)(
        inputs, kernel, strides, padding, data_format, dilation_rate
    )


@operation
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """A depthwise convolution, then one of window 1 that mixes the channels."""
    inputs, depthwise_kernel, pointwise_kernel = of_one_type(inputs, depthwise_kernel, pointwise_kernel)
    data_format = standardize_data_format(data_format)
    check_conv_input_channels(inputs, depthwise_kernel, data_format)
    return of_graph_dtype(convolution.separable_conv)(
        inputs, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate
    )


@operation
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """A transposed convolution with a kernel (spatial..., out, in).

    What Keras cuts off at both ends of the full result is the operator's padding; what it adds at the end
    is its output padding, and what it adds before is padded with zeros.
    """
    inputs, kernel = of_one_type(inputs, kernel)
    data_format = standardize_data_format(data_format)
    check_conv_transpose_input_channels(inputs, kernel, data_format)
    count = _check_spatial(inputs, "conv transpose operation")
    strides = standardize_tuple(strides, count, "strides")
    dilations = standardize_tuple(dilation_rate, count, "dilation_rate")
    crops = compute_conv_transpose_output_crops_for_torch(
        inputs.shape, kernel.shape, strides, padding, output_padding, dilation_rate
    )
    before, after = ([pair[side] for pair in crops] for side in (0, 1))
    y = of_graph_dtype(op.ConvTranspose)(
        to_channels_first(inputs, data_format),
        op.Transpose(kernel, perm=[count + 1, count, *range(count)]),
        strides=list(strides),
        dilations=list(dilations),
        pads=[max(n, 0) for n in (*before, *after)],
    )
    added = [max(-n, 0) for n in (*before, *after)]
    if any(added):
        y = op.Pad(y, [0, 0, *added[:count], 0, 0, *added[count:]])
    return from_channels_first(y, data_format)


# --- pooling ------------------------------------------------------------------------------------------------


@operation
def max_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The largest element of each window."""
    return _pooled(as_value(inputs), pool_size, strides, padding, data_format, "max")


@operation
def average_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The mean of each window; padding is not counted."""
    return _pooled(floating(inputs), pool_size, strides, padding, data_format, "avg")


def _pooled(
    inputs: Value, pool_size: Any, strides: Any, padding: str, data_format: str | None, mode: str
) -> Value:
    _check_spatial(inputs, "pooling op")
    data_format = standardize_data_format(data_format)
    return of_graph_dtype(convolution.pool)(inputs, pool_size, strides, padding, data_format, mode)


@operation
def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """The mean of each of ``output_size`` windows along each spatial axis."""
    return _pooled_to(floating(inputs), output_size, data_format, adaptive_average)


@operation
def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """The largest element of each of ``output_size`` windows along each spatial axis."""
    return _pooled_to(as_value(inputs), output_size, data_format, adaptive_max)


def _pooled_to(x: Value, output_size: Any, data_format: str | None, function: Any) -> Value:
    count = _check_spatial(x, "adaptive pooling")
    first = 1 if standardize_data_format(data_format) == "channels_last" else 2
    for axis, size in enumerate(standardize_tuple(output_size, count, "output_size"), first):
        if (x.shape or ())[axis] is None:
            raise ValueError(f"Adaptive pooling needs inputs of known size; found the shape {x.shape}.")
        x = function(x, axis, size)
    return x


publish(globals())
