"""Attention of many heads, with heads of keys and values of their own or shared ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Constant, Value, name_scope, op
from .. import registry
from ..backend.tensors import dims_of, refine, shape_vector, static_sizes, tensor
from ..core.layer import Layer
from ..declaration import ANY, Argument, configured, converted, only
from ..utils.generic_utils import to_list
from .arguments import one_or_more, optional, positive_int
from .attention import AttentionLayer
from .attention_masks import MASKED, allowed_steps, mask_at
from .einsum_dense import EinsumDense

__all__ = ["GroupQueryAttention", "GroupedQueryAttention", "MultiHeadAttention"]

_OBJECTS = (
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "bias_constraint",
)


def _value_dim(layer: Layer, name: str, value: Any) -> int:
    return positive_int(layer, name, value) if value else layer.key_dim


# what there is to say of the arguments that both layers have
_COMMON: dict[str, Any] = {
    "sliding_window": optional(positive_int),
    "use_gate": Argument(converted(bool), after="sliding_window"),
    "flash_attention": Argument(written="never"),
    # each of the projections applies it to its own output, as in Keras
    "activity_regularizer": Argument(attribute="_activity_regularizer"),
    "softmax_robust_masking": only(ANY),  # of tf.keras: rows that are masked as a whole are finite here
    # what tf.keras built it for
    "query_shape": only(ANY),
    "value_shape": only(ANY),
    "key_shape": only(ANY),
}


class _MultiHead(AttentionLayer):
    """What MultiHeadAttention and GroupQueryAttention share.

    A subclass says how many heads of which size query, key and value have.
    """

    def __call__(  # type: ignore[override]  # called as attention(query, value, key)
        self, query: Any, value: Any = None, key: Any = None, **kwargs: Any
    ) -> Any:
        """Calls the layer on query, value and key (default: the value), or on a list of them.

        Args:
            query: (batch, ..., features).
            value, key: (batch, ..., features).
            attention_mask: (batch, query steps, value steps), true where the query may look.
            use_causal_mask: True lets step i look at steps 0 to i.
            return_attention_scores: True returns [output, scores].
            training: whether dropout is on; None as the model is run.
        """
        tensors = to_list(query, allow_tuple=True) + [x for x in (value, key) if x is not None]
        if len(tensors) < 2:
            raise ValueError(
                f"Layer {self.name} attends from a query to a value: call it as layer(query, value) or "
                "layer(query, value, key)."
            )
        attention_mask = kwargs.get("attention_mask")
        if isinstance(attention_mask, np.ndarray):
            kwargs["attention_mask"] = Constant(attention_mask)
        elif hasattr(attention_mask, "_keras_history"):  # a tensor of the model, so an input of this call
            del kwargs["attention_mask"]
            tensors = [*tensors, tensors[1]] if len(tensors) == 2 else tensors
            tensors.append(attention_mask)
        return super().__call__(tensors, **kwargs)

    def _head_sizes(self) -> dict[str, tuple[int, int]]:
        """(heads, features of each) of query, key and value."""
        raise NotImplementedError

    def _output_sizes(self, query_shape: Any) -> tuple[int, ...]:
        return (query_shape[-1],)

    def _attended_axes(self, query_shape: Any) -> tuple[int, ...]:
        return (1,)

    def build(self, input_shape: Any) -> None:
        query, value, *rest = input_shape
        shapes = {"query": query, "key": rest[0] if rest else value, "value": value}
        heads = self._head_sizes()
        for name, shape in shapes.items():
            self._add_projection(name, shape, _projection(len(shape)), (*shape[1:-1], *heads[name]))
            if name == "key" and self.use_gate:
                gates = (*query[1:-1], heads["query"][0], heads["value"][1])
                self._add_projection("gate", query, _projection(len(query)), gates, activation="sigmoid")
        attended = (*query[:-1], heads["query"][0], heads["value"][1])
        sizes = self._output_sizes(query)
        equation = _output_projection(len(query) - 1, len(sizes))
        self._add_projection("attention_output", attended, equation, (*query[1:-1], *sizes))
        self.built = True

    def _add_projection(
        self, name: str, shape: Any, equation: str, output_shape: Sequence[Any], activation: Any = None
    ) -> None:
        letters = equation.split("->")[1]
        bias = letters[len(shape) - 1 :] if name != "attention_output" else letters[len(shape) - 2 :]
        layer = EinsumDense(
            equation,
            output_shape,
            activation=activation,
            bias_axes=bias if self.use_bias else None,
            activity_regularizer=self._activity_regularizer,
            name=name,
            dtype=self.dtype,
            **{argument: getattr(self, argument) for argument in _OBJECTS},
        )
        with name_scope(name):
            layer.build(shape)
        attribute = "_output_dense" if name == "attention_output" else f"_{name}_dense"
        setattr(self, attribute, layer)

    def _projected(self, layer: Layer, x: Value) -> Value:
        with name_scope(layer.name):
            y = layer.call(x)
            for loss in layer._activity_losses(y):
                self.add_loss(loss)
        return y

    def call(
        self,
        inputs: Any,
        training: Any = None,
        mask: Any = None,
        attention_mask: Any = None,
        use_causal_mask: bool = False,
        return_attention_scores: bool = False,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
    ) -> Any:
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        if len(inputs) > 3:
            attention_mask = inputs[3]
        axes = self._attended_axes(query.shape)
        q = self._projected(self._query_dense, query)
        k = self._projected(self._key_dense, key)
        v = self._projected(self._value_dense, value)
        steps = [
            query_mask if query_mask is not None else mask_at(mask, 0),
            value_mask if value_mask is not None else mask_at(mask, 1),
            key_mask if key_mask is not None else mask_at(mask, 2),
        ]
        if len(axes) > 1 and any(m is not None for m in steps):
            raise ValueError(
                f"Layer {self.name} attends over {len(axes)} axes, for which masks of steps are not defined; "
                "pass attention_mask."
            )
        allowed = allowed_steps(attention_mask, steps, q, k, use_causal_mask, axes, self.sliding_window)
        attended, scores = self._attend(q, k, v, allowed, axes, training)
        if self.use_gate:
            attended = op.Mul(attended, self._projected(self._gate_dense, query))
        output = self._projected(self._output_dense, attended)
        return [output, scores] if return_attention_scores else output

    def _attend(
        self, q: Value, k: Value, v: Value, allowed: Value | None, axes: tuple[int, ...], training: Any
    ) -> tuple[Value, Value]:
        """(batch, ..., heads, features) of the output, and (batch, ..., heads, T..., S...) of the weights."""
        rank = len(static_sizes(q))
        free = [i for i in range(1, rank - 2) if i not in axes]
        forth = [0, *free, rank - 2, *axes, rank - 1]
        q, k, v = (op.Transpose(self._shared(x, q), perm=forth) for x in (q, k, v))
        q = op.Mul(q, 1.0 / math.sqrt(self._head_sizes()["query"][1]))
        lead, count = len(free) + 2, len(axes)
        query_sizes = dims_of(q)[lead : lead + count]
        key_sizes = dims_of(k)[lead : lead + count]
        if count > 1:
            q, k, v = (joined(x, lead, count) for x in (q, k, v))
        turned = [*range(lead), lead + 1, lead]
        logits = op.MatMul(q, op.Transpose(k, perm=turned))
        if allowed is not None:
            allowed = spread(allowed, lead + 2 * count, 2 * count)
            if count > 1:
                allowed = joined(joined(allowed, lead + count, count), lead, count)
            logits = op.Where(allowed, logits, tensor(MASKED, logits.dtype))
        weights = op.Softmax(logits, axis=-1)
        attended = op.MatMul(self._dropped(weights, training), v)
        if count > 1:
            attended = split(attended, lead, query_sizes)
            weights = split(split(weights, lead + 1, key_sizes), lead, query_sizes)
        return op.Transpose(attended, perm=[int(i) for i in np.argsort(forth)]), weights

    def _shared(self, x: Value, query: Value) -> Value:
        """Heads of keys and values, one for each head of the query."""
        return x

    def compute_output_shape(self, input_shape: Any) -> Any:
        query = input_shape[0]
        return (*query[:-1], *self._output_sizes(query))


class MultiHeadAttention(_MultiHead):
    """Attention of several heads: softmax(Q K^T / sqrt(key_dim)) V for projections of query, key and value.

    Args:
        num_heads: number of heads.
        key_dim: features of query and key per head.
        value_dim: features of the value per head (default key_dim).
        dropout: part of the attention weights to drop while training.
        use_bias: whether the projections have one.
        output_shape: features of the output, an int or a tuple (default those of the query).
        attention_axes: axes of the query to attend over (default all between batch and features).
        flash_attention: accepted; it says how attention is computed, not what.
        sliding_window: how many steps on both sides, itself among them, a step may look at; None for all.
        kernel_initializer, bias_initializer: name or Initializer.
        kernel_regularizer, bias_regularizer, activity_regularizer: Regularizer or None, for each projection.
        kernel_constraint, bias_constraint: Constraint or None.
        use_gate: whether what is attended is multiplied by sigmoid(projection of the query).
        seed: of dropout.

    Input: query (batch, T, features), value (batch, S, features), key (batch, S, features) (default: the
    value); output: (batch, T, features). Masks of query, value and key forbid their steps.
    Weights: query/kernel (features, heads, key_dim), query/bias (heads, key_dim), key/..., value/...,
    attention_output/kernel (heads, value_dim, features), attention_output/bias; with use_gate gate/kernel
    (features, heads, value_dim), gate/bias before value/.... Emits MatMul,
    Softmax. (Vaswani et al. 2017)

    Raises:
        ValueError: for sizes that are not positive, or a call without a value.
    """

    @configured(
        num_heads=positive_int,
        key_dim=positive_int,
        value_dim=_value_dim,
        use_bias=Argument(after="attention_axes"),
        output_shape=Argument(optional(converted(one_or_more)), attribute="_wanted_output"),
        attention_axes=optional(converted(one_or_more)),
        **_COMMON,
    )
    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None: ...

    def _head_sizes(self) -> dict[str, tuple[int, int]]:
        of_key = (self.num_heads, self.key_dim)
        return {"query": of_key, "key": of_key, "value": (self.num_heads, self.value_dim)}

    def _output_sizes(self, query_shape: Any) -> tuple[int, ...]:
        return self._wanted_output or (query_shape[-1],)

    def _attended_axes(self, query_shape: Any) -> tuple[int, ...]:
        rank = len(query_shape)
        axes = self.attention_axes or tuple(range(1, rank - 1))
        return tuple(axis % rank for axis in axes)


class GroupQueryAttention(_MultiHead):
    """Attention whose heads share keys and values by groups.

    Args:
        head_dim: features of each head.
        num_query_heads: heads of the query.
        num_key_value_heads: heads of key and value, a divisor of num_query_heads.
        dropout: part of the attention weights to drop while training.
        use_bias: whether the projections have one.
        flash_attention: accepted; it says how attention is computed, not what.
        sliding_window: how many steps on both sides, itself among them, a step may look at; None for all.
        kernel_initializer, bias_initializer: name or Initializer.
        kernel_regularizer, bias_regularizer, activity_regularizer: Regularizer or None, for each projection.
        kernel_constraint, bias_constraint: Constraint or None.
        use_gate: whether what is attended is multiplied by sigmoid(projection of the query).
        seed: of dropout.

    Input, output and weights: as for MultiHeadAttention, with num_key_value_heads in key and value.
    (Ainslie et al. 2023)

    Input: query (batch, steps, features), value and key (batch, other steps, features); output: that
    of the query.

    Raises:
        ValueError: if num_key_value_heads does not divide num_query_heads.
    """

    @configured(
        head_dim=positive_int, num_query_heads=positive_int, num_key_value_heads=positive_int, **_COMMON
    )
    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if self.num_query_heads % self.num_key_value_heads:
            raise ValueError(
                f"GroupQueryAttention: num_query_heads={num_query_heads} must be a multiple of "
                f"num_key_value_heads={num_key_value_heads}."
            )

    def _head_sizes(self) -> dict[str, tuple[int, int]]:
        shared = (self.num_key_value_heads, self.head_dim)
        return {"query": (self.num_query_heads, self.head_dim), "key": shared, "value": shared}

    def _shared(self, x: Value, query: Value) -> Value:
        times = self.num_query_heads // self.num_key_value_heads
        if x is query or times == 1:
            return x
        return op.Gather(
            x, np.repeat(np.arange(self.num_key_value_heads), times), axis=len(static_sizes(x)) - 2
        )


GroupedQueryAttention = GroupQueryAttention


def _letters(count: int, skip: int = 0) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[skip : skip + count]


def _projection(rank: int) -> str:
    """(batch, ..., features) to (batch, ..., heads, size): "abc,cde->abde" for three axes."""
    inputs, heads = _letters(rank), _letters(2, rank)
    return f"{inputs},{inputs[-1]}{heads}->{inputs[:-1]}{heads}"


def _output_projection(free: int, outputs: int) -> str:
    """(batch, ..., heads, size) to (batch, ..., outputs): "abcd,cde->abe" for a batch and one axis."""
    kept, heads, new = _letters(free), _letters(2, free), _letters(outputs, free + 2)
    return f"{kept}{heads},{heads}{new}->{kept}{new}"


def spread(mask: Value, rank: int, last: int) -> Value:
    """A mask with axes of size 1 before its last ones, as many as it lacks."""
    count = len(static_sizes(mask))
    missing = rank - count
    if missing <= 0:
        return mask
    at = max(count - last, 0)
    return op.Unsqueeze(mask, list(range(at, at + missing)))


def joined(x: Value, first: int, count: int) -> Value:
    """``count`` axes from ``first`` on as one."""
    dims = dims_of(x)
    known = all(isinstance(d, int) for d in dims[first : first + count])
    size = int(np.prod(dims[first : first + count])) if known else -1
    return _reshaped(x, [*dims[:first], size, *dims[first + count :]])


def split(x: Value, axis: int, sizes: Sequence[Any]) -> Value:
    """One axis as several of these sizes."""
    dims = dims_of(x)
    return _reshaped(x, [*dims[:axis], *sizes, *dims[axis + 1 :]])


def _reshaped(x: Value, dims: Sequence[Any]) -> Value:
    sizes = [d if isinstance(d, int) and d >= 0 else None for d in dims]
    return refine(op.Reshape(x, shape_vector(dims)), sizes)


registry.register(globals())
