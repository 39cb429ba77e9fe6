"""Activations with parameters of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir import op
from .. import backend as K
from .. import registry
from ..core.layer import InputSpec, Layer
from ..declaration import configured, converted, only
from ..legacy.old_names import answer_old_names
from .arguments import weight_arguments
from .same_shape import SameShape


def _rounded(x: Any) -> float:
    """A number as the float type of the layers keeps it."""
    return float(K.cast_to_floatx(x))


def _not_negative(layer: Layer, name: str, value: float | None) -> float | None:
    if value is not None and value < 0.0:
        raise ValueError(f"{name} of ReLU layer cannot be negative value: {value}")
    return None if value is None else _rounded(value)


def _list_of_axes(layer: Layer, name: str, value: Any) -> list[int] | None:
    if value is None:
        return None
    return list(value) if isinstance(value, list | tuple) else [value]


class LeakyReLU(SameShape):
    """x where x > 0, else alpha * x.

    Args:
        alpha: slope below 0 (``negative_slope``, its later name, is taken too).

    Input and output: any shape. (Maas et al. 2013)
    """

    @configured(alpha=converted(_rounded))
    def __init__(self, alpha: float = 0.3, **kwargs: Any) -> None: ...

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        arguments["alpha"] = arguments.pop("negative_slope", arguments["alpha"])  # its name in Keras 3

    def call(self, inputs: Any) -> Any:
        return K.relu(inputs, alpha=self.alpha)


class PReLU(SameShape):
    """x where x > 0, else alpha * x with an alpha that is learned.

    Args:
        alpha_initializer: name or Initializer.
        alpha_regularizer: Regularizer or None.
        alpha_constraint: Constraint or None.
        shared_axes: axes along which one alpha serves, such as [1, 2] for the rows and columns of images.

    Input and output: (batch, ...).
    Weights: alpha, shape of one sample with 1 on the shared axes. Emits ONNX PRelu. (He et al. 2015)

    Raises:
        ValueError: for a shared axis that the input lacks.
    """

    @configured(shared_axes=_list_of_axes)
    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None: ...

    def build(self, input_shape: Any) -> None:
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            if not 1 <= axis <= len(shape):
                raise ValueError(
                    f"Layer {self.name}: shared_axes {self.shared_axes} must lie between 1 and {len(shape)} "
                    f"for an input of shape {input_shape}."
                )
            shape[axis - 1] = 1
        self.alpha = self.add_weight("alpha", shape, **weight_arguments(self, "alpha"))
        shared = self.shared_axes or ()
        axes = {i: size for i, size in enumerate(input_shape) if i > 0 and i not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        return op.PRelu(inputs, self.alpha)


class ELU(SameShape):
    """x where x > 0, else alpha * (exp(x) - 1).

    Args:
        alpha: scale below 0.

    Input and output: any shape. (Clevert et al. 2015)
    """

    @configured(alpha=converted(_rounded))
    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None: ...

    def call(self, inputs: Any) -> Any:
        return K.elu(inputs, self.alpha)


class ThresholdedReLU(SameShape):
    """x where x > theta, else 0.

    Args:
        theta: the threshold, at least 0.

    Input and output: any shape. Emits ONNX ThresholdedRelu. (Konda et al. 2014)
    """

    @configured(theta=converted(_rounded))
    def __init__(self, theta: float = 1.0, **kwargs: Any) -> None: ...

    def call(self, inputs: Any, mask: Any = None) -> Any:
        return op.ThresholdedRelu(inputs, alpha=self.theta)


class Softmax(SameShape):
    """exp(x), normalized to a sum of 1 along an axis, or over several.

    Args:
        axis: the axis (default the last), or a list of them.

    Input and output: any shape.
    """

    @configured(robust_masking=only(False))
    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None: ...

    def call(self, inputs: Any) -> Any:
        if isinstance(self.axis, int):
            return K.softmax(inputs, axis=self.axis)
        axes = list(self.axis)
        powers = K.exp(inputs - K.max(inputs, axis=axes, keepdims=True))
        return powers / K.sum(powers, axis=axes, keepdims=True)


class ReLU(SameShape):
    """max_value above it, x down to the threshold, below that negative_slope * (x - threshold).

    Args:
        max_value: upper bound, None for none.
        negative_slope: slope below the threshold.
        threshold: where the slope changes.

    Input and output: any shape.

    Raises:
        ValueError: if max_value or negative_slope is negative.
    """

    @configured(max_value=_not_negative, negative_slope=_not_negative, threshold=converted(_rounded))
    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None: ...

    def call(self, inputs: Any) -> Any:
        return K.relu(inputs, alpha=self.negative_slope, max_value=self.max_value, threshold=self.threshold)


answer_old_names(__name__)
registry.register(globals(), listed=True)
