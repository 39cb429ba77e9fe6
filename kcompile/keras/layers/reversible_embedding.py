"""ReversibleEmbedding: vectors of numbers, and scores of numbers from vectors, by one matrix."""

from __future__ import annotations

from typing import Any

from ...ir import Value, op
from .. import backend as K
from .. import registry
from ..declaration import Argument, configured
from .embeddings import Embedding


class ReversibleEmbedding(Embedding):
    """An Embedding that can be called the other way: from vectors to a score for each number.

    Args:
        input_dim: how many numbers there are.
        output_dim: size of the vectors.
        tie_weights: whether the scores are products with the embeddings; else with a matrix of their own.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint, mask_zero: see Embedding.
        reverse_dtype: float type of the way back, None for that of the layer.
        logit_soft_cap: scores are bent to stay between this number and its negative: ``cap * tanh(x / cap)``.

    Call arguments:
        reverse: True takes (batch, ..., output_dim) to scores (batch, ..., input_dim).

    Weights: embeddings (input_dim, output_dim); reverse_embeddings (output_dim, input_dim) unless tied.
    """

    @configured(activity_regularizer=Argument(written="changed"), input_length=Argument(written="changed"))
    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: str | None = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        self._reversed = False

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.reverse_embeddings = None
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                "reverse_embeddings",
                (self.output_dim, self.input_dim),
                initializer=self.embeddings_initializer,
            )

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        self._reversed = reverse
        return self._scores(inputs) if reverse else super().call(inputs)

    def _scores(self, x: Value) -> Value:
        kernel: Value | None = self.reverse_embeddings
        if kernel is None:
            kernel = op.Transpose(self.embeddings, perm=[1, 0])
        if self.reverse_dtype is not None:
            x, kernel = K.cast(x, self.reverse_dtype), K.cast(kernel, self.reverse_dtype)
        scores = op.MatMul(x, kernel)
        cap = self.logit_soft_cap
        return scores if cap is None else op.Tanh(scores / float(cap)) * float(cap)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None if self._reversed else super().compute_mask(inputs, mask)

    def _refine_shapes(self, inputs: list[Value], outputs: list[Value], nesting: Any = None) -> None:
        if not self._reversed:
            super()._refine_shapes(inputs, outputs, nesting)


registry.register(globals(), listed=True)
