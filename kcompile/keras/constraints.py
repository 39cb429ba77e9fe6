"""Constraints: what a weight is made to satisfy after every update.

A constraint is any function of the weight that returns its new value, written with ``K``; it runs as part of
the training step.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import backend as K
from . import registry
from .declaration import configuration, configured
from .utils.generic_utils import deserialize_keras_object, interpreted
from .utils.generic_utils import serialize_keras_object as serialize_keras_object
from .utils.objects import serialized


class Constraint:
    """Base of the constraints: leaves the weight as it is."""

    def __call__(self, w: Any) -> Any:
        return w

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return configuration(self)


def _norm(w: Any, axis: int | Sequence[int]) -> Any:
    """Euclidean norms along ``axis``, which is kept with size one."""
    return K.sqrt(K.sum(K.square(w), axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """Scales weights down so that their norm is at most ``max_value``.

    Args:
        max_value: largest norm, 2.
        axis: axis or axes over which a norm is taken: 0 for a Dense kernel (input_dim, output_dim),
            [0, 1, 2] for a Conv2D kernel (rows, cols, input_depth, output_depth).

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
    """

    max_value: float
    axis: int | Sequence[int]

    @configured
    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None: ...

    def __call__(self, w: Any) -> Any:
        norms = _norm(w, self.axis)
        return w * (K.clip(norms, 0, self.max_value) / (K.epsilon() + norms))


class NonNeg(Constraint):
    """Sets negative weights to zero."""

    def __call__(self, w: Any) -> Any:
        return w * K.cast(K.greater_equal(w, 0.0), K.floatx())


class UnitNorm(Constraint):
    """Scales weights to norm 1.

    Args:
        axis: axis or axes over which a norm is taken, see MaxNorm.
    """

    axis: int | Sequence[int]

    @configured
    def __init__(self, axis: int | Sequence[int] = 0) -> None: ...

    def __call__(self, w: Any) -> Any:
        return w / (K.epsilon() + _norm(w, self.axis))


class MinMaxNorm(Constraint):
    """Scales weights so that their norm lies between two bounds.

    Args:
        min_value: least norm, 0.
        max_value: largest norm, 1.
        rate: how far to go in one step: the new norm is ``(1 - rate) * norm + rate * clip(norm, min, max)``.
        axis: axis or axes over which a norm is taken, see MaxNorm.
    """

    min_value: float
    max_value: float
    rate: float
    axis: int | Sequence[int]

    @configured
    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None: ...

    def __call__(self, w: Any) -> Any:
        norms = _norm(w, self.axis)
        desired = K.clip(norms, self.min_value, self.max_value) * self.rate + norms * (1 - self.rate)
        return w * (desired / (K.epsilon() + norms))


class RadialConstraint(Constraint):
    """Makes kernels of convolutions the same in all directions: square rings of equal weights.

    For kernels (rows, cols, input_depth, output_depth) with as many rows as columns. The weight of a ring is
    one on the diagonal, the same one that tf.keras takes.

    Raises:
        ValueError: for weights of another rank, or with other columns than rows.
    """

    def __call__(self, w: Any) -> Any:
        shape: Any = K.int_shape(w)
        if shape is None or len(shape) != 4 or shape[0] != shape[1]:
            raise ValueError(
                "RadialConstraint takes kernels (rows, cols, input_depth, output_depth) with as many rows as "
                f"columns; found a weight of shape {shape}."
            )
        size, *depths = shape[1:]
        rows = K.reshape(w, (size * size, *depths))
        return K.reshape(K.gather(rows, K.constant(_ring_sources(size), dtype="int32")), shape)


def _ring_sources(size: int) -> np.ndarray:
    """For each weight of a kernel (size * size,), the place of the one on the diagonal that it equals."""
    middle, is_even = size // 2, size % 2 == 0
    outwards = np.arange(size) - middle
    steps = np.where(outwards < 0, -outwards - is_even, outwards)
    ring = np.maximum(steps[:, None], steps[None, :])
    # rings around the middle start at it; the middle itself takes the weight before it
    source = np.where(ring == 0, middle - 1, middle - 1 + ring + is_even)
    return (source * (size + 1)).ravel() if size > 1 else np.zeros(1, np.int64)


max_norm = maxnorm = MaxNorm
non_neg = nonneg = NonNeg
unit_norm = unitnorm = UnitNorm
min_max_norm = MinMaxNorm
radial_constraint = RadialConstraint

_OBJECTS = {
    name: cls
    for cls, names in {
        Constraint: ("Constraint",),
        MaxNorm: ("MaxNorm", "max_norm", "maxnorm"),
        NonNeg: ("NonNeg", "non_neg", "nonneg"),
        UnitNorm: ("UnitNorm", "unit_norm", "unitnorm"),
        MinMaxNorm: ("MinMaxNorm", "min_max_norm"),
        RadialConstraint: ("RadialConstraint", "radial_constraint"),
    }.items()
    for name in names
}


def serialize(constraint: Any, use_legacy_format: bool = True) -> Any:
    """``{'class_name', 'config'}``, or the name of a function.

    Args:
        use_legacy_format: False for the form of tf.keras 2.12 and later, with module and registered name.
    """
    return serialized(constraint, use_legacy_format)


def deserialize(
    config: Any, custom_objects: dict[str, Any] | None = None, use_legacy_format: bool | None = None
) -> Any:
    """The constraint that ``serialize`` wrote.

    Args:
        use_legacy_format: of tf.keras; both forms are read.
    """
    return deserialize_keras_object(config, registry.names("constraint"), custom_objects, "constraint")


def get(identifier: Any) -> Any:
    """A constraint from a name, a config dict, a class or any function of a weight; None for None.

    Raises:
        ValueError: for an unknown name (the message lists near names) or anything else.
    """
    if identifier is None:
        return None
    found = interpreted(identifier, deserialize, "constraint", _OBJECTS)
    return found() if inspect.isclass(found) else found


registry.register(globals())
registry.name("constraint", _OBJECTS)
