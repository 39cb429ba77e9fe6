"""The ways in which programs write attention, normalization and activations, each as a small Keras model."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import ops

L = keras.layers
HEADS, SIZE, WIDTH = 2, 4, 8


class Form(NamedTuple):
    """A way to write something.

    Attributes:
        make: gives a model of tensors (batch, steps, 8).
        fused: operators that stand for it after fusion.
        fixed: number of steps that the model fixes, or None.
    """

    make: Callable[[], Any]
    fused: dict[str, int]
    fixed: int | None = None


def _model(compute: Callable[..., Any], steps: int | None = None, masks: bool = False) -> Any:
    """A model of a function of tensors, and of a mask (batch, steps) of 0 and 1 where it takes one."""
    x = L.Input((steps, WIDTH), name="x")
    inputs = [x, L.Input((steps,), name="mask")] if masks else [x]
    return keras.Model(inputs, L.Lambda(lambda xs: compute(*xs))(inputs) if masks else compute(x))


class Own(L.Layer):
    """A layer of a function of its input and of weights that it asks for."""

    def __init__(self, compute: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.compute = compute

    def build(self, input_shape: Any) -> None:
        self.weights_made: dict[str, Any] = {}
        super().build(input_shape)

    def weight(self, name: str, shape: tuple[int, ...], around: float = 0.0) -> Any:
        if name not in self.weights_made:
            initializer = keras.initializers.RandomNormal(around, 0.4, seed=len(self.weights_made))
            self.weights_made[name] = self.add_weight(name=name, shape=shape, initializer=initializer)
        return self.weights_made[name]

    def call(self, inputs: Any) -> Any:
        return self.compute(self, inputs)


def own(compute: Callable[..., Any], steps: int | None = None, masks: bool = False) -> Any:
    """A model of one ``Own`` layer."""
    x = L.Input((steps, WIDTH), name="x")
    inputs = [x, L.Input((steps,), name="mask")] if masks else x
    return keras.Model(inputs, Own(compute)(inputs))


def projected(layer: Own, x: Any, name: str, width: int = WIDTH) -> Any:
    return K.dot(x, layer.weight(f"{name}/kernel", (WIDTH, width))) + layer.weight(f"{name}/bias", (width,))


# --- attention ---


def _layer(**options: Any) -> Any:
    x = L.Input((None, WIDTH))
    return keras.Model(x, L.MultiHeadAttention(HEADS, SIZE, **options)(x, x))


def _causal() -> Any:
    x = L.Input((None, WIDTH))
    return keras.Model(x, L.MultiHeadAttention(HEADS, SIZE)(x, x, use_causal_mask=True))


def _masked_words() -> Any:
    words = L.Input((None,), dtype="int32")
    x = L.Embedding(20, WIDTH, mask_zero=True)(words)
    return keras.Model(words, L.MultiHeadAttention(HEADS, SIZE)(x, x))


def _mask_given() -> Any:
    x, mask = L.Input((None, WIDTH)), L.Input((None, None))
    return keras.Model([x, mask], L.MultiHeadAttention(HEADS, SIZE)(x, x, attention_mask=mask))


def _across() -> Any:
    x, y = L.Input((None, WIDTH)), L.Input((None, 6))
    return keras.Model([x, y], L.MultiHeadAttention(HEADS, SIZE, value_dim=3)(x, y))


def _groups() -> Any:
    x = L.Input((None, WIDTH))
    return keras.Model(x, L.GroupQueryAttention(SIZE, 4, 2)(x, x))


def _one_head(**options: Any) -> Any:
    x, y = L.Input((None, WIDTH)), L.Input((None, WIDTH))
    return keras.Model([x, y], L.Attention(**options)([x, y]))


def _split(x: Any) -> Any:
    """(batch, steps, width) -> (batch, heads, steps, size)."""
    shape = K.shape(x)
    return K.permute_dimensions(K.reshape(x, (shape[0], shape[1], HEADS, SIZE)), (0, 2, 1, 3))


def _joined(x: Any) -> Any:
    x = K.permute_dimensions(x, (0, 2, 1, 3))
    shape = K.shape(x)
    return K.reshape(x, (shape[0], shape[1], WIDTH))


def _heads_split(layer: Own, x: Any, mask: Any = None) -> Any:
    q, k, v = (_split(projected(layer, x, name)) for name in "qkv")
    scores = ops.matmul(q, K.permute_dimensions(k, (0, 1, 3, 2))) / math.sqrt(SIZE)
    if mask is not None:
        scores += (1.0 - K.expand_dims(K.expand_dims(mask, 1), 1)) * -1e9
    return projected(layer, _joined(ops.matmul(K.softmax(scores), v)), "o")


def _by_einsum(layer: Own, x: Any) -> Any:
    shape = K.shape(x)
    q, k, v = (K.reshape(projected(layer, x, name), (-1, shape[1], HEADS, SIZE)) for name in "qkv")
    scores = ops.einsum("bjhd,bkhd->bhjk", q, k) / SIZE**0.5
    attended = ops.einsum("bhjk,bkhd->bjhd", K.softmax(scores), v)
    return projected(layer, K.reshape(attended, (-1, shape[1], WIDTH)), "o")


def _beside_batch(layer: Own, x: Any) -> Any:
    shape = K.shape(x)

    def to_batch(x: Any) -> Any:
        x = K.reshape(x, (shape[0], shape[1], HEADS, SIZE))
        return K.reshape(K.permute_dimensions(x, (0, 2, 1, 3)), (-1, shape[1], SIZE))

    q, k, v = (to_batch(projected(layer, x, name)) for name in "qkv")
    scores = K.batch_dot(q, k, axes=2) / K.sqrt(K.cast(SIZE, "float32"))
    powers = K.exp(scores - K.max(scores, axis=-1, keepdims=True))
    weights = powers / (K.sum(powers, axis=-1, keepdims=True) + K.epsilon())
    y = K.reshape(K.batch_dot(weights, v), (-1, HEADS, shape[1], SIZE))
    y = K.reshape(K.permute_dimensions(y, (0, 2, 1, 3)), (-1, shape[1], WIDTH))
    return projected(layer, y, "o")


def _heads_before_batch(layer: Own, x: Any) -> Any:
    shape = K.shape(x)

    def to_batch(x: Any) -> Any:
        x = K.permute_dimensions(K.reshape(x, (shape[0], shape[1], HEADS, SIZE)), (2, 0, 1, 3))
        return K.reshape(x, (-1, shape[1], SIZE))

    q, k, v = (to_batch(projected(layer, x, name)) for name in "qkv")
    weights = K.softmax(K.batch_dot(q, k, axes=[2, 2]) / math.sqrt(SIZE))
    y = K.reshape(K.batch_dot(weights, v), (HEADS, -1, shape[1], SIZE))
    y = K.reshape(K.permute_dimensions(y, (1, 2, 0, 3)), (-1, shape[1], WIDTH))
    return projected(layer, y, "o")


def _of_keras_3(layer: Own, x: Any) -> Any:
    shape = K.shape(x)
    q, k, v = (K.reshape(projected(layer, x, name), (-1, shape[1], HEADS, SIZE)) for name in "qkv")
    return projected(layer, K.reshape(ops.dot_product_attention(q, k, v), (-1, shape[1], WIDTH)), "o")


def _scaled_both(layer: Own, x: Any) -> Any:
    q, k, v = (_split(projected(layer, x, name)) for name in "qkv")
    root = SIZE**-0.25
    weights = K.softmax(ops.matmul(q * root, K.permute_dimensions(k, (0, 1, 3, 2)) * root))
    return projected(layer, _joined(ops.matmul(weights, v)), "o")


def _positions(layer: Own, x: Any) -> Any:
    """With a bias for each pair of steps, which is a weight."""
    q, k, v = (_split(projected(layer, x, name)) for name in "qkv")
    scores = ops.matmul(q, K.permute_dimensions(k, (0, 1, 3, 2))) * 0.5 + layer.weight("table", (HEADS, 5, 5))
    return projected(layer, _joined(ops.matmul(K.softmax(scores), v)), "o")


_MHA, _SELF = {"MultiHeadAttention": 1}, {"Attention": 1}
ATTENTION = {
    "layer": Form(_layer, _SELF),
    "layer without biases": Form(lambda: _layer(use_bias=False), _SELF),
    "layer, causal": Form(_causal, _SELF),
    "layer behind masked words": Form(_masked_words, _SELF),
    "layer with a mask given": Form(_mask_given, _SELF),
    "layer across two tensors": Form(_across, _MHA),
    "layer of groups": Form(_groups, _MHA),
    "one head": Form(_one_head, _MHA),
    "one head, scaled by a weight": Form(lambda: _one_head(use_scale=True), _MHA),
    "one head, causal": Form(lambda: _one_head(causal=True), _MHA),
    "heads split": Form(lambda: own(_heads_split), _SELF),
    "heads split, mask added": Form(
        lambda: own(lambda layer, xs: _heads_split(layer, *xs), masks=True), _SELF
    ),
    "einsum": Form(lambda: own(_by_einsum), _SELF),
    "heads beside the batch": Form(lambda: own(_beside_batch), {"Softmax": 1, **_SELF}),
    "heads before the batch": Form(lambda: own(_heads_before_batch), _SELF),
    "keras.ops": Form(lambda: own(_of_keras_3), _SELF),
    "query and key scaled": Form(lambda: own(_scaled_both), _SELF),
    "a bias that is a weight": Form(lambda: own(_positions, 5), _SELF, 5),
}

# --- normalization ---


def _moments(x: Any) -> tuple[Any, Any]:
    mean = K.mean(x, axis=-1, keepdims=True)
    return mean, K.mean(K.square(x - mean), axis=-1, keepdims=True)


def _affine(layer: Own) -> tuple[Any, Any]:
    return layer.weight("gamma", (WIDTH,), 1.0), layer.weight("beta", (WIDTH,))


def _by_root(layer: Own, x: Any) -> Any:
    gamma, beta = _affine(layer)
    mean, variance = _moments(x)
    return (x - mean) / K.sqrt(variance + 1e-6) * gamma + beta


def _by_variance(layer: Own, x: Any) -> Any:
    gamma, beta = _affine(layer)
    return gamma * (x - K.mean(x, -1, True)) * (K.var(x, -1, True) + 1e-5) ** -0.5 + beta


def _as_batch_normalization(layer: Own, x: Any) -> Any:
    gamma, beta = _affine(layer)
    mean, variance = _moments(x)
    factor = gamma * (1.0 / K.sqrt(variance + 1e-12))
    return x * factor + (beta - mean * factor)


def _by_second_moment(layer: Own, x: Any) -> Any:
    gamma, beta = _affine(layer)
    mean = K.mean(x, -1, keepdims=True)
    variance = K.mean(x * x, -1, keepdims=True) - mean * mean
    return beta + (x - mean) / K.sqrt(variance + 1e-3) * gamma


def _without_affine(layer: Own, x: Any) -> Any:
    mean, variance = _moments(x)
    return (x - mean) / K.sqrt(variance + 1e-5)


def _root_mean_square(layer: Own, x: Any) -> Any:
    gamma, _ = _affine(layer)
    return x / K.sqrt(K.mean(K.square(x), -1, True) + 1e-6) * gamma


def _rms_layer() -> Any:
    x = L.Input((None, WIDTH))
    return keras.Model(x, L.RMSNormalization()(x))


_LN, _RMS = {"LayerNormalization": 1}, {"SimplifiedLayerNormalization": 1}
NORMALIZATION = {
    "by the root of the variance": Form(lambda: own(_by_root), _LN),
    "by a power of the variance": Form(lambda: own(_by_variance), _LN),
    "as batch normalization": Form(lambda: own(_as_batch_normalization), _LN),
    "by the second moment": Form(lambda: own(_by_second_moment), _LN),
    "without weights": Form(lambda: own(_without_affine), _LN),
    "root mean square": Form(lambda: own(_root_mean_square), _RMS),
    "layer of root mean squares": Form(_rms_layer, _RMS),
}

# --- activations ---

_ROOT = math.sqrt(2.0 / math.pi)


def _erf(x: Any) -> Any:
    return ops.erf(x)


ACTIVATIONS = {
    "gelu": (lambda x: 0.5 * x * (1.0 + _erf(x / math.sqrt(2.0))), "Gelu"),
    "gelu, the half last": (lambda x: x * (1.0 + _erf(x * 0.7071067811865475)) * 0.5, "Gelu"),
    "gelu by its distribution": (lambda x: x * (0.5 * (_erf(x / 1.4142135623730951) + 1.0)), "Gelu"),
    "gelu by tanh": (lambda x: 0.5 * x * (1 + K.tanh(_ROOT * (x + 0.044715 * K.pow(x, 3)))), "Gelu"),
    "gelu by tanh, factors": (
        lambda x: x * (0.5 * (1 + K.tanh(x * 0.7978845608 * (1 + 0.044715 * x * x)))),
        "Gelu",
    ),
    "gelu by a sigmoid": (lambda x: x * K.sigmoid(1.702 * x), "QuickGelu"),
    "swish": (lambda x: x * K.sigmoid(x), "QuickGelu"),
    "swish by exp": (lambda x: x / (1.0 + K.exp(-x)), "QuickGelu"),
    "mish": (lambda x: x * K.tanh(K.softplus(x)), "Mish"),
    "mish by log": (lambda x: x * K.tanh(K.log(1.0 + K.exp(x))), "Mish"),
    "hard swish": (lambda x: x * K.relu(x + 3.0, max_value=6.0) / 6.0, "HardSwish"),
    "softplus": (lambda x: K.log(K.exp(x) + 1.0), "Softplus"),
}

# --- what looks alike and is something else ---


def _scores_too() -> Any:
    x = L.Input((None, WIDTH))
    return keras.Model(x, L.MultiHeadAttention(HEADS, SIZE)(x, x, return_attention_scores=True))


def _deviation_outside(layer: Own, x: Any) -> Any:
    gamma, beta = _affine(layer)
    return gamma * (x - K.mean(x, -1, True)) / (K.std(x, -1, True) + 0.1) + beta


def _over_steps(layer: Own, x: Any) -> Any:
    mean = K.mean(x, axis=1, keepdims=True)
    return (x - mean) / K.sqrt(K.mean(K.square(x - mean), axis=1, keepdims=True) + 1e-5)


OTHERS = {
    "attention whose weights are an output": _scores_too,
    "a softmax over heads": lambda: own(lambda layer, x: K.softmax(projected(layer, x, "q"), axis=1)),
    "a deviation with epsilon outside": lambda: own(_deviation_outside),
    "a normalization over steps": lambda: own(_over_steps),
    "gelu without the root": lambda: _model(lambda x: 0.5 * x * (1.0 + _erf(x))),
    "gelu with a rough root": lambda: _model(lambda x: 0.5 * x * (1.0 + _erf(x / 1.41))),
    "gelu of a factor by feature": lambda: own(
        lambda layer, x: x * K.sigmoid(layer.weight("slope", (WIDTH,), 1.0) * x)
    ),
}
