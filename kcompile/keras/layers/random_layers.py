"""Random augmentation of images while training; at inference these layers pass images on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ir import Value, op
from .. import backend as K
from ..backend.tensors import dims_of, tensor
from ..engine.base_layer import InputSpec, Layer
from .preprocessing_layers import as_float

# what ONNX GridSample calls the ways of filling; "wrap" brings its points inside itself
_PADDING = {"constant": "zeros", "nearest": "border", "reflect": "reflection", "wrap": "border"}
_INTERPOLATION = {"bilinear": "linear", "nearest": "nearest"}


class _Random(Layer):
    """A layer that changes each image by random numbers of its own while training.

    A subclass emits the changed images in ``_augmented``.
    """

    def __init__(self, seed: int | None, data_format: str | None = None, **kwargs: Any) -> None:
        kwargs.pop("rng_type", None)  # tf_keras says how its numbers are drawn
        super().__init__(**kwargs)
        self.seed = seed
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=4)
        self._draws = 0

    def call(self, inputs: Any, training: Any = None) -> Any:
        x = as_float(self, inputs)
        self._draws = 0
        # Keras 3 writes training=True, the default of these calls, and means: as the model is run
        training = None if training is True else training
        return K.in_train_phase(lambda: self._augmented(x), x, training=training)

    def _augmented(self, x: Value) -> Value:
        raise NotImplementedError

    def _uniform(self, x: Value, low: float, high: float) -> Value:
        """One number per image, (batch, 1, 1, 1)."""
        seed = None if self.seed is None else self.seed + self._draws
        self._draws += 1
        return K.random_uniform([dims_of(x)[0], 1, 1, 1], low, high, dtype=K.dtype(x), seed=seed)

    def _axes(self) -> tuple[int, int]:
        return (2, 3) if self.data_format == "channels_first" else (1, 2)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class RandomFlip(_Random):
    """Each image mirrored, or not, with equal chances.

    Args:
        mode: "horizontal", "vertical" or "horizontal_and_vertical".
        seed: of the random numbers; None draws one from numpy's global generator.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols).
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        if mode not in ("horizontal", "vertical", "horizontal_and_vertical"):
            raise ValueError(
                "RandomFlip: mode must be 'horizontal', 'vertical' or 'horizontal_and_vertical'; found "
                f"{mode!r}."
            )
        self.mode = mode

    def _augmented(self, x: Value) -> Value:
        rows, columns = self._axes()
        for name, axis in (("horizontal", columns), ("vertical", rows)):
            if name in self.mode:
                chosen = op.Less(self._uniform(x, 0.0, 1.0), tensor(0.5, x.dtype))
                x = op.Where(chosen, K.reverse(x, axis), x)
        return x

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mode": self.mode,
            "seed": self.seed,
            "data_format": self.data_format,
        }


class RandomContrast(_Random):
    """Differences from the mean of each channel, scaled by a random factor per image.

    Args:
        factor: the scale is 1 - factor to 1 + factor; or a pair (lower, upper).
        value_range: results are cut off to it, (0, 255).
        seed: of the random numbers; None draws one from numpy's global generator.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols).
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = factor
        self.value_range = list(value_range)
        lower, upper = _bounds(self, "factor", factor)
        self._scale = (1.0 + lower, 1.0 + upper)

    def _augmented(self, x: Value) -> Value:
        mean = op.ReduceMean(x, list(self._axes()), keepdims=1)
        return K.clip((x - mean) * self._uniform(x, *self._scale) + mean, *map(float, self.value_range))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factor": self.factor,
            "value_range": self.value_range,
            "seed": self.seed,
            "data_format": self.data_format,
        }


class RandomBrightness(_Random):
    """A random number per image added to all its values.

    Args:
        factor: -factor to factor, or a pair (lower, upper), in parts of the value range.
        value_range: results are cut off to it, (0, 255).
        seed: of the random numbers; None draws one from numpy's global generator.

    Input and output: (batch, rows, cols, channels).
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, kwargs.pop("data_format", None), **kwargs)
        self.factor = factor
        self.value_range = list(value_range)
        self._bounds = _bounds(self, "factor", factor)

    def _augmented(self, x: Value) -> Value:
        low, high = map(float, self.value_range)
        added = self._uniform(x, *self._bounds) * (high - low)
        return K.clip(x + added, low, high)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factor": self.factor,
            "value_range": self.value_range,
            "seed": self.seed,
        }


