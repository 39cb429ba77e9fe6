"""SpectralNormalization: a wrapper that keeps the spectral norm of a layer's kernel at one while training."""

from __future__ import annotations

from typing import Any

from ...ir import Value, op
from .. import backend as K
from .. import registry
from ..backend.tensors import dims_of, shape_vector, tensor
from ..core.layer import Layer
from ..utils.generic_utils import has_arg
from .arguments import positive_int
from .transparent_wrapper import AddingWrapper


class SpectralNormalization(AddingWrapper):
    """Divides the kernel of a layer by an estimate of its largest singular value, in every training step.

    Args:
        layer: a layer with a ``kernel`` or ``embeddings``.
        power_iterations: steps of the power method in each training step.

    Input and output: those of the layer. At inference the kernel is used as it is.
    Weights: those of the layer, and vector_u (1, size of the kernel's last axis), not trainable. (Miyato et
    al. 2018)

    Raises:
        ValueError: for a layer that has neither kernel nor embeddings, or no power_iterations.
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = layer.supports_masking
        self.power_iterations = positive_int(self, "power_iterations", power_iterations)

    def build(self, input_shape: Any = None) -> None:
        self._build_layer(input_shape)
        self._attribute = next((n for n in ("kernel", "embeddings") if hasattr(self.layer, n)), "")
        if not self._attribute:
            raise ValueError(
                f"Layer {self.name}: SpectralNormalization needs a layer with a kernel or embeddings; found "
                f"{type(self.layer).__name__}."
            )
        self.kernel = kernel = getattr(
            self.layer, self._attribute
        )  # the wrapper's too, as in files of Keras 3
        self.vector_u = self.add_weight(
            "vector_u",
            (1, kernel.shape[-1]),
            initializer="truncated_normal",
            trainable=False,
            dtype=str(kernel.dtype),
        )
        self.built = True

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        kernel = self.kernel
        u, normal = self._normalized(kernel)
        normal = op.StopGradient(normal)
        self.add_update(
            [
                (self.vector_u, K.in_train_phase(op.StopGradient(u), self.vector_u, training=training)),
                (kernel, K.in_train_phase(normal, kernel, training=training)),
            ]
        )
        # the kernel becomes the normalized one before the step, so the gradient is the one by that
        used = op.Add(normal, op.Sub(kernel, op.StopGradient(kernel)))
        used = K.in_train_phase(used, kernel, training=training)
        arguments = {"training": training, "mask": mask}
        self.layer.__dict__[self._attribute] = used
        try:
            return self.layer.call(
                inputs, **{name: v for name, v in arguments.items() if has_arg(self.layer.call, name)}
            )
        finally:
            self.layer.__dict__[self._attribute] = kernel

    def _normalized(self, kernel: Value) -> tuple[Value, Value]:
        """The vector u after the power method, and the kernel over its estimated norm; both as they are where
        the kernel is 0."""
        matrix = op.Reshape(kernel, shape_vector([-1, dims_of(kernel)[-1]]))
        u: Value = self.vector_u
        for _ in range(self.power_iterations):
            v = K.l2_normalize(op.MatMul(u, op.Transpose(matrix, perm=[1, 0])))
            u = K.l2_normalize(op.MatMul(v, matrix))
        sigma = op.MatMul(op.MatMul(v, matrix), op.Transpose(u, perm=[1, 0]))
        zero = tensor(0.0, kernel.dtype)
        empty = op.Equal(op.ReduceMax(op.Abs(matrix), keepdims=0), zero)
        divisor = op.Where(empty, tensor(1.0, kernel.dtype), op.Reshape(sigma, []))
        return op.Where(empty, self.vector_u, u), op.Div(kernel, divisor)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power_iterations": self.power_iterations}


registry.register(globals(), listed=True)
