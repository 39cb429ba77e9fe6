"""Random augmentation by moving pixels: mirrored, moved, turned, zoomed, sheared images."""

from __future__ import annotations

import math
from typing import Any

from ....ir import Value, op
from ... import backend as K
from ... import registry
from ...backend.tensors import dims_of, filled, refine, static_sizes, tensor
from ...declaration import configured
from .random_base import RandomLayer, bounds

__all__ = ["RandomFlip", "RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom"]

# what ONNX GridSample calls the ways of filling; "wrap" brings its points inside itself
_PADDING = {
    "constant": "zeros",
    "nearest": "border",
    "reflect": "reflection",
    "mirror": "reflection",
    "wrap": "border",
}
_INTERPOLATION = {"bilinear": "linear", "nearest": "nearest"}


def check_sampling(layer: Any, fill_mode: str, interpolation: str, modes: Any = None) -> None:
    """Raises a ValueError for an unknown fill_mode or interpolation."""
    modes = modes or ("reflect", "wrap", "constant", "nearest")
    for name, value, known in (
        ("fill_mode", fill_mode, modes),
        ("interpolation", interpolation, ("bilinear", "nearest")),
    ):
        if value not in known:
            raise ValueError(
                f"{type(layer).__name__}: {name} must be one of {', '.join(known)}; found {value!r}."
            )


def sampled(x: Value, grid: Value, fill_mode: str, interpolation: str, fill_value: float = 0.0) -> Value:
    """The image (batch, channels, rows, cols) seen at the points of a grid (batch, rows, cols, 2).

    Args:
        grid: of the image's size: column and row of each point, from -1 to 1 between the outer edges of the
            image; for "mirror" between the middles of the outer pixels.
        fill_mode: what lies beyond: "constant" (fill_value), "nearest", "wrap", "reflect" (the edge pixel
            twice) or "mirror" (the edge pixel once).
    """
    if fill_mode == "wrap":  # points beyond an edge come in at the other
        grid = op.Sub(grid, op.Floor((grid + 1.0) * 0.5) * 2.0)
    beyond = fill_value if fill_mode == "constant" else 0.0
    y = op.GridSample(
        x - beyond if beyond else x,
        grid,
        mode=_INTERPOLATION[interpolation],
        padding_mode=_PADDING[fill_mode],
        align_corners=1 if fill_mode == "mirror" else 0,
    )
    return refine(y + beyond if beyond else y, K.int_shape(x))


class RandomFlip(RandomLayer):
    """Each image mirrored, or not, with equal chances.

    Args:
        mode: "horizontal", "vertical" or "horizontal_and_vertical".
        seed: of the random numbers; None draws one from numpy's global generator.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols).

    Raises:
        ValueError: for another ``mode``.
    """

    @configured
    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        if mode not in ("horizontal", "vertical", "horizontal_and_vertical"):
            raise ValueError(
                "RandomFlip: mode must be 'horizontal', 'vertical' or 'horizontal_and_vertical'; found "
                f"{mode!r}."
            )

    def augmented(self, x: Value) -> Value:
        rows, columns = self._axes()
        for name, axis in (("horizontal", columns), ("vertical", rows)):
            if name in self.mode:
                chosen = op.Less(self._uniform(x, 0.0, 1.0), tensor(0.5, x.dtype))
                x = op.Where(chosen, K.reverse(x, axis), x)
        return x


class _Affine(RandomLayer):
    """A random map of the plane per image. Emits ONNX AffineGrid and GridSample.

    A subclass says in ``_map`` which point of the image a point of the result shows.
    """

    @configured
    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        check_sampling(self, fill_mode, interpolation)

    def _map(self, x: Value) -> list[Any]:
        """[a, b, c, d, e, f]: column a x + b y + c and row d x + e y + f, from -1 to 1 over the image."""
        raise NotImplementedError

    def augmented(self, x: Value) -> Value:
        x = self._channels_first(x)
        blank = filled(0, [dims_of(x)[0], 1, 1, 1], x.dtype)
        entries = [op.Reshape(blank + entry, [-1, 1]) for entry in self._map(x)]
        theta = op.Reshape(op.Concat(*entries, axis=1), [-1, 2, 3])
        grid = op.AffineGrid(theta, op.Shape(x), align_corners=0)
        return self._back(sampled(x, grid, self.fill_mode, self.interpolation, self.fill_value))


