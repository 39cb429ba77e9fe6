"""Convolutions, transposed convolutions and pooling, for one to three spatial axes.

Operators work on (batch, channels, ...); a channels_last tensor is transposed before and after, which export
cancels and the torch bridge gets for free. Kernels are Keras's (spatial..., in, out).
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Value, claim_steps, op
from ..declaration import like
from .config import normalize_data_format
from .tensors import dims_of, known_shape, rank, refine, shape_vector, static_sizes, tensor

__all__ = [
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "depthwise_conv2d",
    "local_conv1d",
    "local_conv2d",
    "pool2d",
    "pool3d",
    "separable_conv1d",
    "separable_conv2d",
]


def to_channels_first(x: Value, data_format: str) -> Value:
    """(batch, channels, spatial...)."""
    if data_format == "channels_first":
        return x
    count = rank(x, "a convolution or pooling")
    return op.Transpose(x, perm=[0, count - 1, *range(1, count - 1)])


def from_channels_first(x: Value, data_format: str) -> Value:
    """The layout ``data_format`` from (batch, channels, spatial...)."""
    if data_format == "channels_first":
        return x
    count = rank(x, "a convolution or pooling")
    return op.Transpose(x, perm=[0, *range(2, count), 1])


def _sizes(value: Any, spatial: int, name: str) -> list[int]:
    """One positive int a spatial axis, from an int or a sequence."""
    values = [value] * spatial if isinstance(value, int | np.integer) else list(value)
    if len(values) != spatial or builtins.any(int(v) < 1 for v in values):
        raise ValueError(f"`{name}` takes {spatial} positive integers, or one; found {value!r}.")
    return [int(v) for v in values]


def _padding(
    padding: str,
    sizes: Sequence[Any],
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> dict[str, Any]:
    """The ONNX attributes for "valid", "same" or "causal" padding as TensorFlow computes it."""
    if padding == "valid":
        return {}
    reach = [(w - 1) * d for w, d in zip(window, dilations, strict=True)]
    if padding == "causal":
        return {"pads": [*reach, *[0] * len(reach)]}
    _check_padding(padding)
    totals = []
    for size, r, stride in zip(sizes, reach, strides, strict=True):
        if stride == 1:
            totals.append(r)
        elif isinstance(size, int):
            totals.append(builtins.max((-(-size // stride) - 1) * stride + r + 1 - size, 0))
        else:
            return {"auto_pad": "SAME_UPPER"}
    before = [t // 2 for t in totals]
    if not builtins.any(totals):
        return {}
    return {"pads": [*before, *(t - b for t, b in zip(totals, before, strict=True))]}


def _check_padding(padding: str) -> None:
    if padding not in ("valid", "same"):
        raise ValueError(f"Invalid padding: {padding!r}; expected 'valid' or 'same'.")


def _kernel_first(kernel: Value) -> Value:
    """(spatial..., in, out) as (out, in, spatial...)."""
    count = rank(kernel, "a convolution kernel")
    return op.Transpose(kernel, perm=[count - 1, count - 2, *range(count - 2)])


def conv(
    x: Any,
    kernel: Any,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation_rate: Any,
    bias: Value | None = None,
    groups: int = 1,
) -> Value:
    """A convolution over as many spatial axes as ``kernel`` has; conv1d, conv2d and conv3d in one.

    Args:
        x: (batch, spatial..., in) or (batch, in, spatial...).
        kernel: (spatial..., in / groups, out).
        padding: "valid", "same", or "causal" (zeros before the first element only).
        bias: optional (out,), added by the same operator.
    """
    given = _Operands(x, kernel, strides, data_format, dilation_rate)
    given.check_channels(given.kernel_sizes[-2] * groups)
    return given.conv(_kernel_first(given.kernel), bias, padding, groups)


class _Operands:
    """What a convolution is given, checked: ``x`` (batch, channels, ...), and a kernel as Keras has it."""

    def __init__(
        self, x: Any, kernel: Any, strides: Any, data_format: str | None, dilation_rate: Any
    ) -> None:
        self.data_format = normalize_data_format(data_format)
        x = tensor(x)
        self.kernel = tensor(kernel, x.dtype)
        self.kernel_sizes: tuple[Any, ...] = static_sizes(self.kernel)
        self.spatial = _spatial(x, self.kernel)
        self.window = _window(self.kernel, self.spatial)
        self.strides = _sizes(strides, self.spatial, "strides")
        self.dilations = _sizes(dilation_rate, self.spatial, "dilation_rate")
        self.x = to_channels_first(x, self.data_format)

    def check_channels(self, channels: Any) -> None:
        """ValueError if the kernel does not take as many channels as there are."""
        found = known_shape(self.x)[1]
        if isinstance(found, int) and isinstance(channels, int) and found != channels:
            raise ValueError(
                f"a convolution with a kernel of shape {self.kernel.shape} takes {channels} channels; "
                f"its input has {found}."
            )

    def conv(self, kernel: Value, bias: Value | None, padding: str, groups: int) -> Value:
        """The convolution with a kernel (out, in, spatial...), in the layout that was given."""
        pads = _padding(padding, known_shape(self.x)[2:], self.window, self.strides, self.dilations)
        y = op.Conv(
            self.x, kernel, bias, strides=self.strides, dilations=self.dilations, group=groups, **pads
        )
        return from_channels_first(y, self.data_format)


def _spatial(x: Value, kernel: Value) -> int:
    spatial = rank(kernel, "a convolution kernel") - 2
    if rank(x, "a convolution") != spatial + 2:
        raise ValueError(f"a kernel {kernel.shape} convolves tensors of {spatial + 2} axes; found {x!r}.")
    return spatial


def _window(kernel: Value, spatial: int) -> list[int]:
    window = known_shape(kernel)[:spatial]
    if not builtins.all(isinstance(d, int) for d in window):
        raise ValueError(f"the window of the kernel {kernel!r} is not known while the graph is built.")
    return list(window)


def conv1d(
    x: Any,
    kernel: Any,
    strides: int = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int = 1,
) -> Value:
    """1D convolution: (batch, steps, in) by (window, in, out); padding "valid", "same" or "causal".

    Raises:
        ValueError: for "causal" with channels_first.
    """
    if padding == "causal" and normalize_data_format(data_format) != "channels_last":
        raise ValueError('When using causal padding in `conv1d`, `data_format` must be "channels_last".')
    return conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d(
    x: Any,
    kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Value:
    """2D convolution: (batch, rows, cols, in) by (rows, cols, in, out)."""
    return conv(x, kernel, strides, padding, data_format, dilation_rate)


@like(conv2d, strides=(1, 1, 1), dilation_rate=(1, 1, 1))
def conv3d() -> None:
    """3D convolution: (batch, depth, rows, cols, in) by (depth, rows, cols, in, out)."""


def conv_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation_rate: Any = 1,
    output_padding: Any = None,
    bias: Value | None = None,
) -> Value:
    """A transposed convolution: the gradient of ``conv`` as to its input.

    Args:
        x: (batch, spatial..., in) or (batch, in, spatial...).
        kernel: (spatial..., out, in).
        output_shape: shape of the result in the layout of ``x``; sizes that are None or computed at run time
            are those that Keras gives by default (for "same" size * stride). None as a whole: all of them.
        output_padding: per spatial axis the elements added at the end, None to follow ``output_shape``.
        bias: optional (out,), added by the same operator.
    """
    given = _Operands(x, kernel, strides, data_format, dilation_rate)
    _check_padding(padding)
    wanted = _wanted_sizes(output_shape, given.spatial, given.data_format)
    extra = [None] * given.spatial if output_padding is None else _paddings(output_padding, given.spatial)
    given.check_channels(given.kernel_sizes[-1])
    before, after, ends = [], [], []
    axes = zip(
        known_shape(given.x)[2:], given.window, given.strides, given.dilations, wanted, extra, strict=True
    )
    for size, w, s, d, out, more in axes:
        total, end = _transposed_padding(size, (w - 1) * d + 1, s, padding, out, more)
        before.append(total // 2)
        after.append(total - total // 2)
        ends.append(end)
    y = op.ConvTranspose(
        given.x,
        _kernel_first(given.kernel),
        bias,
        strides=given.strides,
        dilations=given.dilations,
        pads=[*before, *after],
        output_padding=ends,
    )
    return from_channels_first(y, given.data_format)


def _paddings(value: Any, spatial: int) -> list[int]:
    return [int(value)] * spatial if isinstance(value, int | np.integer) else [int(v) for v in value]


def _wanted_sizes(output_shape: Any, spatial: int, data_format: str) -> list[int | None]:
    if output_shape is None or isinstance(output_shape, Value):
        return [None] * spatial
    sizes = list(output_shape)
    if len(sizes) != spatial + 2:
        raise ValueError(f"output_shape takes {spatial + 2} sizes; found {output_shape!r}.")
    sizes = sizes[2:] if data_format == "channels_first" else sizes[1:-1]
    return [int(d) if isinstance(d, int | np.integer) else None for d in sizes]


def _transposed_padding(
    size: Any, window: int, stride: int, padding: str, out: int | None, more: int | None
) -> tuple[int, int]:
    """Elements cut off in all, and elements added at the end.

    The full result has (size - 1) * stride + window elements. What differs from the wanted size is cut half
    before and half after (the odd one after) for "same", where TensorFlow's forward convolution had padded.
    """
    if out is not None and isinstance(size, int):
        slack = (size - 1) * stride + window - out
        forward = out if padding == "valid" else out + builtins.max(slack, 0) + window - 1
        if padding == "valid" and (forward - window) // stride + 1 != size or out < 1:
            raise ValueError(
                f"a transposed convolution with window {window}, stride {stride}, padding {padding!r} "
                f"does not turn {size} elements into {out}."
            )
    elif more is not None:
        slack = (2 * (window // 2) if padding == "same" else 0) - more
    else:
        slack = window - stride if padding == "same" else builtins.min(window - stride, 0)
    if padding == "valid":
        return 0, -slack
    return builtins.max(slack, 0), builtins.max(-slack, 0)


def conv2d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Value:
    """2D transposed convolution: (batch, rows, cols, in) by (rows, cols, out, in)."""
    return conv_transpose(x, kernel, output_shape, strides, padding, data_format, dilation_rate)


def conv3d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
) -> Value:
    """3D transposed convolution: (batch, depth, rows, cols, in) by (depth, rows, cols, out, in)."""
    return conv_transpose(x, kernel, output_shape, strides, padding, data_format)


def depthwise_conv(
    x: Any,
    kernel: Any,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation_rate: Any,
    bias: Value | None = None,
) -> Value:
    """Each channel convolved on its own with ``multiplier`` kernels (spatial..., in, multiplier).

    Returns:
        in * multiplier channels; channel c's results are next to one another.
    """
    given = _Operands(x, kernel, strides, data_format, dilation_rate)
    channels, multiplier = given.kernel_sizes[given.spatial :]
    given.check_channels(channels)
    first = op.Transpose(given.kernel, perm=[given.spatial, given.spatial + 1, *range(given.spatial)])
    first = op.Reshape(first, [channels * multiplier, 1, *given.window])
    return given.conv(first, bias, padding, channels)


def depthwise_conv2d(
    x: Any,
    depthwise_kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Value:
    """2D convolution of each channel on its own: kernel (rows, cols, in, multiplier)."""
    return depthwise_conv(x, depthwise_kernel, strides, padding, data_format, dilation_rate)


def separable_conv(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation_rate: Any,
    bias: Value | None = None,
) -> Value:
    """A depthwise convolution, then a convolution of window 1 that mixes the channels."""
    data_format = normalize_data_format(data_format)
    x = tensor(x)
    y = depthwise_conv(
        to_channels_first(x, data_format), depthwise_kernel, strides, padding, "channels_first", dilation_rate
    )
    return from_channels_first(conv(y, pointwise_kernel, 1, "valid", "channels_first", 1, bias), data_format)


def separable_conv1d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Value:
    """1D separable convolution: kernels (window, in, multiplier) and (1, in * multiplier, out).

    ``x`` is (batch, steps, in).
    """
    return separable_conv(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate)


@like(separable_conv1d, strides=(1, 1), dilation_rate=(1, 1))
def separable_conv2d() -> None:
    """2D separable convolution: kernels (rows, cols, in, multiplier) and (1, 1, in * multiplier, out)."""


def pool(
    x: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None, pool_mode: str = "max"
) -> Value:
    """Pooling over all spatial axes of ``x``; an average counts no padding.

    Raises:
        ValueError: for a ``pool_mode`` other than "max" and "avg", or a ``padding`` other than "valid" and
            "same".
    """
    data_format = normalize_data_format(data_format)
    x = tensor(x)
    spatial = rank(x, "pooling") - 2
    window = _sizes(pool_size, spatial, "pool_size")
    strides = window if strides is None else _sizes(strides, spatial, "strides")
    if pool_mode not in ("max", "avg"):
        raise ValueError(f"Invalid pooling mode: {pool_mode!r}; expected 'max' or 'avg'.")
    _check_padding(padding)
    x = to_channels_first(x, data_format)
    attributes = _padding(padding, x.dims[2:], window, strides, [1] * spatial)
    operator = op.MaxPool if pool_mode == "max" else op.AveragePool
    y = operator(x, kernel_shape=window, strides=strides, **attributes)
    return from_channels_first(y, data_format)


def pool2d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Value:
    """2D pooling of (batch, rows, cols, channels); ``pool_mode`` is "max" or "avg"."""
    return pool(x, pool_size, strides, padding, data_format, pool_mode)


@like(pool2d, strides=(1, 1, 1))
def pool3d() -> None:
    """3D pooling of (batch, depth, rows, cols, channels); ``pool_mode`` is "max" or "avg"."""


def _patch_indices(count: int, window: int, stride: int) -> np.ndarray:
    """(count, window) positions: where each output element looks."""
    claim_steps(count * window, f"{count} windows of {window}")
    return (np.arange(count)[:, None] * stride + np.arange(window)).astype(np.int64)


def local_conv1d(
    inputs: Any,
    kernel: Any,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    data_format: str | None = None,
) -> Value:
    """1D convolution with weights of its own at every position.

    Args:
        inputs: (batch, steps, in).
        kernel: (output steps, window * in, out).
    """
    normalize_data_format(data_format)
    x, kernel = tensor(inputs), tensor(kernel)
    steps, features, filters = kernel.shape
    patches = op.Gather(x, _patch_indices(steps, kernel_size[0], strides[0]), axis=1)
    patches = op.Transpose(patches, perm=[1, 0, 2, 3])
    out = op.MatMul(op.Reshape(patches, [0, 0, features]), kernel)
    return refine(op.Transpose(out, perm=[1, 0, 2]), (known_shape(x)[0], steps, filters))


def local_conv2d(
    inputs: Any,
    kernel: Any,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    output_shape: Sequence[int],
    data_format: str | None = None,
) -> Value:
    """2D convolution with weights of its own at every position.

    Args:
        inputs: (batch, rows, cols, in), or (batch, in, rows, cols) for channels_first.
        kernel: (output rows * output cols, patch elements, out).
        output_shape: (output rows, output cols).
    """
    data_format = normalize_data_format(data_format)
    x, kernel = tensor(inputs), tensor(kernel)
    rows, cols = output_shape
    _, features, filters = kernel.shape
    first = data_format == "channels_first"
    row_axis = 2 if first else 1
    x_rows = op.Gather(x, _patch_indices(rows, kernel_size[0], strides[0]), axis=row_axis)
    patches = op.Gather(x_rows, _patch_indices(cols, kernel_size[1], strides[1]), axis=row_axis + 2)
    # (batch, [in], rows, kernel rows, cols, kernel cols, [in]) to (rows, cols, batch, patch in Keras's order)
    patches = op.Transpose(patches, perm=[2, 4, 0, 1, 3, 5] if first else [1, 3, 0, 2, 4, 5])
    batch = dims_of(x)[0]
    flat = op.Reshape(patches, shape_vector([rows * cols, batch, features]))
    out = op.Reshape(op.MatMul(flat, kernel), shape_vector([rows, cols, batch, filters]))
    out = refine(out, (rows, cols, known_shape(x)[0], filters))
    return op.Transpose(out, perm=[2, 3, 0, 1] if first else [2, 0, 1, 3])
