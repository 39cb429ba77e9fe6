"""Attention without projections: dot-product and additive."""

from __future__ import annotations

from typing import Any

from ...ir import Value, op
from .. import backend as K
from .. import registry
from ..backend.tensors import tensor
from ..core.layer import Layer
from ..declaration import Argument, configured, converted
from .attention_masks import MASKED, allowed_steps, mask_at
from .core import Dropout

__all__ = ["AdditiveAttention", "Attention"]


class AttentionLayer(Layer):
    """A layer of a query, a value and a key, that may be called on all of them or on a list of them."""

    supports_masking = True

    def _dropped(self, weights: Value, training: Any) -> Value:
        if not self.dropout:
            return weights
        return Dropout(self.dropout, seed=self.seed, name="attention_dropout").call(
            weights, training=training
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """That of the query."""
        return mask_at(mask, 0)

    def _refine_shapes(self, inputs: list[Value], outputs: list[Value], nesting: Any = None) -> None:
        super()._refine_shapes(inputs, outputs[:1], nesting)


def _score_mode(layer: Layer, name: str, value: str) -> str:
    if value not in ("dot", "concat"):
        raise ValueError(f"Attention: score_mode must be 'dot' or 'concat', found {value!r}.")
    return value


class Attention(AttentionLayer):
    """Dot-product attention without projections: softmax(Q K^T) V.

    Args:
        use_scale: whether the scores are multiplied by a weight.
        score_mode: "dot", or "concat" for a weighted sum of tanh(Q + K).
        dropout: part of the attention weights to drop while training.
        seed: of dropout.

    Call arguments:
        inputs: [query, value] or [query, value, key].
        mask: their masks, taken from the inputs if left out.
        return_attention_scores: True returns [output, weights].
        use_causal_mask: True lets step i look at steps 0 to i.

    Input: (batch, T, features), (batch, S, features) and (batch, S, features); output: (batch, T, features).
    Weights: scale () with use_scale, concat_score_weight () for score_mode "concat". (Luong et al. 2015)
    """

    @configured(score_mode=_score_mode, causal=Argument(converted(bool), written="changed", default=False))
    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None: ...

    def build(self, input_shape: Any) -> None:
        self._check_inputs(input_shape)
        self.scale = self.add_weight("scale", (), initializer="ones") if self.use_scale else None
        self.concat_score_weight = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight("concat_score_weight", (), initializer="ones")
        self.built = True

    def _check_inputs(self, inputs: Any) -> None:
        if not isinstance(inputs, list) or len(inputs) not in (2, 3):
            raise ValueError(
                f"Layer {self.name} ({type(self).__name__}) is called on a list [query, value] or [query, "
                f"value, key]; found {inputs!r}."
            )

    def _scores(self, query: Value, key: Value) -> Value:
        if self.score_mode == "dot":
            scores = op.MatMul(query, op.Transpose(key, perm=[0, 2, 1]))
            return scores if self.scale is None else op.Mul(scores, self.scale)
        total = op.Add(op.Unsqueeze(query, [2]), op.Unsqueeze(key, [1]))
        total = total if self.scale is None else op.Mul(total, self.scale)
        assert self.concat_score_weight is not None
        return op.Mul(op.ReduceSum(op.Tanh(total), [-1], keepdims=0), self.concat_score_weight)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_inputs(inputs)
        query, value = inputs[:2]
        scores = self._scores(query, inputs[2] if len(inputs) > 2 else value)
        steps = [None, mask_at(mask, 1), None]
        allowed = allowed_steps(None, steps, query, value, use_causal_mask or self.causal, (1,))
        if allowed is not None:
            scores = op.Where(allowed, scores, tensor(MASKED, scores.dtype))
        weights = self._dropped(op.Softmax(scores, axis=-1), training)
        output = op.MatMul(weights, value)
        query_mask = mask_at(mask, 0)
        if query_mask is not None:
            output = op.Mul(output, op.Unsqueeze(K.cast(query_mask, K.dtype(output)), [-1]))
        return [output, weights] if return_attention_scores else output

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], input_shape[1][-1])


class AdditiveAttention(Attention):
    """Additive attention: scores are sums of tanh(Q + K), weighted per feature.

    Args:
        use_scale: whether there are weights.
        dropout: part of the attention weights to drop while training.
        seed: of dropout.

    Call arguments, input and output: those of ``Attention``.
    Weights: scale (features,) with use_scale. (Bahdanau et al. 2014)
    """

    @configured(score_mode=Argument(written="never"))
    def __init__(
        self, use_scale: bool = True, dropout: float = 0.0, seed: int | None = None, **kwargs: Any
    ) -> None: ...

    def build(self, input_shape: Any) -> None:
        self._check_inputs(input_shape)
        features = input_shape[0][-1]
        self.scale = (
            self.add_weight("scale", (features,), initializer="glorot_uniform") if self.use_scale else None
        )
        self.built = True

    def _scores(self, query: Value, key: Value) -> Value:
        total = op.Tanh(op.Add(op.Unsqueeze(query, [2]), op.Unsqueeze(key, [1])))
        total = total if self.scale is None else op.Mul(total, self.scale)
        return op.ReduceSum(total, [-1], keepdims=0)


registry.register(globals())
