"""Attention: of many heads, with shared heads of keys and values, dot-product and additive."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Constant, Value, name_scope, op
from .. import backend as K
from ..backend.tensors import dims_of, known_shape, refine, shape_vector, tensor
from ..engine.base_layer import Layer
from ..utils.generic_utils import to_list
from .arguments import object_configs, positive_int, refuse_unless_default, set_objects
from .core import Dropout
from .einsum_dense import EinsumDense

_OBJECTS = (
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "bias_constraint",
)
_MASKED = -1e9  # the score where a mask forbids: exp of it is 0, and a row of nothing else stays finite


class _Attention(Layer):
    """A layer of a query, a value and a key, that may be called on all of them or on a list of them."""

    def __init__(self, dropout: float, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.dropout = dropout
        self.seed = seed

    def _dropped(self, weights: Value, training: Any) -> Value:
        if not self.dropout:
            return weights
        return Dropout(self.dropout, seed=self.seed, name="attention_dropout").call(
            weights, training=training
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """That of the query."""
        return _at(mask, 0)


class _MultiHead(_Attention):
    """What MultiHeadAttention and GroupQueryAttention share.

    A subclass says how many heads of which size query, key and value have.
    """

    def __init__(
        self,
        dropout: float,
        use_bias: bool,
        seed: int | None,
        activity_regularizer: Any,
        objects: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        kwargs.pop("flash_attention", None)  # how it is computed, not what
        refuse_unless_default(
            self, kwargs, {"sliding_window": None, "use_gate": False, "softmax_robust_masking": False}
        )
        for name in ("query", "value", "key"):  # tf.keras writes what it was built for
            kwargs.pop(f"{name}_shape", None)
        super().__init__(dropout, seed, **kwargs)
        self.use_bias = use_bias
        # each of the projections applies it to its own output, as in Keras
        set_objects(self, _activity_regularizer=activity_regularizer, **objects)

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
        attended = (*query[:-1], heads["query"][0], heads["value"][1])
        sizes = self._output_sizes(query)
        equation = _output_projection(len(query) - 1, len(sizes))
        self._add_projection("attention_output", attended, equation, (*query[1:-1], *sizes))
        self.built = True

    def _add_projection(self, name: str, shape: Any, equation: str, output_shape: Sequence[Any]) -> None:
        letters = equation.split("->")[1]
        bias = letters[len(shape) - 1 :] if name != "attention_output" else letters[len(shape) - 2 :]
        layer = EinsumDense(
            equation,
            output_shape,
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
        q = op.Mul(q, 1.0 / math.sqrt(self._head_sizes()["query"][1]))
        steps = [
            query_mask if query_mask is not None else _at(mask, 0),
            value_mask if value_mask is not None else _at(mask, 1),
            key_mask if key_mask is not None else _at(mask, 2),
        ]
        if len(axes) > 1 and any(m is not None for m in steps):
            raise ValueError(
                f"Layer {self.name} attends over {len(axes)} axes, for which masks of steps are not defined; "
                "pass attention_mask."
            )
        allowed = _allowed(attention_mask, steps, q, k, use_causal_mask, axes)
        attended, scores = self._attend(q, k, v, allowed, axes, training)
        output = self._projected(self._output_dense, attended)
        return [output, scores] if return_attention_scores else output

    def _attend(
        self, q: Value, k: Value, v: Value, allowed: Value | None, axes: tuple[int, ...], training: Any
    ) -> tuple[Value, Value]:
        """(batch, ..., heads, features) of the output, and (batch, ..., heads, T..., S...) of the weights."""
        rank = q.rank
        free = [i for i in range(1, rank - 2) if i not in axes]
        forth = [0, *free, rank - 2, *axes, rank - 1]
        q, k, v = (op.Transpose(self._shared(x, q), perm=forth) for x in (q, k, v))
        lead, count = len(free) + 2, len(axes)
        query_sizes = dims_of(q)[lead : lead + count]
        key_sizes = dims_of(k)[lead : lead + count]
        if count > 1:
            q, k, v = (_joined(x, lead, count) for x in (q, k, v))
        turned = [*range(lead), lead + 1, lead]
        logits = op.MatMul(q, op.Transpose(k, perm=turned))
        if allowed is not None:
            allowed = _spread(allowed, lead + 2 * count, 2 * count)
            if count > 1:
                allowed = _joined(_joined(allowed, lead + count, count), lead, count)
            logits = op.Where(allowed, logits, tensor(_MASKED, logits.dtype))
        weights = op.Softmax(logits, axis=-1)
        attended = op.MatMul(self._dropped(weights, training), v)
        if count > 1:
            attended = _split(attended, lead, query_sizes)
            weights = _split(_split(weights, lead + 1, key_sizes), lead, query_sizes)
        return op.Transpose(attended, perm=[int(i) for i in np.argsort(forth)]), weights

    def _shared(self, x: Value, query: Value) -> Value:
        """Heads of keys and values, one for each head of the query."""
        return x

    def compute_output_shape(self, input_shape: Any) -> Any:
        query = input_shape[0]
        return (*query[:-1], *self._output_sizes(query))

    def _refine_shapes(self, inputs: list[Value], outputs: list[Value]) -> None:
        super()._refine_shapes(inputs, outputs[:1])

    def _common_config(self) -> dict[str, Any]:
        names = ("kernel_regularizer", "bias_regularizer")
        activity = object_configs(self, "_activity_regularizer")["_activity_regularizer"]
        return {
            "use_bias": self.use_bias,
            **object_configs(self, "kernel_initializer", "bias_initializer", *names),
            "activity_regularizer": activity,
            **object_configs(self, "kernel_constraint", "bias_constraint"),
            "seed": self.seed,
        }


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
        kernel_initializer, bias_initializer: name or Initializer.
        kernel_regularizer, bias_regularizer, activity_regularizer: Regularizer or None, for each projection.
        kernel_constraint, bias_constraint: Constraint or None.
        seed: of dropout.

    Input: query (batch, T, features), value (batch, S, features), key (batch, S, features) (default: the
    value); output: (batch, T, features). Masks of query, value and key forbid their steps.
    Weights: query/kernel (features, heads, key_dim), query/bias (heads, key_dim), key/..., value/...,
    attention_output/kernel (heads, value_dim, features), attention_output/bias. Emits Einsum,
    MatMul, Softmax. (Vaswani et al. 2017)

    Raises:
        ValueError: for sizes that are not positive, or a call without a value.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        objects = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
        }
        super().__init__(dropout, use_bias, seed, activity_regularizer, objects, **kwargs)
        self.num_heads = positive_int(self, "num_heads", num_heads)
        self.key_dim = positive_int(self, "key_dim", key_dim)
        self.value_dim = positive_int(self, "value_dim", value_dim) if value_dim else self.key_dim
        self._wanted_output = None if output_shape is None else _sizes(output_shape)
        self.attention_axes = None if attention_axes is None else _sizes(attention_axes)

    def _head_sizes(self) -> dict[str, tuple[int, int]]:
        of_key = (self.num_heads, self.key_dim)
        return {"query": of_key, "key": of_key, "value": (self.num_heads, self.value_dim)}

    def _output_sizes(self, query_shape: Any) -> tuple[int, ...]:
        return self._wanted_output or (query_shape[-1],)

    def _attended_axes(self, query_shape: Any) -> tuple[int, ...]:
        rank = len(query_shape)
        axes = self.attention_axes or tuple(range(1, rank - 1))
        return tuple(axis % rank for axis in axes)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "dropout": self.dropout,
            "output_shape": self._wanted_output,
            "attention_axes": self.attention_axes,
            **self._common_config(),
        }


class GroupQueryAttention(_MultiHead):
    """Attention whose heads share keys and values by groups.

    Args:
        head_dim: features of each head.
        num_query_heads: heads of the query.
        num_key_value_heads: heads of key and value, a divisor of num_query_heads.
        dropout: part of the attention weights to drop while training.
        use_bias: whether the projections have one.
        kernel_initializer, bias_initializer: name or Initializer.
        kernel_regularizer, bias_regularizer, activity_regularizer: Regularizer or None, for each projection.
        kernel_constraint, bias_constraint: Constraint or None.
        seed: of dropout.

    Input, output and weights: as for MultiHeadAttention, with num_key_value_heads in key and value.
    (Ainslie et al. 2023)

    Raises:
        ValueError: if num_key_value_heads does not divide num_query_heads.
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        objects = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
        }
        super().__init__(dropout, use_bias, seed, activity_regularizer, objects, **kwargs)
        self.head_dim = positive_int(self, "head_dim", head_dim)
        self.num_query_heads = positive_int(self, "num_query_heads", num_query_heads)
        self.num_key_value_heads = positive_int(self, "num_key_value_heads", num_key_value_heads)
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
        return op.Gather(x, np.repeat(np.arange(self.num_key_value_heads), times), axis=x.rank - 2)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "dropout": self.dropout,
            **self._common_config(),
        }


