"""Images convolved with a window: smoothed, and their edges."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcompile.ir import Value, op
from kcompile.keras.operations.filters import filtered, gaussian

from ..tensors import as_torch, as_value, dtype_of, operation
from .layout import Batch


def window_sizes(kernel_size: Any) -> tuple[int, int]:
    """Columns and rows of a window, which are numbers also where a graph is traced."""
    columns, rows = kernel_size if isinstance(kernel_size, list | tuple) else as_torch(kernel_size).tolist()
    return int(columns), int(rows)


def gaussian_blur(
    images: Any, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0), data_format: str | None = None
) -> Any:
    """Images smoothed by a Gaussian window.

    Args:
        kernel_size: columns and rows of the window.
        sigma: standard deviations along columns and rows.
    """
    return _blurred(images, window_sizes(kernel_size), sigma, data_format)


@operation
def _blurred(images: Any, sizes: tuple[int, int], sigma: Any, data_format: str | None) -> Value:
    batch = Batch(images, data_format, "channels_first")
    deviations = as_value(sigma, dtype_of(batch.values))
    along, down = (
        gaussian(size, op.Gather(deviations, np.array([i]), axis=0)) for i, size in enumerate(sizes)
    )
    window = op.Mul(op.Reshape(down, [1, 1, -1, 1]), op.Reshape(along, [1, 1, 1, -1]))
    return batch.back(filtered(batch.values, window))


_SOBEL = np.array([[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]])


@operation
def sobel_edges(images: Any, data_format: str | None = None) -> Value:
    """How images change down the rows and along the columns, along a new last axis of 2."""
    batch = Batch(images, data_format, "channels_first")
    kind = dtype_of(batch.values)
    edges = [
        op.Unsqueeze(filtered(batch.values, as_value(window[None, None], kind)), [4])
        for window in (_SOBEL, _SOBEL.T.copy())
    ]
    return batch.back(op.Concat(*edges, axis=4))
