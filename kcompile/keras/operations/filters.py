"""Images convolved with a window."""

from __future__ import annotations

import numpy as np

from ...ir import Value, claim_steps, op
from .. import backend as K
from ..backend.tensors import dims_of, refine, shape_vector, static_sizes, tensor


def filtered(x: Value, kernel: Value) -> Value:
    """Each channel of (batch, channels, rows, cols) convolved with one kernel, with zeros around.

    Args:
        kernel: (1, 1, rows, cols), of known size.
    """
    sizes = [size for size in static_sizes(kernel)[2:] if size is not None]
    pads = [*((size - 1) // 2 for size in sizes), *(size // 2 for size in sizes)]
    dims = dims_of(x)
    alone = op.Reshape(x, shape_vector([-1, 1, *dims[2:]]))  # channels as images of one channel
    y = op.Conv(alone, kernel, pads=pads)
    return refine(op.Reshape(y, shape_vector(dims)), K.int_shape(x))


def gaussian(size: int, sigma: Value, reach: Value | None = None) -> Value:
    """A Gaussian window (size,) whose sum is 1.

    Args:
        sigma: standard deviation, (1,).
        reach: how far from the middle the window is not 0; None for all of it.
    """
    claim_steps(size, f"a window of {size} pixels")
    offsets = tensor((np.arange(size) - (size - 1) / 2).astype(sigma.dtype))
    scaled = op.Div(offsets, sigma)
    weights = op.Exp(op.Mul(scaled, scaled) * -0.5)
    if reach is not None:
        weights = op.Where(op.LessOrEqual(op.Abs(offsets), reach), weights, tensor(0.0, sigma.dtype))
    return op.Div(weights, op.ReduceSum(weights, [0], keepdims=1))
