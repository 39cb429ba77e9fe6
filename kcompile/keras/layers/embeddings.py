"""Embedding: vectors for whole numbers."""

from __future__ import annotations

from typing import Any

from .. import backend as K
from .. import registry, rules
from ..backend.tensors import refine
from ..core.layer import Layer
from ..declaration import ANY, configured, only
from ..legacy.old_names import answer_old_names
from .arguments import positive_int, weight_arguments


class Embedding(Layer):
    """Turns whole numbers into vectors: row ``i`` of a matrix for the number i.

    Args:
        input_dim: how many numbers there are; the largest is input_dim - 1.
        output_dim: size of the vectors.
        embeddings_initializer: name or Initializer.
        embeddings_regularizer, activity_regularizer: Regularizer or None.
        embeddings_constraint: Constraint or None.
        mask_zero: whether 0 marks a step that is padding; then the layer makes a mask, and input_dim counts 0
            too.
        input_length: number of steps where it is fixed; Flatten and Dense after it need it.

    Input: (batch, steps...) of whole numbers of any type; output: (batch, steps..., output_dim).
    Weights: embeddings (input_dim, output_dim). Emits ONNX Gather. (Gal, Ghahramani 2016)

    Raises:
        ValueError: if input_length and the input disagree.
    """

    @configured(
        input_dim=positive_int,
        output_dim=positive_int,
        sparse=only(ANY),  # of tf.keras: how gradients are kept
        lora_rank=only(None),
        lora_alpha=only(None),
    )
    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        activity_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        input_length: Any = None,
        **kwargs: Any,
    ) -> None:
        self.supports_masking = mask_zero

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        if arguments.get("input_shape") is None and arguments.get("batch_input_shape") is None:
            length = arguments["input_length"]
            arguments["input_shape"] = tuple(length) if isinstance(length, list | tuple) else (length,)

    def build(self, input_shape: Any) -> None:
        self.embeddings = self.add_weight(
            "embeddings", (self.input_dim, self.output_dim), **weight_arguments(self, "embeddings")
        )
        self.built = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return K.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *self._steps(input_shape), self.output_dim)

    def _steps(self, input_shape: Any) -> list[Any]:
        """The sizes between batch and vectors: what the input says, else what input_length says."""
        found = list(input_shape[1:])
        if self.input_length is None:
            return found
        given = (
            list(self.input_length) if isinstance(self.input_length, list | tuple) else [self.input_length]
        )
        known = [(a, b) for a, b in zip(given, found, strict=False) if a is not None and b is not None]
        if len(given) != len(found) or any(a != b for a, b in known):
            raise ValueError(
                f'Layer {self.name}: "input_length" is {self.input_length}, but received input has shape '
                f"{input_shape}."
            )
        return [b if a is None else a for a, b in zip(given, found, strict=True)]

    def call(self, inputs: Any) -> Any:
        shape = inputs.shape
        steps = shape[1:] if rules.of_layer(self).hints_at_input_length else self._steps(shape)
        if inputs.dtype.kind not in "iu":
            inputs = K.cast(inputs, "int64")
        known = [a if b is None else b for a, b in zip(inputs.dims[1:], steps, strict=True)]
        return refine(K.gather(self.embeddings, inputs), (*inputs.dims[:1], *known, self.output_dim))


answer_old_names(__name__)
registry.register(globals(), listed=True)
