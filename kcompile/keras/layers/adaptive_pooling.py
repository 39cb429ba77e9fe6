"""Pooling to a given size, whatever the size of the input."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Constant, Value, claim_steps, op
from .. import backend as K
from .. import registry
from ..backend.tensors import dims_of, refine, shape_vector, static_sizes
from ..core.layer import InputSpec, Layer
from ..declaration import configured
from .arguments import data_format, positive_int, spatial_sizes, with_spatial_sizes

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
]


def _output_size(layer: Any, name: str, value: Any) -> tuple[int, ...]:
    sizes = value if isinstance(value, list | tuple) else (value,) * layer.rank
    if len(sizes) != layer.rank:
        raise ValueError(
            f"{type(layer).__name__}: output_size must be a number, or {layer.rank} of them; found {value!r}."
        )
    return tuple(positive_int(layer, name, size) for size in sizes)


class _AdaptivePooling(Layer):
    """Window i of ``output_size`` ones reaches from floor(i n / size) to ceil((i + 1) n / size)."""

    rank: int

    @configured(output_size=_output_size, data_format=data_format)
    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _pooled(self, x: Value, axis: int, old: int, new: int) -> Value:
        raise NotImplementedError

    def call(self, inputs: Any) -> Any:
        sizes = spatial_sizes(static_sizes(inputs), self.data_format)
        if None in sizes:
            raise ValueError(
                f"Layer {self.name} ({type(self).__name__}) needs an input of known size; found the shape "
                f"{K.int_shape(inputs)}."
            )
        first = 2 if self.data_format == "channels_first" else 1
        x = inputs
        for axis, (old, new) in enumerate(zip(sizes, self.output_size, strict=True), first):
            x = self._pooled(x, axis, old, new)
        return refine(x, self.compute_output_shape(K.int_shape(inputs)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        return with_spatial_sizes(input_shape, self.output_size, channels, self.data_format)


def _windows(old: int, new: int) -> tuple[np.ndarray, np.ndarray]:
    """First place and length of each window."""
    claim_steps(8 * (new + old), f"output_size={new}")
    places = np.arange(new)
    start, end = places * old // new, -(-(places + 1) * old // new)
    return start, end - start


class _AdaptiveAverage(_AdaptivePooling):
    def _pooled(self, x: Value, axis: int, old: int, new: int) -> Value:
        claim_steps(8 * old * new, f"output_size={new}")
        start, length = _windows(old, new)
        behind = np.arange(old) - start[:, None]
        weights = np.where((behind >= 0) & (behind < length[:, None]), 1 / length[:, None], 0.0)
        back = [i for i in range(len(static_sizes(x))) if i != axis] + [axis]
        means = op.MatMul(op.Transpose(x, perm=back), Constant(weights.T.astype(x.dtype)))
        return op.Transpose(means, perm=[int(i) for i in np.argsort(back)])


class _AdaptiveMax(_AdaptivePooling):
    def _pooled(self, x: Value, axis: int, old: int, new: int) -> Value:
        start, length = _windows(old, new)
        longest = int(length.max())  # shorter windows see their last place again
        places = start[:, None] + np.minimum(np.arange(longest), length[:, None] - 1)
        dims = dims_of(x)
        seen = op.Gather(x, Constant(places.reshape(-1)), axis=axis)
        seen = op.Reshape(seen, shape_vector([*dims[:axis], new, longest, *dims[axis + 1 :]]))
        return op.ReduceMax(seen, [axis + 1], keepdims=0)


class AdaptiveAveragePooling1D(_AdaptiveAverage):
    """The mean of each of ``output_size`` windows of steps.

    Args:
        output_size: number of windows.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, steps, features), or (batch, features, steps), of known size; output: the same layout.
    """

    rank = 1


class AdaptiveAveragePooling2D(_AdaptiveAverage):
    """The mean of each of ``output_size`` windows of rows and columns.

    Args:
        output_size: number of windows along rows and columns, one number or two.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, rows, cols, channels), or (batch, channels, rows, cols), of known size; output: the same
    layout.
    """

    rank = 2


class AdaptiveAveragePooling3D(_AdaptiveAverage):
    """The mean of each of ``output_size`` windows along three axes.

    Args:
        output_size: number of windows along each axis, one number or three.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, dim1, dim2, dim3, channels), or (batch, channels, dim1, dim2, dim3), of known size; output:
    the same layout.
    """

    rank = 3


class AdaptiveMaxPooling1D(_AdaptiveMax):
    """The largest element of each of ``output_size`` windows of steps.

    Args, input and output: those of ``AdaptiveAveragePooling1D``.
    """

    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMax):
    """The largest element of each of ``output_size`` windows of rows and columns.

    Args, input and output: those of ``AdaptiveAveragePooling2D``.
    """

    rank = 2


class AdaptiveMaxPooling3D(_AdaptiveMax):
    """The largest element of each of ``output_size`` windows along three axes.

    Args, input and output: those of ``AdaptiveAveragePooling3D``.
    """

    rank = 3


registry.register(globals())
