"""Activations with parameters of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir import op
from .. import backend as K
from .. import registry
from ..core.layer import InputSpec, Layer
from ..legacy.old_names import answer_old_names
from .arguments import object_configs, refuse_unless_default, set_objects, weight_arguments


def _rounded(x: Any) -> float:
    """A number as the float type of the layers keeps it."""
    return float(K.cast_to_floatx(x))


class _Elementwise(Layer):
    """A layer that keeps shape and mask."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class LeakyReLU(_Elementwise):
    """x where x > 0, else alpha * x.

    Args:
        alpha: slope below 0 (``negative_slope``, its later name, is taken too).

    Input and output: any shape. (Maas et al. 2013)
    """

    def __init__(self, alpha: float = 0.3, **kwargs: Any) -> None:
        alpha = kwargs.pop("negative_slope", alpha)
        super().__init__(**kwargs)
        self.alpha = _rounded(alpha)

    def call(self, inputs: Any) -> Any:
        return K.relu(inputs, alpha=self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


class PReLU(_Elementwise):
    """x where x > 0, else alpha * x with an alpha that is learned.

    Args:
        alpha_initializer: name or Initializer.
        alpha_regularizer: Regularizer or None.
        alpha_constraint: Constraint or None.
        shared_axes: axes along which one alpha serves, such as [1, 2] for the rows and columns of images.

    Input and output: (batch, ...).
    Weights: alpha, shape of one sample with 1 on the shared axes. Emits ONNX PRelu. (He et al. 2015)
    """

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        set_objects(
            self,
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
        )
        if shared_axes is not None and not isinstance(shared_axes, list | tuple):
            shared_axes = [shared_axes]
        self.shared_axes = None if shared_axes is None else list(shared_axes)

    def build(self, input_shape: Any) -> None:
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            if not 1 <= axis <= len(shape):
                raise ValueError(
                    f"Layer {self.name}: shared_axes {self.shared_axes} must lie between 1 and {len(shape)} "
                    "for an "
                    f"input of shape {input_shape}."
                )
            shape[axis - 1] = 1
        self.alpha = self.add_weight("alpha", shape, **weight_arguments(self, "alpha"))
        shared = self.shared_axes or ()
        axes = {i: size for i, size in enumerate(input_shape) if i > 0 and i not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        return op.PRelu(inputs, self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **object_configs(self, "alpha_initializer", "alpha_regularizer", "alpha_constraint"),
            "shared_axes": self.shared_axes,
        }


class ELU(_Elementwise):
    """x where x > 0, else alpha * (exp(x) - 1).

    Args:
        alpha: scale below 0.

    Input and output: any shape. (Clevert et al. 2015)
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = _rounded(alpha)

    def call(self, inputs: Any) -> Any:
        return K.elu(inputs, self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


class ThresholdedReLU(_Elementwise):
    """x where x > theta, else 0.

    Args:
        theta: the threshold, at least 0.

    Input and output: any shape. Emits ONNX ThresholdedRelu. (Konda et al. 2014)
    """

    def __init__(self, theta: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.theta = _rounded(theta)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        return op.ThresholdedRelu(inputs, alpha=self.theta)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "theta": self.theta}


class Softmax(_Elementwise):
    """exp(x), normalized to a sum of 1 along an axis, or over several.

    Args:
        axis: the axis (default the last), or a list of them.

    Input and output: any shape.
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        refuse_unless_default(self, kwargs, {"robust_masking": False})
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        if isinstance(self.axis, int):
            return K.softmax(inputs, axis=self.axis)
        axes = list(self.axis)
        powers = K.exp(inputs - K.max(inputs, axis=axes, keepdims=True))
        return powers / K.sum(powers, axis=axes, keepdims=True)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class ReLU(_Elementwise):
    """max_value above it, x down to the threshold, below that negative_slope * (x - threshold).

    Args:
        max_value: upper bound, None for none.
        negative_slope: slope below the threshold.
        threshold: where the slope changes.

    Input and output: any shape.

    Raises:
        ValueError: if max_value or negative_slope is negative.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if max_value is not None and max_value < 0.0:
            raise ValueError(f"max_value of ReLU layer cannot be negative value: {max_value}")
        if negative_slope < 0.0:
            raise ValueError(f"negative_slope of ReLU layer cannot be negative value: {negative_slope}")
        self.max_value = None if max_value is None else _rounded(max_value)
        self.negative_slope = _rounded(negative_slope)
        self.threshold = _rounded(threshold)

    def call(self, inputs: Any) -> Any:
        return K.relu(inputs, alpha=self.negative_slope, max_value=self.max_value, threshold=self.threshold)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


answer_old_names(__name__)
registry.register(globals())
