"""Blocks of images as vectors and back, and blocks of places as channels."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras.src.utils.argument_validation import standardize_tuple

from kcompile.ir import op
from kcompile.keras.backend.convolution import from_channels_first, to_channels_first
from kcompile.keras.backend.tensors import dims_of, known_shape, shape_vector

from ..tensors import NotTraceable, as_value, operation, publish


def _two(value: Any, name: str) -> tuple[int, ...]:
    return standardize_tuple(value, 2, name, allow_zero=True)  # type: ignore[no-any-return]


@operation
def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """The blocks of images (batch, channels, rows, cols), a column each: (batch, channels * size, blocks)."""
    x = as_value(input)
    window, dilations = _two(kernel_size, "kernel_size"), _two(dilation, "dilation")
    pads, strides = _two(padding, "padding"), _two(stride, "stride")
    if any(pads):
        x = op.Pad(x, [0, 0, *pads, 0, 0, *pads])
    for axis, w, d, s in zip((2, 4), window, dilations, strides, strict=True):
        size = (x.shape or ())[axis]
        if size is None:
            raise NotTraceable(f"`unfold` of images of open size {x.shape}.")
        starts = np.arange(0, size - (w - 1) * d, s, dtype=np.int64)
        x = op.Gather(x, np.arange(w, dtype=np.int64)[:, None] * d + starts, axis=axis)
    blocks = known_shape(x)[3] * known_shape(x)[5]
    x = op.Transpose(x, perm=[0, 1, 2, 4, 3, 5])
    batch, channels = dims_of(x)[:2]
    wide = channels * window[0] * window[1] if isinstance(channels, int) else -1
    return op.Reshape(x, shape_vector([batch, wide, blocks]))


@operation
def fold(
    x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """Images of blocks as ``unfold`` gives them; what overlaps is added up."""
    pads = _two(padding, "padding")
    return op.Col2Im(
        as_value(x),
        list(_two(output_size, "output_size")),
        list(_two(kernel_size, "kernel_size")),
        dilations=list(_two(dilation, "dilation")),
        pads=[*pads, *pads],
        strides=list(_two(stride, "stride")),
    )


@operation
def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Channels as blocks of places.

    Channels that lie last count blocks first, as TensorFlow has them; those that lie first count blocks last.
    """
    mode = "DCR" if data_format == "channels_last" else "CRD"
    y = op.DepthToSpace(to_channels_first(as_value(x), data_format), blocksize=block_size, mode=mode)
    return from_channels_first(y, data_format)


@operation
def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Blocks of places as channels: what ``depth_to_space`` undoes."""
    x = as_value(x)
    if data_format == "channels_last":
        y = op.SpaceToDepth(to_channels_first(x, data_format), blocksize=block_size)
        return from_channels_first(y, data_format)
    batch, channels, rows, columns = dims_of(x)
    if not all(isinstance(n, int) for n in (channels, rows, columns)):
        raise NotTraceable(f"`space_to_depth` of images of open size {x.shape} with the channels first.")
    rows, columns = rows // block_size, columns // block_size
    parts = op.Reshape(x, shape_vector([batch, channels, rows, block_size, columns, block_size]))
    moved = op.Transpose(parts, perm=[0, 1, 3, 5, 2, 4])
    return op.Reshape(moved, shape_vector([batch, channels * block_size**2, rows, columns]))


publish(globals())
