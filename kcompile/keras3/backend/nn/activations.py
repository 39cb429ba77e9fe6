"""Activation functions, by the texts of ``kcompile.keras.activations``, with the defaults of Keras 3."""

from __future__ import annotations

from typing import Any

from kcompile.ir import Value, op
from kcompile.keras import activations
from kcompile.keras import backend as K

from ..tensors import as_value, operation
from .types import activation, is_floating


@operation
def relu(x: Any) -> Any:
    """x where it is positive, else 0; whole numbers stay whole."""
    return op.Relu(as_value(x))


@operation
def relu6(x: Any) -> Any:
    """x limited to [0, 6]; whole numbers stay whole."""
    x = as_value(x)
    return K.clip(x, 0.0, 6.0) if is_floating(x) else K.clip(x, 0, 6)


@activation
def sigmoid(x: Value) -> Value:
    """``1 / (1 + exp(-x))``."""
    return op.Sigmoid(x)


@activation
def sparse_sigmoid(x: Value) -> Value:
    """``(x + 1) / 2`` limited to [0, 1]."""
    return activations.sparse_sigmoid(x)


@activation
def tanh(x: Value) -> Value:
    """Hyperbolic tangent."""
    return op.Tanh(x)


@activation
def tanh_shrink(x: Value) -> Value:
    """``x - tanh(x)``."""
    return activations.tanh_shrink(x)


@activation
def softplus(x: Value) -> Value:
    """``log(exp(x) + 1)``."""
    return op.Softplus(x)


@activation
def softsign(x: Value) -> Value:
    """``x / (abs(x) + 1)``."""
    return op.Softsign(x)


@activation
def soft_shrink(x: Value, threshold: float = 0.5) -> Value:
    """0 within ``threshold`` of 0, elsewhere x moved towards 0 by ``threshold``."""
    return activations.soft_shrink(x, threshold)


@activation
def sparse_plus(x: Value) -> Value:
    """0 up to -1, ``(x + 1)^2 / 4`` from there to 1, then x."""
    return activations.sparse_plus(x)


@activation
def silu(x: Value) -> Value:
    """``x * sigmoid(x)``."""
    return activations.silu(x)


@activation
def squareplus(x: Value, b: float = 4) -> Value:
    """``(x + sqrt(x^2 + b)) / 2``."""
    return activations.squareplus(x, b)


@activation
def log_sigmoid(x: Value) -> Value:
    """``log(sigmoid(x))``, computed without overflow."""
    return activations.log_sigmoid(x)


@activation
def leaky_relu(x: Value, negative_slope: float = 0.2) -> Value:
    """x above 0, ``negative_slope * x`` below."""
    return activations.leaky_relu(x, negative_slope)


@activation
def hard_sigmoid(x: Value) -> Value:
    """``x / 6 + 0.5`` limited to [0, 1]."""
    return activations.hard_sigmoid_3(x)


@activation
def hard_silu(x: Value) -> Value:
    """``x * relu6(x + 3) / 6``."""
    return activations.hard_silu(x)


@activation
def elu(x: Value, alpha: float = 1.0) -> Value:
    """x above 0, ``alpha * (exp(x) - 1)`` below."""
    return activations.elu(x, alpha)


@activation
def selu(x: Value) -> Value:
    """elu with the constants that keep mean 0 and variance 1 from layer to layer."""
    return activations.selu(x)


@activation
def gelu(x: Value, approximate: bool = True) -> Value:
    """x times the normal distribution function of x, or the tanh approximation of that."""
    return activations.gelu(x, approximate)


@activation
def celu(x: Value, alpha: float = 1.0) -> Value:
    """x above 0, ``alpha * (exp(x / alpha) - 1)`` below."""
    return activations.celu(x, alpha)


@activation
def glu(x: Value, axis: int = -1) -> Value:
    """The first half of ``x`` along ``axis`` times the sigmoid of the second."""
    return activations.glu(x, axis)


@activation
def hard_tanh(x: Value) -> Value:
    """``x`` limited to [-1, 1]."""
    return activations.hard_tanh(x)


@activation
def hard_shrink(x: Value, threshold: float = 0.5) -> Value:
    """0 within ``threshold`` of 0, x elsewhere."""
    return activations.hard_shrink(x, threshold)


@activation
def threshold(x: Value, threshold: float, default_value: float) -> Value:
    """x where it is above ``threshold``, else ``default_value``."""
    return activations.threshold(x, threshold, default_value)


@activation
def softmax(x: Value, axis: int | None = -1) -> Value:
    """exp(x) normalised to a sum of 1 along ``axis``, or over all elements where that is None."""
    return _along(x, axis, op.Softmax)


@activation
def log_softmax(x: Value, axis: int | None = -1) -> Value:
    """The logarithm of softmax, computed without overflow."""
    return _along(x, axis, op.LogSoftmax)


def _along(x: Value, axis: int | None, function: Any) -> Value:
    if axis is not None:
        return function(x, axis=axis)  # type: ignore[no-any-return]
    return op.Reshape(function(op.Reshape(x, [-1]), axis=0), op.Shape(x))


@activation
def sparsemax(x: Value, axis: int = -1) -> Value:
    """Sparsemax (Martins, Astudillo, 2016) as Keras 3 computes it.

    Raises:
        ValueError: if the size along ``axis`` is open.
    """
    return activations.sparsemax(x, axis)
