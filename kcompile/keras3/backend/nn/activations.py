"""Activation functions, by the texts of ``kcompile.keras.activations``, with the defaults of Keras 3."""

from __future__ import annotations

from typing import Any

from kcompile.ir import Value, op
from kcompile.keras import activations
from kcompile.keras import backend as K

from ..tensors import as_value, operation, publish
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
def hard_sigmoid(x: Value) -> Value:
    """``x / 6 + 0.5`` limited to [0, 1]."""
    return activations.hard_sigmoid_3(x)


@activation
def gelu(x: Value, approximate: bool = True) -> Value:
    """x times the normal distribution function of x, or the tanh approximation of that."""
    return activations.gelu(x, approximate)


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


# Those that Keras 3 computes as the versions before it, with the same defaults.
sigmoid = activation(activations.sigmoid)
sparse_sigmoid = activation(activations.sparse_sigmoid)
tanh = activation(activations.tanh)
tanh_shrink = activation(activations.tanh_shrink)
softplus = activation(activations.softplus)
softsign = activation(activations.softsign)
soft_shrink = activation(activations.soft_shrink)
sparse_plus = activation(activations.sparse_plus)
silu = activation(activations.silu)
squareplus = activation(activations.squareplus)
log_sigmoid = activation(activations.log_sigmoid)
leaky_relu = activation(activations.leaky_relu)
hard_silu = activation(activations.hard_silu)
elu = activation(activations.elu)
selu = activation(activations.selu)
celu = activation(activations.celu)
glu = activation(activations.glu)
hard_tanh = activation(activations.hard_tanh)
hard_shrink = activation(activations.hard_shrink)
threshold = activation(activations.threshold)
sparsemax = activation(activations.sparsemax)


publish(globals(), imported=True)