class Attention(_Attention):
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

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.causal = bool(kwargs.pop("causal", False))  # an argument before TensorFlow 2.10
        super().__init__(dropout, seed, **kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(f"Attention: score_mode must be 'dot' or 'concat', found {score_mode!r}.")
        self.use_scale = use_scale
        self.score_mode = score_mode

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
        steps = [None, _at(mask, 1), None]
        allowed = _allowed(None, steps, query, value, use_causal_mask or self.causal, (1,))
        if allowed is not None:
            scores = op.Where(allowed, scores, tensor(_MASKED, scores.dtype))
        weights = self._dropped(op.Softmax(scores, axis=-1), training)
        output = op.MatMul(weights, value)
        query_mask = _at(mask, 0)
        if query_mask is not None:
            output = op.Mul(output, op.Unsqueeze(K.cast(query_mask, K.dtype(output)), [-1]))
        return [output, weights] if return_attention_scores else output

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], input_shape[1][-1])

    def _refine_shapes(self, inputs: list[Value], outputs: list[Value]) -> None:
        super()._refine_shapes(inputs, outputs[:1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
            **({"causal": True} if self.causal else {}),
        }


class AdditiveAttention(Attention):
    """Additive attention: scores are sums of tanh(Q + K), weighted per feature.

    Args:
        use_scale: whether there are weights.
        dropout: part of the attention weights to drop while training.
        seed: of dropout.

    Call arguments, input and output: those of ``Attention``.
    Weights: scale (features,) with use_scale. (Bahdanau et al. 2014)
    """

    def __init__(
        self, use_scale: bool = True, dropout: float = 0.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, seed=seed, **kwargs)

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

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["score_mode"]
        return config


GroupedQueryAttention = GroupQueryAttention


def _at(masks: Any, index: int) -> Any:
    """The mask of an input, from a list of masks or None."""
    return masks[index] if isinstance(masks, list | tuple) and len(masks) > index else None


def _sizes(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


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


def _allowed(
    attention_mask: Any, steps: Sequence[Any], query: Value, key: Value, causal: bool, axes: tuple[int, ...]
) -> Value | None:
    """Where the query may look, broadcast to (batch, T, S): all that masks say; None for everywhere.

    Args:
        steps: masks (batch, steps) of query, value and key, or None.
    """
    found = []
    if attention_mask is not None:
        found.append(_boolean(attention_mask))
    for mask, axis in zip(steps, (2, 1, 1), strict=True):
        if mask is not None:
            found.append(op.Unsqueeze(_boolean(mask), [axis]))
    if causal:
        found.append(_causal(query, key, axes[0]))
    if not found:
        return None
    allowed = found[0]
    for one in found[1:]:
        allowed = op.And(allowed, one)
    return allowed


def _boolean(mask: Any) -> Value:
    mask = tensor(mask)
    return mask if mask.dtype == np.dtype(bool) else K.cast(mask, "bool")


def _causal(query: Value, key: Value, axis: int) -> Value:
    """(1, T, S), true where the column is not behind the row."""
    rows, columns = known_shape(query)[axis], known_shape(key)[axis]
    if isinstance(rows, int) and isinstance(columns, int):
        return Constant(np.tril(np.ones((1, rows, columns), bool)))
    zero, one = Constant(np.int64(0)), Constant(np.int64(1))
    ends = [op.Squeeze(op.Shape(x, start=axis, end=axis + 1), [0]) for x in (query, key)]
    rows, columns = (op.Range(zero, end, one) for end in ends)
    return op.Unsqueeze(op.GreaterOrEqual(op.Unsqueeze(rows, [1]), columns), [0])


def _spread(mask: Value, rank: int, last: int) -> Value:
    """A mask with axes of size 1 before its last ones, as many as it lacks."""
    missing = rank - mask.rank
    if missing <= 0:
        return mask
    at = max(mask.rank - last, 0)
    return op.Unsqueeze(mask, list(range(at, at + missing)))


def _joined(x: Value, first: int, count: int) -> Value:
    """``count`` axes from ``first`` on as one."""
    dims = dims_of(x)
    known = all(isinstance(d, int) for d in dims[first : first + count])
    size = int(np.prod(dims[first : first + count])) if known else -1
    return _reshaped(x, [*dims[:first], size, *dims[first + count :]])


def _split(x: Value, axis: int, sizes: Sequence[Any]) -> Value:
    """One axis as several of these sizes."""
    dims = dims_of(x)
    return _reshaped(x, [*dims[:axis], *sizes, *dims[axis + 1 :]])


def _reshaped(x: Value, dims: Sequence[Any]) -> Value:
    sizes = [d if isinstance(d, int) and d >= 0 else None for d in dims]
    return refine(op.Reshape(x, shape_vector(dims)), sizes)
