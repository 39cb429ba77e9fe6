"""RandomFourierFeatures: a fixed random map whose products approximate a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend as K
from .. import constraints, initializers, registry
from ..core.layer import InputSpec, Layer
from ..declaration import Argument, configured
from .arguments import positive_int

_KERNELS = ("gaussian", "laplacian")


def _kernel(layer: Layer, name: str, value: Any) -> Any:
    """One of the two by name, or an initializer."""
    if isinstance(value, str):
        if value.lower() not in _KERNELS:
            raise ValueError(
                f"RandomFourierFeatures: {name} must be one of {', '.join(_KERNELS)} or an initializer; "
                f"found {value!r}."
            )
        return value.lower()
    return initializers.get(value)


class RandomFourierFeatures(Layer):
    """The cosine of random projections (Rahimi and Recht 2007): a linear model behind it is a kernel machine.

    Args:
        output_dim: number of features.
        kernel_initializer: "gaussian", exp(-|x - y|^2 / (2 scale^2)), "laplacian", exp(-|x - y|_1 / scale),
            or an initializer of the projection.
        scale: above; by default sqrt(input_dim / 2) for "gaussian", else 1.
        trainable: whether the scale is learnt.

    Input: (batch, input_dim); output: (batch, output_dim).

    Raises:
        ValueError: for a kernel that is not known or a scale that is not above 0.
    """

    input_spec = InputSpec(ndim=2)
    scale: float | None

    @configured(output_dim=positive_int, kernel_initializer=Argument(_kernel, written="never"))
    def __init__(
        self,
        output_dim: int,
        kernel_initializer: Any = "gaussian",
        scale: float | None = None,
        trainable: bool = False,
        **kwargs: Any,
    ) -> None:
        if scale is not None and not scale > 0:
            raise ValueError(f"RandomFourierFeatures: scale must be above 0; found {scale!r}.")

    def build(self, input_shape: Any) -> None:
        """Draws the projection and the phases."""
        size = input_shape[-1]
        self.unscaled_kernel = self.add_weight(
            name="unscaled_kernel",
            shape=(size, self.output_dim),
            initializer=self._drawn,
            trainable=False,
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(self.output_dim,),
            initializer=initializers.RandomUniform(0.0, 2 * np.pi),
            trainable=False,
        )
        if self.scale is None:
            self.scale = float(np.sqrt(size / 2.0)) if self.kernel_initializer == "gaussian" else 1.0
        self.kernel_scale = self.add_weight(
            name="kernel_scale",
            shape=(1,),
            initializer=initializers.Constant(self.scale),
            constraint=constraints.NonNeg(),
        )
        super().build(input_shape)

    def _drawn(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """What the kernel is the Fourier transform of: normal numbers, or those of Cauchy."""
        kernel = self.kernel_initializer
        if kernel == "gaussian":
            return initializers.RandomNormal(0.0, 1.0)(shape, dtype=dtype)
        if kernel == "laplacian":
            shares = initializers.initial_value(initializers.RandomUniform(0.0, 1.0), shape, "float32")
            return np.tan(np.pi * (shares - 0.5))
        return kernel(shape, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """The kernel by its name, or as an initializer."""
        kernel = self.kernel_initializer
        written = kernel if isinstance(kernel, str) else initializers.serialize(kernel)
        return {**super().get_config(), "kernel_initializer": written}

    def call(self, inputs: Any) -> Any:
        x = K.cast(inputs, K.floatx())
        return K.cos(K.bias_add(K.dot(x, self.unscaled_kernel / self.kernel_scale), self.bias))


registry.register(globals(), listed=True)
