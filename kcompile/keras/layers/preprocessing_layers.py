"""Preprocessing as layers: scaling, normalization by statistics of data, resizing, cropping, categories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...ir import Constant, Value, name_scope, op
from .. import backend as K
from ..backend.tensors import dims_of, refine, shape_vector, tensor
from ..engine.base_layer import InputSpec, Layer
from .arguments import positive_int, refuse_unless_default, spatial_sizes, with_spatial_sizes


def as_float(layer: Layer, x: Any) -> Any:
    """``x`` in the float type of the layer: images come as integers too."""
    dtype = layer.dtype if layer.dtype.startswith(("float", "bfloat")) else K.floatx()
    return x if K.dtype(x) == dtype else K.cast(x, dtype)


class Rescaling(Layer):
    """``x * scale + offset``, such as 1 / 255 for images.

    Args:
        scale: number, or a list of one per channel.
        offset: number, or a list of one per channel.

    Input: any shape, of any numeric type; output: the same shape, float.
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.scale = _plain(scale)
        self.offset = _plain(offset)

    def call(self, inputs: Any) -> Any:
        x = as_float(self, inputs)
        return op.Add(op.Mul(x, tensor(self.scale, x.dtype)), tensor(self.offset, x.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}


class Normalization(Layer):
    """``(x - mean) / sqrt(variance)``, with statistics that are given or taken from data by ``adapt``.

    Args:
        axis: axis or axes that have statistics of their own (default -1); None for one mean of everything.
        mean, variance: statistics; None to take them from data, as weights.
        invert: whether to turn normalized values back.

    Input and output: any shape whose sizes along ``axis`` are known. The root of the variance counts at least
    1e-7.
    Weights, unless mean and variance are given: mean, variance (sizes along axis), count (); not trainable.

    Raises:
        ValueError: if only one of mean and variance is given, or an axis does not fit.
    """

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis = () if axis is None else tuple(axis) if isinstance(axis, list | tuple) else (axis,)
        if (mean is None) != (variance is None):
            raise ValueError(
                f"Normalization: give both mean and variance, or neither; found mean={mean!r} and "
                f"variance={variance!r}."
            )
        self.input_mean = _plain(mean)
        self.input_variance = _plain(variance)
        self.invert = invert

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                f"Layer {self.name}: axis={self.axis} does not fit an input of shape {tuple(input_shape)}."
            )
        kept = sorted(axis % rank for axis in self.axis)
        if any(input_shape[axis] is None for axis in kept):
            raise ValueError(
                f"Layer {self.name}: the sizes along axis={self.axis} must be known; the input has the shape "
                f"{tuple(input_shape)}."
            )
        self._kept = kept
        self._broadcast = [input_shape[i] if i in kept else 1 for i in range(rank)]
        if self.input_mean is None:
            shape = [input_shape[axis] for axis in kept]
            self.mean = self.add_weight("mean", shape, initializer="zeros", trainable=False)
            self.variance = self.add_weight("variance", shape, initializer="ones", trainable=False)
            self.count = self.add_weight("count", (), initializer="zeros", dtype="int32", trainable=False)
        self.built = True

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Takes mean and variance from data, of all of it anew.

        Args:
            data: array, or iterable of batches (the first entry of pairs counts).
            batch_size: accepted; arrays are taken whole.
            steps: number of batches to look at, None for all.

        Raises:
            ValueError: if the statistics were given to the constructor, or there is no data.
        """
        if self.input_mean is not None:
            raise ValueError(
                f"Layer {self.name}: mean and variance were given to the constructor; there is nothing to "
                "adapt."
            )
        total, squares, count = 0.0, 0.0, 0
        for batch in _batches(data, steps):
            if not self.built:
                with name_scope(self.name):
                    self.build((None, *batch.shape[1:]))
            axes = tuple(i for i in range(batch.ndim) if i not in self._kept)
            total = total + batch.sum(axes)
            squares = squares + np.square(batch).sum(axes)
            count += int(np.prod([batch.shape[i] for i in axes], dtype=np.int64))
        if not count:
            raise ValueError(f"Layer {self.name}: there is no data to adapt to.")
        mean = total / count
        self.mean.assign(np.asarray(mean, self.mean.dtype))
        self.variance.assign(np.asarray(np.maximum(squares / count - mean**2, 0.0), self.mean.dtype))

    def call(self, inputs: Any) -> Any:
        x = as_float(self, inputs)
        if self.input_mean is None:
            mean, variance = (op.Reshape(v, self._broadcast) for v in (self.mean, self.variance))
        else:
            mean, variance = (self._given(v, x.dtype) for v in (self.input_mean, self.input_variance))
        deviation = op.Max(op.Sqrt(variance), tensor(K.epsilon(), x.dtype))
        if self.invert:
            return op.Add(mean, op.Mul(x, deviation))
        return op.Div(op.Sub(x, mean), deviation)

    def _given(self, value: Any, dtype: Any) -> Value:
        array = np.asarray(value, dtype)
        return Constant(np.broadcast_to(array, self._broadcast) if array.ndim < 2 else array)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis if len(self.axis) != 1 else self.axis[0],
            "invert": self.invert,
            "mean": self.input_mean,
            "variance": self.input_variance,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        axis = config.get("axis", -1)
        return cls(**{**config, "axis": None if axis == () or axis == [] else axis})


_MODES = {
    "nearest": {"mode": "nearest", "nearest_mode": "round_prefer_ceil"},
    "bilinear": {"mode": "linear"},
}


class _ImageLayer(Layer):
    """A layer over images that gives them the size (height, width)."""

    def __init__(self, height: int, width: int, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height = positive_int(self, "height", height)
        self.width = positive_int(self, "width", width)
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=4)

    def _sizes(self, inputs: Any, what: str) -> tuple[int, int]:
        """Rows and columns of the images.

        Raises:
            ValueError: if they are unknown.
        """
        rows, columns = spatial_sizes(K.int_shape(inputs), self.data_format)
        if rows is None or columns is None:
            raise ValueError(
                f"Layer {self.name} ({type(self).__name__}): {what} needs images of known size; the input "
                f"has the shape {K.int_shape(inputs)}."
            )
        return rows, columns

    def _axes(self) -> list[int]:
        return [2, 3] if self.data_format == "channels_first" else [1, 2]

    def _cropped(self, x: Value, top: int, left: int, rows: int, columns: int) -> Value:
        return op.Slice(x, [top, left], [top + rows, left + columns], self._axes())

    def _resized(self, x: Value, interpolation: str, antialias: bool = False) -> Value:
        """Half-pixel centres, as TensorFlow 2 and every later Keras have it."""
        last = self.data_format == "channels_last"
        x = op.Transpose(x, perm=[0, 3, 1, 2]) if last else x
        options: dict[str, Any] = {**_MODES[interpolation], "coordinate_transformation_mode": "half_pixel"}
        if antialias and interpolation != "nearest":
            options["antialias"] = 1
        sizes = shape_vector([*dims_of(x)[:2], self.height, self.width])
        y = op.Resize(x, None, None, sizes, **options)
        y = refine(y, [None, x.shape[1] if isinstance(x.shape[1], int) else None, self.height, self.width])
        return op.Transpose(y, perm=[0, 2, 3, 1]) if last else y

    def _cropped_to_aspect(self, x: Value) -> Value:
        """The largest part from the middle that has the proportions of the new size."""
        rows, columns = self._sizes(x, "keeping the aspect ratio")
        new_rows = max(min(rows, int(columns * self.height / self.width)), 1)
        new_columns = max(min(columns, int(rows * self.width / self.height)), 1)
        return self._cropped(x, (rows - new_rows) // 2, (columns - new_columns) // 2, new_rows, new_columns)

    def compute_output_shape(self, input_shape: Any) -> Any:
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        return with_spatial_sizes(input_shape, [self.height, self.width], channels, self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "height": self.height,
            "width": self.width,
            "data_format": self.data_format,
        }


class Resizing(_ImageLayer):
    """Images resized to (height, width).

    Args:
        height, width: the new size.
        interpolation: "bilinear" or "nearest", with half-pixel centres (onnxruntime's bicubic kernel
            does not serve every layout).
        crop_to_aspect_ratio: first cut images to the proportions of the new size.
        pad_to_aspect_ratio: first fill images up to the proportions of the new size.
        fill_mode: "constant".
        fill_value: what to fill up with.
        antialias: whether to smooth while shrinking.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols); output: the same layout, float.
    Emits ONNX Resize.

    Raises:
        ValueError: for another interpolation, or an aspect ratio to keep of images of unknown size.
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(height, width, data_format, **kwargs)
        interpolation = str(interpolation).lower()
        if interpolation not in _MODES:
            raise ValueError(
                f"Resizing: interpolation must be one of {', '.join(_MODES)}; found {interpolation!r}."
            )
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("Resizing: crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other.")
        if fill_mode != "constant":
            raise ValueError(f"Resizing: fill_mode must be 'constant', found {fill_mode!r}.")
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = antialias

    def call(self, inputs: Any, training: Any = None) -> Any:
        x = as_float(self, inputs)
        if self.crop_to_aspect_ratio:
            x = self._cropped_to_aspect(x)
        elif self.pad_to_aspect_ratio:
            x = self._filled_up(x)
        return self._resized(x, self.interpolation, self.antialias)

    def _filled_up(self, x: Value) -> Value:
        rows, columns = self._sizes(x, "keeping the aspect ratio")
        above = (max(rows, int(columns * self.height / self.width)) - rows) // 2
        left = (max(columns, int(rows * self.width / self.height)) - columns) // 2
        return op.Pad(x, [above, left, above, left], tensor(self.fill_value, x.dtype), self._axes())

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "interpolation": self.interpolation,
            "crop_to_aspect_ratio": self.crop_to_aspect_ratio,
            "pad_to_aspect_ratio": self.pad_to_aspect_ratio,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "antialias": self.antialias,
        }