class _Affine(_Random):
    """A random map of the plane per image. Emits ONNX AffineGrid and GridSample.

    A subclass says in ``_map`` which point of the image a point of the result shows.
    """

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        if fill_mode not in _PADDING:
            raise ValueError(
                f"{type(self).__name__}: fill_mode must be 'reflect', 'wrap', 'constant' or 'nearest'; found "
                f"{fill_mode!r}."
            )
        if interpolation not in _INTERPOLATION:
            raise ValueError(
                f"{type(self).__name__}: interpolation must be 'bilinear' or 'nearest'; found "
                f"{interpolation!r}."
            )
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.fill_value = fill_value

    def _map(self, x: Value) -> list[Any]:
        """[a, b, c, d, e, f]: column a x + b y + c and row d x + e y + f, from -1 to 1 over the image."""
        raise NotImplementedError

    def _augmented(self, x: Value) -> Value:
        last = self.data_format == "channels_last"
        x = op.Transpose(x, perm=[0, 3, 1, 2]) if last else x
        blank = self._uniform(x, 0.0, 1.0) * 0.0
        entries = [op.Reshape(blank + entry, [-1, 1]) for entry in self._map(x)]
        theta = op.Reshape(op.Concat(*entries, axis=1), [-1, 2, 3])
        grid = op.AffineGrid(theta, op.Shape(x), align_corners=0)
        if self.fill_mode == "wrap":  # points beyond an edge come in at the other
            grid = op.Sub(grid, op.Floor((grid + 1.0) * 0.5) * 2.0)
        filled = self.fill_value if self.fill_mode == "constant" else 0.0
        mode, padding = _INTERPOLATION[self.interpolation], _PADDING[self.fill_mode]
        y = op.GridSample(x - filled if filled else x, grid, mode=mode, padding_mode=padding, align_corners=0)
        y = y + filled if filled else y
        return op.Transpose(y, perm=[0, 2, 3, 1]) if last else y

    def _fill_config(self) -> dict[str, Any]:
        return {
            "fill_mode": self.fill_mode,
            "interpolation": self.interpolation,
            "seed": self.seed,
            "fill_value": self.fill_value,
            "data_format": self.data_format,
        }


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
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        self._rows = _bounds(self, "height_factor", height_factor)
        self._columns = _bounds(self, "width_factor", width_factor)

    def _map(self, x: Value) -> list[Any]:
        return [
            1.0,
            0.0,
            self._uniform(x, *self._columns) * -2.0,
            0.0,
            1.0,
            self._uniform(x, *self._rows) * -2.0,
        ]

    def get_config(self) -> dict[str, Any]:
        factors = {"height_factor": self.height_factor, "width_factor": self.width_factor}
        return {**super().get_config(), **factors, **self._fill_config()}


class RandomRotation(_Affine):
    """Each image turned by a random angle around its middle.

    Args:
        factor: -factor to factor, or a pair (lower, upper), in full turns; positive is counter-clockwise.
        fill_mode, interpolation, seed, fill_value, data_format: those of ``RandomTranslation``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols), of known size.
    """

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
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = factor
        self._bounds = _bounds(self, "factor", factor)

    def _map(self, x: Value) -> list[Any]:
        rows, columns = K.int_shape(x)[2:]
        if rows is None or columns is None:
            raise ValueError(
                f"Layer {self.name}: turning needs images of known size, found {K.int_shape(x)}."
            )
        angle = self._uniform(x, *self._bounds) * (2.0 * math.pi)
        cosine, sine = op.Cos(angle), op.Sin(angle)
        return [cosine, sine * (-rows / columns), 0.0, sine * (columns / rows), cosine, 0.0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, **self._fill_config()}


class RandomZoom(_Affine):
    """Each image enlarged or shrunk by random factors around its middle.

    Args:
        height_factor: -factor to factor, or a pair (lower, upper); positive shows more of the scene.
        width_factor: the same for the width, None to keep the proportions.
        fill_mode, interpolation, seed, fill_value, data_format: those of ``RandomTranslation``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols).
    """

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
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        self._rows = _bounds(self, "height_factor", height_factor)
        self._columns = None if width_factor is None else _bounds(self, "width_factor", width_factor)

    def _map(self, x: Value) -> list[Any]:
        rows = self._uniform(x, *self._rows) + 1.0
        columns = rows if self._columns is None else self._uniform(x, *self._columns) + 1.0
        return [columns, 0.0, 0.0, 0.0, rows, 0.0]

    def get_config(self) -> dict[str, Any]:
        factors = {"height_factor": self.height_factor, "width_factor": self.width_factor}
        return {**super().get_config(), **factors, **self._fill_config()}


def _bounds(layer: Layer, name: str, factor: Any) -> tuple[float, float]:
    """(lower, upper) of a factor that is a number (both signs) or a pair.

    Raises:
        ValueError: for anything else, or an upper below the lower.
    """
    pair = factor if isinstance(factor, list | tuple) else (-factor, factor) if _is_number(factor) else ()
    if len(pair) != 2 or not all(_is_number(x) for x in pair) or pair[0] > pair[1]:
        raise ValueError(
            f"{type(layer).__name__}: {name} must be a positive number or a pair (lower, upper), found "
            f"{factor!r}."
        )
    return float(pair[0]), float(pair[1])


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float | np.number) and not isinstance(x, bool)
