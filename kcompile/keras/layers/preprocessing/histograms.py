"""Contrast by the distribution of values: stretched, equalized, equalized by parts of the image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....ir import Constant, Value, claim_steps, op
from ... import backend as K
from ... import registry
from ...backend.tensors import dims_of, refine, shape_vector, static_sizes, tensor
from ...declaration import configured, converted
from ...operations.colors import in_range
from .common import as_float
from .random_base import ImageAugmentation, range_of

__all__ = ["AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization"]

_BYTES = (0.0, 255.0)


class AutoContrast(ImageAugmentation):
    """Values of each channel of each image stretched over the whole range, at inference too.

    Args:
        value_range: of the images, (0, 255).

    Input and output: (batch, rows, cols, channels). A channel of one value stays as it is.
    """

    @configured(value_range=range_of)
    def __init__(self, value_range: Any = (0, 255), **kwargs: Any) -> None: ...

    def call(self, inputs: Any, training: Any = None) -> Any:
        return self.augmented(as_float(self, inputs))

    def augmented(self, x: Value) -> Value:
        low = op.ReduceMin(x, self._axes(), keepdims=1)
        width = op.ReduceMax(x, self._axes(), keepdims=1) - low
        flat = width <= 0.0
        part = op.Div(x - low, op.Where(flat, tensor(1.0, x.dtype), width))
        return op.Where(flat, x, in_range(K.clip(part, 0.0, 1.0), (0.0, 1.0), self.value_range))


class Equalization(ImageAugmentation):
    """Values of each channel spread so that all are about equally frequent in the batch, while training.

    Args:
        value_range: of the images, (0, 255).
        bins: into how many values are counted.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols). As in Keras, one
    histogram counts all images of a batch.
    """

    last = ("value_range", "data_format")

    @configured(value_range=range_of)
    def __init__(
        self, value_range: Any = (0, 255), bins: int = 256, data_format: str | None = None, **kwargs: Any
    ) -> None: ...

    def augmented(self, x: Value) -> Value:
        first = op.Transpose(self._channels_first(x), perm=[1, 0, 2, 3])
        flat = in_range(op.Reshape(first, [static_sizes(first)[0] or -1, -1]), self.value_range, _BYTES)
        bins = op.Floor(K.clip(flat * ((self.bins - 1) / 255), 0.0, self.bins - 1.0))
        counts = histogram(bins, [dims_of(first)[0], self.bins])
        below = op.CumSum(counts, Constant(np.int64(1)))
        lowest = op.ReduceMin(op.Where(below > 0.0, below, tensor(np.inf, below.dtype)), [1], keepdims=1)
        most = below[:, -1:] - lowest
        table = op.Div((below - lowest) * 255.0, op.Where(most <= 0.0, tensor(1.0, below.dtype), most))
        table = K.clip(op.Round(table), 0.0, 255.0)
        equal = op.GatherElements(table, K.cast(bins, "int64"), axis=1)
        alone = op.ReduceSum(K.cast(counts > 0.0, K.dtype(x)), [1], keepdims=1) <= 1.0
        flat = in_range(op.Where(alone, flat, equal), _BYTES, self.value_range)
        equal = refine(op.Reshape(flat, op.Shape(first)), K.int_shape(first))
        return self._back(op.Transpose(equal, perm=[1, 0, 2, 3]))


def histogram(bins: Value, sizes: list[Any]) -> Value:
    """How often each number occurs along the last axis.

    Args:
        bins: whole numbers (..., n) of a float type.
        sizes: of the result, (..., number of bins).
    """
    zeros = op.Expand(tensor(0.0, bins.dtype), shape_vector(sizes))
    ones = op.Expand(tensor(1.0, bins.dtype), op.Shape(bins))
    return op.ScatterElements(
        zeros, K.cast(bins, "int64"), ones, axis=len(static_sizes(bins)) - 1, reduction="add"
    )


class ContrastLimitedAdaptiveHistogramEqualization(ImageAugmentation):
    """Each channel equalized by histograms of the tiles around, at inference too. (CLAHE, Zuiderveld 1994)

    Args:
        value_range: of the images, (0, 255).
        clip_limit: how far the count of a value may exceed the mean count; 0 for no limit.
        tile_grid_size: tiles per column and row.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols), of known size.
    """

    @configured(value_range=range_of, tile_grid_size=converted(tuple))
    def __init__(
        self,
        value_range: Any = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Any = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None: ...

    def call(self, inputs: Any, training: Any = None) -> Any:
        return self.augmented(as_float(self, inputs))

    def augmented(self, x: Value) -> Value:
        x = self._channels_first(x)
        channels, *sizes = [size for size in static_sizes(x)[1:] if size is not None]
        if len(sizes) < 2:
            raise ValueError(
                f"Layer {self.name} ({type(self).__name__}) needs images of known size; the input has the "
                f"shape {K.int_shape(x)}."
            )
        tiles = [-(-size // count) for size, count in zip(sizes, self.tile_grid_size, strict=True)]
        pixels_of_tiles = [tile * count for tile, count in zip(tiles, self.tile_grid_size, strict=True)]
        claim_steps(20 * channels * math.prod(pixels_of_tiles), f"tile_grid_size={self.tile_grid_size}")
        values = in_range(x, self.value_range, _BYTES)
        for axis, (size, tile, count) in enumerate(zip(sizes, tiles, self.tile_grid_size, strict=True), 2):
            mirrored = np.pad(np.arange(size), (0, tile * count - size), mode="symmetric")
            values = op.Gather(values, Constant(mirrored), axis=axis)
        pixels = op.Floor(K.clip(values, 0.0, 255.0))
        equal = self._blended(pixels, self._tables(pixels, channels, tiles), channels, tiles)
        equal = in_range(equal[:, :, : sizes[0], : sizes[1]], _BYTES, self.value_range)
        return self._back(equal)

    def _tables(self, pixels: Value, channels: int, tiles: list[int]) -> Value:
        """New value by old value for each tile, (batch, channels, tile rows, tile columns, 256)."""
        (rows, columns), (height, width) = self.tile_grid_size, tiles
        parts = op.Reshape(pixels, [-1, channels, rows, height, columns, width])
        parts = op.Reshape(
            op.Transpose(parts, perm=[0, 1, 2, 4, 3, 5]), [-1, channels, rows, columns, height * width]
        )
        counts = histogram(parts, [dims_of(pixels)[0], channels, rows, columns, 256])
        total = float(height * width)
        if self.clip_limit > 0:
            kept = K.clip(counts, 0.0, float(np.float32(self.clip_limit * total / 256.0)))
            counts = kept + op.ReduceSum(counts - kept, [4], keepdims=1) * (1 / 256)
        below = op.CumSum(counts, Constant(np.int64(4)))
        least = op.ReduceMin(below, [4], keepdims=1)
        rest = total - least
        rest = op.Where(op.Equal(rest, tensor(0.0, rest.dtype)), tensor(1.0, rest.dtype), rest)
        return K.clip(op.Div((below - least) * 255.0, rest), 0.0, 255.0)

    def _blended(self, pixels: Value, tables: Value, channels: int, tiles: list[int]) -> Value:
        """Each pixel by the tables of the four tiles around it, weighted by nearness."""
        grid = self.tile_grid_size
        near, weights = [], []  # per axis: the two tiles beside each pixel, and the weight of the second
        for count, tile in zip(grid, tiles, strict=True):
            place = (np.arange(count * tile) - tile / 2) / tile
            first = np.floor(place)
            near.append([np.clip(first + i, 0, count - 1).astype(np.int64) for i in (0, 1)])
            weights.append((place - first).astype(pixels.dtype))
        flat = op.Reshape(tables, [-1, channels * grid[0] * grid[1] * 256])
        old = K.cast(pixels, "int64")
        channel = np.arange(channels)[:, None, None]

        def looked_up(rows: np.ndarray, columns: np.ndarray) -> Value:
            tile = (channel * grid[0] + rows[:, None]) * grid[1] + columns
            at = op.Reshape(old + Constant(tile * 256), [0, -1])
            return op.Reshape(op.GatherElements(flat, at, axis=1), op.Shape(pixels))

        down, right = tensor(weights[0][:, None]), tensor(weights[1])
        above, below = (
            looked_up(rows, near[1][0]) * (1.0 - right) + looked_up(rows, near[1][1]) * right
            for rows in near[0]
        )
        return above * (1.0 - down) + below * down


registry.register(globals())
