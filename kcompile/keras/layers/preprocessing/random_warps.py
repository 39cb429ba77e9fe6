"""Random augmentation by other maps of the plane: crops, sizes, perspective, elastic deformation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....ir import Constant, Value, claim_steps, op
from ... import backend as K
from ... import registry
from ...backend.tensors import dims_of, refine, shape_vector, static_sizes, tensor
from ...declaration import configured
from ...operations.colors import clipped
from ...operations.filters import filtered, gaussian
from ...operations.resizing import MODES
from ..arguments import with_spatial_sizes
from .common import as_float
from .random_base import RandomLayer, bounds, range_of
from .random_geometry import check_sampling, known_sizes, sampled
from .resizing import Resizing


class RandomCrop(RandomLayer):
    """A part of size (height, width) of the images: a random one while training, else as much as its
    proportions allow, resized.

    Args:
        height, width: the new size.
        seed: of the random numbers; None draws one from numpy's global generator.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols), of known size; output: the same
    layout, with height and width. A step crops all of its images at the same place, as in Keras; images that
    are smaller are resized while training, too.
    """

    @configured
    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._resizing = Resizing(height, width, crop_to_aspect_ratio=True, data_format=data_format)
        self.height, self.width = self._resizing.height, self._resizing.width

    def call(self, inputs: Any, training: Any = None) -> Any:
        rows, columns = known_sizes(self, self._channels_first(inputs))
        if (rows, columns) == (self.height, self.width):
            return super().call(inputs, training=False)
        resized = self._resizing.call(inputs)
        if rows < self.height or columns < self.width:
            return resized
        self._draws = 0
        return K.in_train_phase(lambda: self.augmented(inputs), resized, training=training)

    def augmented(self, x: Value) -> Value:
        x = as_float(self, x)
        sizes = np.array(known_sizes(self, self._channels_first(x)))
        target = np.array([self.height, self.width])
        drawn = self._numbers([2], 0.0, 1.0) * (sizes - target + 1).astype("float32")
        start = op.Min(K.cast(op.Floor(drawn), "int64"), Constant((sizes - target).astype("int64")))
        y = op.Slice(x, start, start + target.astype("int64"), self._axes())
        return refine(y, self.compute_output_shape(K.int_shape(x)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        channels = input_shape[self._channel_axis()]
        return with_spatial_sizes(input_shape, [self.height, self.width], channels, self.data_format)


class _RandomSize(RandomLayer):
    """Images of a random size along one axis."""

    axis: int  # 0 for rows, 1 for columns

    @configured
    def __init__(
        self, factor: Any, interpolation: str = "bilinear", seed: int | None = None, **kwargs: Any
    ) -> None:
        if interpolation not in MODES:
            raise ValueError(
                f"{type(self).__name__}: interpolation must be one of {', '.join(MODES)} (the new size is "
                f"only known while training); found {interpolation!r}."
            )
        self._bounds = bounds(self, "factor", factor, -1.0)

    def augmented(self, x: Value) -> Value:
        x = self._channels_first(x)
        sizes = dims_of(x)
        size = sizes[2 + self.axis]
        scale = self._numbers([], 1.0 + self._bounds[0], 1.0 + self._bounds[1])
        length = K.cast(size, "float32") if isinstance(size, Value) else tensor(float(size), "float32")
        sizes[2 + self.axis] = K.cast(op.Floor(op.Mul(scale, length)), "int64")
        y = op.Resize(x, None, None, shape_vector(sizes), **MODES[self.interpolation])
        shape = list(static_sizes(x))
        shape[2 + self.axis] = None
        return self._back(refine(y, shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = list(input_shape)
        shape[self._axes()[self.axis]] = None
        return tuple(shape)


class RandomHeight(_RandomSize):
    """Images of a random height while training; a layer of tf.keras.

    Args:
        factor: the height is scaled by 1 - factor to 1 + factor; or a pair (lower, upper) from -1 on.
        interpolation: "bilinear" or "nearest".
        seed: of the random numbers; None draws one from numpy's global generator.

    Input: (batch, rows, cols, channels); output: the same with an unknown number of rows.
    """

    axis = 0


class RandomWidth(_RandomSize):
    """Images of a random width while training; a layer of tf.keras.

    Args:
        factor: the width is scaled by 1 - factor to 1 + factor; or a pair (lower, upper) from -1 on.
        interpolation: "bilinear" or "nearest".
        seed: of the random numbers; None draws one from numpy's global generator.

    Input: (batch, rows, cols, channels); output: the same with an unknown number of columns.
    """

    axis = 1


def _grid(columns: Value, rows: Value, width: int, height: int, mirror: bool = False) -> Value:
    """Points in pixels (batch, rows, cols) as GridSample wants them, (batch, rows, cols, 2)."""
    axes = []
    for place, size in ((columns, width), (rows, height)):
        part = place * (2.0 / max(size - 1, 1)) if mirror else (place * 2.0 + 1.0) * (1.0 / size)
        axes.append(op.Unsqueeze(part - 1.0, [3]))
    return op.Concat(*axes, axis=3)


def _pixels(layer: Any, x: Value) -> tuple[Value, Value]:
    """Column (1, 1, cols) and row (1, rows, 1) of each pixel of (batch, channels, rows, cols)."""
    rows, columns = known_sizes(layer, x)
    claim_steps(rows + columns, f"images of {rows} times {columns} pixels")
    places = np.arange(columns, dtype=x.dtype)[None, None], np.arange(rows, dtype=x.dtype)[None, :, None]
    return Constant(places[0]), Constant(places[1])


class RandomPerspective(RandomLayer):
    """Each image as seen from a random angle, or not.

    Args:
        factor: chance of being changed, drawn from 0 to factor, or from a pair (lower, upper).
        scale: how far corners move at most, in twice the size of the image; 0 to 1. The first one stays.
        interpolation: "bilinear" or "nearest".
        fill_value: what lies beyond the edges.
        seed: of the random numbers; None draws one from numpy's global generator.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols), of known size.
    """

    @configured
    def __init__(
        self,
        factor: Any = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        check_sampling(self, "constant", interpolation)
        self._chance = bounds(self, "factor", factor, 0.0, 1.0)
        bounds(self, "scale", (scale, scale), 0.0, 1.0)

    def _moved(self, x: Value) -> Value:
        """What a coordinate of a corner is multiplied by, (batch, 1, 1)."""
        drawn = self._uniform(x, -0.5 * self.scale, 0.5 * self.scale)
        return op.Squeeze(drawn, [3]) + 1.0

    def augmented(self, x: Value) -> Value:
        x = self._channels_first(x)
        height, width = known_sizes(self, x)
        right, low, far_right, far_low = (self._moved(x) for _ in range(4))
        # the projective map that takes the moved corners back: (0, 0) stays, (1, 0), (0, 1) and (1, 1) come
        # from (right, 0), (0, low) and (far_right, far_low), in units of the image
        by_row = op.Div(op.Div(far_right, right) - 1.0, far_low)
        by_column = op.Div(op.Div(far_low, low) - 1.0, far_right)
        columns, rows = _pixels(self, x)
        depth = (
            by_column * columns * (1.0 / max(width - 1, 1)) + by_row * rows * (1.0 / max(height - 1, 1)) + 1.0
        )
        one = tensor(1.0, x.dtype)
        u = op.Div(columns * (by_column + op.Div(one, right)), depth)
        v = op.Div(rows * (by_row + op.Div(one, low)), depth)
        y = sampled(x, _grid(u, v, width, height), "constant", self.interpolation, self.fill_value)
        return self._back(op.Where(self._chosen(x, self._chance), y, x))


class RandomElasticTransform(RandomLayer):
    """The pixels of each image moved by smooth random fields, or not.

    Args:
        factor: chance of being changed, drawn from 0 to factor, or from a pair (lower, upper).
        scale: strength, drawn once per step from 0 to scale, or from a pair (lower, upper), up to 1: pixels
            move by a tenth of the longer side, the fields are smooth over a twentieth of the shorter one.
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies beyond the edges: "reflect", "wrap", "constant" (fill_value), "nearest" or
            "mirror".
        fill_value: for "constant".
        value_range: results are cut off to it, (0, 255).
        seed: of the random numbers; None draws one from numpy's global generator.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols), of known size. Rows and
    columns move independently. (Simard et al. 2003)
    """

    @configured(value_range=range_of)
    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        check_sampling(self, fill_mode, interpolation, ("reflect", "wrap", "constant", "nearest", "mirror"))
        self._chance = bounds(self, "factor", factor, 0.0, 1.0)
        self._scale = bounds(self, "scale", scale, 0.0, 1.0)

    def _field(self, x: Value, sigma: Value, widest: float) -> Value:
        """Smooth noise of mean 0, (batch, rows, cols)."""
        batch, _, height, width = dims_of(x)
        noise = K.random_normal([batch, 1, height, width], dtype=K.dtype(x), seed=self._next_seed())
        window = gaussian(6 * int(widest) + 1, sigma, op.Floor(sigma) * 3.0)
        kernel = op.Mul(op.Reshape(window, [1, 1, -1, 1]), op.Reshape(window, [1, 1, 1, -1]))
        return op.Squeeze(filtered(noise * sigma, kernel), [1])

    def augmented(self, x: Value) -> Value:
        if not self._scale[1] or not self._chance[1]:
            return x
        x = self._channels_first(x)
        height, width = known_sizes(self, x)
        strength = self._numbers([1], max(self._scale[0], 1e-6), self._scale[1], K.dtype(x))
        sigma, widest = strength * (0.05 * min(height, width)), 0.05 * min(height, width) * self._scale[1]
        reach = strength * (0.1 * max(height, width))
        columns, rows = (place + reach * self._field(x, sigma, widest) for place in _pixels(self, x))
        grid = _grid(columns, rows, width, height, self.fill_mode == "mirror")
        y = sampled(x, grid, self.fill_mode, self.interpolation, self.fill_value)
        y = op.Where(self._chosen(x, self._chance), y, x)
        return self._back(clipped(y, self.value_range))


registry.register(globals(), listed=True)