class RandomTranslation(_Affine):
    """Each image moved by random parts of its height and width.

    Args:
        height_factor, width_factor: -factor to factor, or a pair (lower, upper); positive is down, right.
        fill_mode: what lies beyond the edges: "reflect", "wrap", "nearest" or "constant" (fill_value).
        interpolation: "bilinear" or "nearest".
        seed: of the random numbers; None draws one from numpy's global generator.
        fill_value: for "constant".
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols).
    """

    @configured
    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._rows = bounds(self, "height_factor", height_factor)
        self._columns = bounds(self, "width_factor", width_factor)

    def _map(self, x: Value) -> list[Any]:
        return [
            1.0,
            0.0,
            self._uniform(x, *self._columns) * -2.0,
            0.0,
            1.0,
            self._uniform(x, *self._rows) * -2.0,
        ]


class RandomRotation(_Affine):
    """Each image turned by a random angle around its middle.

    Args:
        factor: -factor to factor, or a pair (lower, upper), in full turns; positive is counter-clockwise.
        fill_mode, interpolation, seed, fill_value, data_format: those of ``RandomTranslation``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols), of known size.
    """

    @configured
    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._bounds = bounds(self, "factor", factor)

    def _map(self, x: Value) -> list[Any]:
        rows, columns = known_sizes(self, x)
        angle = self._uniform(x, *self._bounds) * (2.0 * math.pi)
        cosine, sine = op.Cos(angle), op.Sin(angle)
        return [cosine, sine * (-rows / columns), 0.0, sine * (columns / rows), cosine, 0.0]


class RandomZoom(_Affine):
    """Each image enlarged or shrunk by random factors around its middle.

    Args:
        height_factor: -factor to factor, or a pair (lower, upper); positive shows more of the scene.
        width_factor: the same for the width, None to keep the proportions.
        fill_mode, interpolation, seed, fill_value, data_format: those of ``RandomTranslation``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols).
    """

    @configured
    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._rows = bounds(self, "height_factor", height_factor)
        self._columns = None if width_factor is None else bounds(self, "width_factor", width_factor)

    def _map(self, x: Value) -> list[Any]:
        rows = self._uniform(x, *self._rows) + 1.0
        columns = rows if self._columns is None else self._uniform(x, *self._columns) + 1.0
        return [columns, 0.0, 0.0, 0.0, rows, 0.0]


class RandomShear(_Affine):
    """Each image slanted by random factors, with a random sign.

    Args:
        x_factor: columns that a row moves per row above it: -factor to factor, or a pair (lower, upper), up
            to 1.
        y_factor: the same for rows.
        interpolation, fill_mode, fill_value, data_format, seed: those of ``RandomTranslation``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols), of known size.
    """

    last = ("fill_mode", "interpolation", "seed", "fill_value", "data_format")

    @configured
    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        self._x = bounds(self, "x_factor", x_factor, -1.0, 1.0)
        self._y = bounds(self, "y_factor", y_factor, -1.0, 1.0)

    def _map(self, x: Value) -> list[Any]:
        rows, columns = known_sizes(self, x)
        sign = self._sign(x)
        by_row = self._uniform(x, *self._x) * sign  # the first row and the first column stay where they are
        by_column = self._uniform(x, *self._y) * sign
        return [
            1.0,
            by_row * (rows / columns),
            by_row * ((rows - 1) / columns),
            by_column * (columns / rows),
            1.0,
            by_column * ((columns - 1) / rows),
        ]


def known_sizes(layer: Any, x: Value) -> tuple[int, int]:
    """Rows and columns of (batch, channels, rows, cols).

    Raises:
        ValueError: if they are unknown.
    """
    rows, columns = static_sizes(x)[2:]
    if rows is None or columns is None:
        raise ValueError(
            f"Layer {layer.name} ({type(layer).__name__}) needs images of known size while training; the "
            f"input has the shape {K.int_shape(x)}."
        )
    return rows, columns


registry.register(globals())
