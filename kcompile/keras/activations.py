"""Activation functions, by name or as functions of a tensor.

Names, parameters and defaults are those of ``keras.activations`` in Keras 2.3; names of later versions come
after them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from ..ir import Value, op
from . import backend as K
from . import registry, rules
from .backend.tensors import static_sizes, tensor
from .legacy.old_names import answer_old_names
from .utils.generic_utils import deserialize_keras_object
from .utils.living import goes_itself

# Klambauer et al. (2017), "Self-Normalizing Neural Networks"
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def softmax(x: Any, axis: int = -1) -> Value:
    """exp(x) normalised to a sum of 1 along ``axis``.

    Raises:
        ValueError: for a tensor of one axis, whose only axis is the batch.
    """
    if K.ndim(x) == 1:
        raise ValueError(f"Cannot apply softmax to a tensor that is 1D. Received input: {x!r}")
    return K.softmax(x, axis=axis)


def elu(x: Any, alpha: float = 1.0) -> Value:
    """x above 0, ``alpha * (exp(x) - 1)`` below. Any shape, which the result has."""
    return K.elu(x, alpha)


def selu(x: Any) -> Value:
    """elu with the constants that keep mean 0 and variance 1 from layer to layer (under lecun_normal).

    Any shape, which the result has.
    """
    return op.Selu(tensor(x), alpha=SELU_ALPHA, gamma=SELU_SCALE)


def softplus(x: Any) -> Value:
    """``log(exp(x) + 1)``."""
    return K.softplus(x)


def softsign(x: Any) -> Value:
    """``x / (abs(x) + 1)``."""
    return K.softsign(x)


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Value:
    """max_value above max_value, x above ``threshold``, ``alpha * (x - threshold)`` below.

    Any shape, which the result has.
    """
    return K.relu(x, alpha=alpha, max_value=max_value, threshold=threshold)


def tanh(x: Any) -> Value:
    """Hyperbolic tangent. Any shape, which the result has."""
    return K.tanh(x)


def sigmoid(x: Any) -> Value:
    """``1 / (1 + exp(-x))``."""
    return K.sigmoid(x)


def hard_sigmoid(x: Any) -> Value:
    """``0.2 x + 0.5`` limited to [0, 1]."""
    return K.hard_sigmoid(x)


def hard_sigmoid_3(x: Any) -> Value:
    """``x / 6 + 0.5`` limited to [0, 1]: what Keras 3 calls hard_sigmoid."""
    return op.HardSigmoid(tensor(x), alpha=1 / 6, beta=0.5)


def exponential(x: Any) -> Value:
    """``exp(x)``."""
    return K.exp(x)


def linear(x: Any) -> Any:
    """``x`` itself."""
    return x


def silu(x: Any) -> Value:
    """``x * sigmoid(x)``, also called swish (Ramachandran et al., 2017)."""
    x = tensor(x)
    return op.Mul(x, op.Sigmoid(x))


def swish(x: Any) -> Value:
    """``x * sigmoid(x)``; the name under which TensorFlow first had it."""
    return silu(x)


def gelu(x: Any, approximate: bool = False) -> Value:
    """x times the normal distribution function of x, or the tanh approximation (Hendrycks, Gimpel, 2016).

    Any shape, which the result has.
    """
    return op.Gelu(tensor(x), approximate="tanh" if approximate else "none")


def mish(x: Any) -> Value:
    """``x * tanh(softplus(x))`` (Misra, 2019)."""
    return op.Mish(tensor(x))


def relu6(x: Any) -> Value:
    """relu limited to 6. Any shape, which the result has."""
    return K.relu(x, max_value=6.0)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Value:
    """x above 0, ``negative_slope * x`` below. Any shape, which the result has."""
    return K.relu(x, alpha=negative_slope)


def log_softmax(x: Any, axis: int = -1) -> Value:
    """The logarithm of softmax, computed without overflow. The result has the shape of x."""
    return op.LogSoftmax(tensor(x), axis=axis)


def log_sigmoid(x: Any) -> Value:
    """``log(sigmoid(x))``, computed without overflow."""
    return op.Neg(op.Softplus(op.Neg(tensor(x))))


def celu(x: Any, alpha: float = 1.0) -> Value:
    """x above 0, ``alpha * (exp(x / alpha) - 1)`` below (Barron, 2017).

    Any shape, which the result has.
    """
    return op.Celu(tensor(x), alpha=alpha)


def glu(x: Any, axis: int = -1) -> Value:
    """The first half of ``x`` along ``axis`` times the sigmoid of the second (Dauphin et al., 2017)."""
    first, second = op.Split(tensor(x), None, axis=axis, num_outputs=2, outputs=2)
    return op.Mul(first, op.Sigmoid(second))


def hard_silu(x: Any) -> Value:
    """``x * relu6(x + 3) / 6`` (Howard et al., 2019)."""
    return op.HardSwish(tensor(x))


def hard_swish(x: Any) -> Value:
    """hard_silu by its other name. Any shape, which the result has."""
    return hard_silu(x)


def hard_tanh(x: Any) -> Value:
    """``x`` limited to [-1, 1]."""
    return K.clip(x, -1.0, 1.0)


def hard_shrink(x: Any, threshold: float = 0.5) -> Value:
    """0 within ``threshold`` of 0, x elsewhere. Any shape, which the result has."""
    return op.Shrink(tensor(x), lambd=threshold, bias=0.0)


def soft_shrink(x: Any, threshold: float = 0.5) -> Value:
    """0 within ``threshold`` of 0, elsewhere x moved towards 0 by ``threshold``.

    Any shape, which the result has.
    """
    return op.Shrink(tensor(x), lambd=threshold, bias=threshold)


def tanh_shrink(x: Any) -> Value:
    """``x - tanh(x)``."""
    x = tensor(x)
    return op.Sub(x, op.Tanh(x))


def threshold(x: Any, threshold: float, default_value: float) -> Value:
    """x where it is above ``threshold``, else ``default_value``. Any shape, which the result has."""
    x = tensor(x)
    return op.Where(op.Greater(x, threshold), x, tensor(default_value, x.dtype))


def squareplus(x: Any, b: float = 4) -> Value:
    """``(x + sqrt(x^2 + b)) / 2`` (Barron, 2021). Any shape, which the result has."""
    x = tensor(x)
    return op.Mul(op.Add(x, op.Sqrt(op.Mul(x, x) + float(b))), 0.5)


def sparse_plus(x: Any) -> Value:
    """0 up to -1, ``(x + 1)^2 / 4`` from there to 1, then x. Any shape, which the result has."""
    x = tensor(x)
    bend = K.clip(x, -1.0, 1.0) + 1.0
    return op.Add(op.Mul(op.Mul(bend, bend), 0.25), op.Relu(x - 1.0))


def sparse_sigmoid(x: Any) -> Value:
    """``(x + 1) / 2`` limited to [0, 1]. Any shape, which the result has."""
    return op.HardSigmoid(tensor(x), alpha=0.5, beta=0.5)


def sparsemax(x: Any, axis: int = -1) -> Value:
    """Sparsemax (Martins, Astudillo, 2016) as Keras 3 computes it.

    Keras 3.15 subtracts the mean of the running sums of the support where the paper has the mean of the
    support, so results need not sum to 1. Its models were trained that way, so it is kept.

    Raises:
        ValueError: if the size along ``axis`` is unknown.
    """
    x = tensor(x)
    shape = static_sizes(x)
    size = shape[axis]
    if size is None:
        raise ValueError(f"sparsemax needs a known size along axis {axis}; x has the shape {shape}.")
    rank = len(shape)
    axis %= rank
    ranks = np.arange(1, size + 1, dtype=x.dtype).reshape([-1] + [1] * (rank - 1 - axis))
    falling, _ = op.TopK(x, [size], axis=axis, outputs=2)
    running = op.CumSum(falling, axis)
    inside = K.cast(op.Greater(falling * ranks + 1.0, running), x.dtype)
    total = op.ReduceSum(running * inside, [axis], keepdims=1) - 1.0
    return op.Relu(x - total / op.ReduceSum(inside, [axis], keepdims=1))


_ALL = {
    function.__name__: function
    for function in (
        softmax, elu, selu, softplus, softsign, relu, tanh, sigmoid, hard_sigmoid, exponential, linear,
        silu, swish, gelu, mish, relu6, leaky_relu, log_softmax, log_sigmoid, celu, glu, hard_silu,
        hard_swish, hard_tanh, hard_shrink, soft_shrink, tanh_shrink, threshold, squareplus, sparse_plus,
        sparse_sigmoid, sparsemax, hard_sigmoid_3,
    )
}  # fmt: skip


def serialize(activation: Callable[..., Any], use_legacy_format: bool = True) -> Any:
    """The name of an activation function, "linear" for None; of a layer in its place the configuration.

    Args:
        use_legacy_format: False for the form of tf.keras 2.12 and later, with module and registered name.

    Raises:
        ValueError: for a function without a name.
    """
    if activation is None:
        return "linear"
    if registry.is_a(activation, "layer", "Layer"):
        return registry.serialize("layer", activation)
    if goes_itself(activation):
        return activation
    if not hasattr(activation, "__name__"):
        raise ValueError(f"an activation is written by its function's name; {activation!r} has none.")
    return activation.__name__


def deserialize(
    name: Any, custom_objects: Mapping[str, Any] | None = None, use_legacy_format: bool | None = None
) -> Callable[..., Any]:
    """The activation function called ``name``; hard_sigmoid by the rules of Keras 3 is its own.

    Args:
        name: a function's name, or class and configuration of a layer that stands for a function.
        use_legacy_format: of tf.keras; both forms are read.

    Raises:
        ValueError: for an unknown name; the message lists near ones.
    """
    if isinstance(name, Mapping) and name.get("class_name") not in (None, "function"):
        return cast(Callable[..., Any], registry.deserialize("layer", name, custom_objects))
    found = deserialize_keras_object(
        name, registry.names("activation"), custom_objects, "activation function"
    )
    return _ALL[rules.in_force().hard_sigmoid] if found is hard_sigmoid else found


def get(identifier: Any) -> Callable[..., Any]:
    """An activation from its name, a config, a function, or None (linear).

    Raises:
        ValueError: for an unknown name, or for what is none of these.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str | Mapping):
        return deserialize(identifier)
    if not callable(identifier):
        raise ValueError(f"Could not interpret activation function identifier: {identifier!r}")
    if registry.is_a(identifier, "layer", "Layer"):
        warnings.warn(
            f"Do not pass a layer instance (such as {type(identifier).__name__}) as the activation argument "
            "of another layer. Instead, advanced activation layers should be used just like any other layer "
            "in a model.",
            stacklevel=2,
        )
    return identifier


answer_old_names(__name__)
registry.register(globals())
registry.name("activation", _ALL)
