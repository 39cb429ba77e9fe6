"""Normalizations of later Keras versions: over features, groups of channels, to unit length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Value, op
from .. import backend as K
from .. import registry
from ..backend.tensors import filled, known_shape, static_sizes
from ..core.layer import Layer
from ..declaration import Argument, configured, converted
from .arguments import positive_int, weight_arguments
from .same_shape import SameShape


def _one_or_many(layer: Layer, name: str, axis: Any) -> Any:
    """``axis`` as an int, or as a list of ints where there are several."""
    axes = list(axis) if isinstance(axis, list | tuple) else [axis]
    for one in axes:
        if isinstance(one, bool) or not isinstance(one, int | np.integer):
            raise ValueError(
                f"{type(layer).__name__}: axis must be an int or a list of ints, found {axis!r}."
            )
    return int(axes[0]) if len(axes) == 1 else [int(one) for one in axes]


def _groups(layer: Layer, name: str, value: Any) -> int:
    return value if value == -1 else positive_int(layer, name, value)


class _Affine(SameShape):
    """What layers with an optional gamma and beta share."""

    def _add_affine(self, shape: Sequence[int], scale: bool, center: bool) -> None:
        self.gamma = self.add_weight("gamma", shape, **weight_arguments(self, "gamma")) if scale else None
        self.beta = self.add_weight("beta", shape, **weight_arguments(self, "beta")) if center else None


class LayerNormalization(_Affine):
    """Normalizes each sample over its features: ``gamma * (x - mean) / sqrt(variance + epsilon) + beta``.

    Args:
        axis: the axis or axes to normalize over (default -1).
        epsilon: added to the variance (default 0.001).
        center: whether there is beta.
        scale: whether there is gamma.
        beta_initializer, gamma_initializer: name or Initializer.
        beta_regularizer, gamma_regularizer: Regularizer or None.
        beta_constraint, gamma_constraint: Constraint or None.
        rms_scaling: True only divides by the root of the variance and multiplies by gamma; there is no beta.

    Input and output: any shape whose sizes along ``axis`` are known.
    Weights: gamma, beta, each of the sizes along ``axis``. Emits ONNX LayerNormalization. (Ba et al. 2016)

    Raises:
        ValueError: for an axis that the input lacks, or whose size is unknown.
    """

    @configured(axis=_one_or_many, rms_scaling=Argument(converted(bool), written="changed"))
    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        rms_scaling: bool = False,
        **kwargs: Any,
    ) -> None: ...

    def build(self, input_shape: Any) -> None:
        self._axes, shape = _sizes_along(self, input_shape, self.axis)
        self._add_affine(
            shape, scale=self.scale or self.rms_scaling, center=self.center and not self.rms_scaling
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        axes = sorted(self._axes)
        if self.rms_scaling:
            return self._scaled(inputs, axes)
        x, back = _axes_last(inputs, axes)
        sizes = [inputs.shape[axis] for axis in axes]
        gamma: Any = self.gamma
        beta: Any = self.beta
        if axes != self._axes:
            gamma = None if gamma is None else op.Reshape(gamma, sizes)
            beta = None if beta is None else op.Reshape(beta, sizes)
        if gamma is None:
            gamma = filled(1.0, sizes, inputs.dtype)
        y = op.LayerNormalization(
            x, gamma, beta, axis=inputs.rank - len(axes), epsilon=self.epsilon, outputs=1
        )
        return y if back is None else op.Transpose(y, perm=back)

    def _scaled(self, x: Value, axes: list[int]) -> Value:
        """``gamma * x / sqrt(variance + epsilon)``."""
        centred = op.Sub(x, op.ReduceMean(x, axes, keepdims=1))
        variance = op.ReduceMean(op.Mul(centred, centred), axes, keepdims=1)
        sizes: list[Any] = [size if i in axes else 1 for i, size in enumerate(static_sizes(x))]
        assert self.gamma is not None
        return op.Mul(op.Div(x, op.Sqrt(variance + self.epsilon)), op.Reshape(self.gamma, sizes))


class GroupNormalization(_Affine):
    """Normalizes each sample over groups of its channels and all other axes.

    Args:
        groups: number of groups, which divides the channels; -1 gives each channel its own (instance
            normalization). Default 32.
        axis: the axis of the channels (default -1).
        epsilon: added to the variance (default 0.001).
        center: whether there is beta.
        scale: whether there is gamma.
        beta_initializer, gamma_initializer: name or Initializer.
        beta_regularizer, gamma_regularizer: Regularizer or None.
        beta_constraint, gamma_constraint: Constraint or None.

    Input and output: (batch, ..., channels), or the channels on another axis.
    Weights: gamma, beta, each (channels,). Emits ONNX GroupNormalization. (Wu, He 2018)

    Raises:
        ValueError: for an axis that the input lacks, or channels that ``groups`` does not divide.
    """

    groups: int

    @configured(groups=_groups, axis=_one_or_many)
    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None: ...

    def build(self, input_shape: Any) -> None:
        (axis,), (channels,) = _sizes_along(self, input_shape, self.axis)
        self._channels = axis
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ValueError(
                f"Layer {self.name}: the {channels} channels of the input {tuple(input_shape)} do not fall "
                f"into groups={self.groups}."
            )
        self._add_affine((channels,), self.scale, self.center)
        self.built = True

    def call(self, inputs: Any) -> Any:
        forth = [0, self._channels, *(i for i in range(1, inputs.rank) if i != self._channels)]
        x = op.Transpose(inputs, perm=forth)
        flat = inputs.rank == 2
        if flat:  # the operator wants an axis beside the channels
            x = op.Unsqueeze(x, [2])
        size = inputs.shape[self._channels]
        gamma = filled(1.0, [size], inputs.dtype) if self.gamma is None else self.gamma
        beta = filled(0.0, [size], inputs.dtype) if self.beta is None else self.beta
        y = op.GroupNormalization(x, gamma, beta, num_groups=self.groups, epsilon=self.epsilon)
        y.refine(known_shape(x))
        y = op.Squeeze(y, [2]) if flat else y
        return op.Transpose(y, perm=[int(i) for i in np.argsort(forth)])


class UnitNormalization(SameShape):
    """Divides by the Euclidean norm along an axis or axes.

    Args:
        axis: int, or a list of them (default -1).

    Input and output: any shape. The square of the norm counts at least 1e-12.
    """

    @configured(axis=_one_or_many)
    def __init__(self, axis: Any = -1, **kwargs: Any) -> None: ...

    def call(self, inputs: Any) -> Any:
        return K.l2_normalize(inputs, self.axis)


class RMSNormalization(SameShape):
    """Divides by the root of the mean square: ``scale * x / sqrt(mean(x^2) + epsilon)``.

    Args:
        axis: the axis or axes of the mean (default -1).
        epsilon: added to the mean square (default 1e-6).

    Input and output: any shape whose sizes along ``axis`` are known.
    Weights: scale, of the sizes along ``axis``. (Zhang, Sennrich 2019)
    """

    @configured(axis=_one_or_many)
    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None: ...

    def build(self, input_shape: Any) -> None:
        self._axes, shape = _sizes_along(self, input_shape, self.axis)
        self.scale = self.add_weight("scale", shape, initializer="ones")
        self.built = True

    def call(self, inputs: Any) -> Any:
        axes = sorted(self._axes)
        sizes = [inputs.shape[i] if i in axes else 1 for i in range(inputs.rank)]
        mean_square = op.ReduceMean(op.Mul(inputs, inputs), axes, keepdims=1)
        normal = op.Div(inputs, op.Sqrt(mean_square + self.epsilon))
        return op.Mul(normal, op.Reshape(self.scale, sizes[axes[0] :]))


def _sizes_along(layer: Layer, input_shape: Any, axis: Any) -> tuple[list[int], list[int]]:
    """The axes, counted from the front, and the sizes along them.

    Raises:
        ValueError: for an axis that the shape lacks, that is named twice, or whose size is unknown.
    """
    rank = len(input_shape)
    given = axis if isinstance(axis, list) else [axis]
    axes = [one % rank for one in given if -rank <= one < rank]
    if not axes or len(axes) < len(given) or len(set(axes)) < len(axes):
        raise ValueError(
            f"Layer {layer.name}: axis={axis} does not name axes of an input of shape {tuple(input_shape)}."
        )
    sizes = [input_shape[one] for one in axes]
    if None in sizes:
        raise ValueError(
            f"Layer {layer.name}: the sizes along axis={axis} must be known; the input has the shape "
            f"{tuple(input_shape)}."
        )
    return axes, sizes


def _axes_last(x: Value, axes: list[int]) -> tuple[Value, list[int] | None]:
    """``x`` with ``axes`` moved to the end, and the permutation that moves them back (None: not moved)."""
    rank = len(static_sizes(x))
    if axes == list(range(rank - len(axes), rank)):
        return x, None
    forth = [i for i in range(rank) if i not in axes] + axes
    return op.Transpose(x, perm=forth), [int(i) for i in np.argsort(forth)]


registry.register(globals(), listed=True)