class CenterCrop(_ImageLayer):
    """The middle (height, width) of images; smaller images are cut to its proportions and enlarged.

    Args:
        height, width: the new size.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols), of known size; output: the same
    layout, float.

    Raises:
        ValueError: for images of unknown size.
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(height, width, data_format, **kwargs)

    def call(self, inputs: Any, training: Any = None) -> Any:
        x = as_float(self, inputs)
        rows, columns = self._sizes(x, "cropping")
        if rows < self.height or columns < self.width:
            return self._resized(self._cropped_to_aspect(x), "bilinear")
        top, left = (rows - self.height) // 2, (columns - self.width) // 2
        return self._cropped(x, top, left, self.height, self.width)


def encoded(indices: Value, count: int, mode: str, dtype: str, weights: Any = None) -> Value:
    """Categories as vectors.

    Args:
        indices: integers (batch, ..., n).
        mode: "one_hot" (a last axis of size 1 gives way to the vector), "multi_hot" (1 for each of the n
            categories) or "count" (how often each occurs, or the sum of its weights).
    """
    hot = op.OneHot(indices, Constant(np.int64(count)), Constant(np.array([0, 1], dtype)), axis=-1)
    if mode == "one_hot":
        return op.Squeeze(hot, [-2]) if indices.shape[-1] == 1 and indices.rank > 1 else hot
    if indices.rank < 2:
        return hot
    if mode == "multi_hot":
        return op.ReduceMax(hot, [-2], keepdims=0)
    if weights is not None:
        hot = op.Mul(hot, op.Unsqueeze(K.cast(weights, dtype), [-1]))
    return op.ReduceSum(hot, [-2], keepdims=0)


class CategoryEncoding(Layer):
    """Integer categories as one-hot, multi-hot or count vectors.

    Args:
        num_tokens: number of categories, 0 to num_tokens - 1.
        output_mode: "multi_hot", "one_hot" or "count".

    Call arguments:
        count_weights: (batch, n), what each entry counts, for "count".

    Input: (batch, n) integers; output: (batch, num_tokens), for "one_hot" (batch, n, num_tokens) unless n is
    1.
    """

    def __init__(self, num_tokens: int | None = None, output_mode: str = "multi_hot", **kwargs: Any) -> None:
        refuse_unless_default(self, kwargs, {"sparse": False})
        super().__init__(**kwargs)
        if output_mode not in ("multi_hot", "one_hot", "count"):
            raise ValueError(
                "CategoryEncoding: output_mode must be 'multi_hot', 'one_hot' or 'count'; found "
                f"{output_mode!r}."
            )
        self.num_tokens = positive_int(self, "num_tokens", num_tokens)
        self.output_mode = output_mode

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(f"Layer {self.name}: count_weights are for output_mode='count'.")
        dtype = self.dtype if self.dtype.startswith("float") else K.floatx()
        return encoded(K.cast(inputs, "int64"), self.num_tokens, self.output_mode, dtype, count_weights)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}


class Discretization(Layer):
    """The number of the bin that each value falls into.

    Args:
        bin_boundaries: rising numbers; bin i holds values from boundary i - 1 (included) to boundary i. None
            to take them from data by ``adapt``.
        num_bins: number of bins that ``adapt`` makes, each with about as many values.
        epsilon: accepted; ``adapt`` takes exact quantiles.
        output_mode: "int", "one_hot", "multi_hot" or "count".

    Input: numbers of any shape; output: int64 of that shape, or vectors as CategoryEncoding has them.

    Raises:
        ValueError: unless one of bin_boundaries and num_bins is given.
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        **kwargs: Any,
    ) -> None:
        refuse_unless_default(self, kwargs, {"sparse": False})
        super().__init__(**kwargs)
        if output_mode not in ("int", "one_hot", "multi_hot", "count"):
            raise ValueError(
                "Discretization: output_mode must be 'int', 'one_hot', 'multi_hot' or 'count'; found "
                f"{output_mode!r}."
            )
        if bin_boundaries is None and num_bins is None:
            raise ValueError("Discretization: give bin_boundaries, or num_bins to adapt to data.")
        self.bin_boundaries = None if bin_boundaries is None else [float(x) for x in bin_boundaries]
        self.num_bins = num_bins
        self.epsilon = epsilon
        self.output_mode = output_mode

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Takes boundaries from data: the quantiles that part it into num_bins bins.

        Raises:
            ValueError: if the boundaries were given to the constructor, or there is no data.
        """
        if self.num_bins is None:
            raise ValueError(f"Layer {self.name}: bin_boundaries were given; there is nothing to adapt.")
        values = [batch.ravel() for batch in _batches(data, steps)]
        if not sum(len(v) for v in values):
            raise ValueError(f"Layer {self.name}: there is no data to adapt to.")
        parts = np.linspace(0, 1, self.num_bins + 1)[1:-1]
        self.bin_boundaries = [float(x) for x in np.quantile(np.concatenate(values), parts)]

    def call(self, inputs: Any) -> Any:
        if self.bin_boundaries is None:
            raise ValueError(f"Layer {self.name}: call adapt(data) first, or give bin_boundaries.")
        x = K.cast(inputs, K.floatx())
        boundaries = tensor(np.array(self.bin_boundaries, x.dtype))
        behind = op.GreaterOrEqual(op.Unsqueeze(x, [-1]), boundaries)
        bins = op.ReduceSum(K.cast(behind, "int64"), [-1], keepdims=0)
        if self.output_mode == "int":
            return bins
        return encoded(bins, len(self.bin_boundaries) + 1, self.output_mode, K.floatx())

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
        }


def _plain(value: Any) -> Any:
    """Numbers and lists as configs hold them."""
    if isinstance(value, dict) and "config" in value:  # how Keras 3 writes an array
        value = value["config"].get("value")
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _batches(data: Any, steps: int | None) -> Iterable[np.ndarray]:
    """Batches as float64 arrays, of an array or an iterable of arrays or (x, ...) pairs."""
    if isinstance(data, np.ndarray) or isinstance(data, Sequence) and not hasattr(data, "__next__"):
        batches: Iterable[Any] = [data] if not hasattr(data, "on_epoch_end") else data
    else:
        batches = data
    for i, batch in enumerate(batches):
        if steps is not None and i >= steps:
            return
        batch = batch[0] if isinstance(batch, tuple) else batch
        array = np.asarray(batch, np.float64)
        yield array[:, None] if array.ndim == 1 else array
