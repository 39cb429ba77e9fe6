"""Activations, phases, dropout and normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from ...ir import LEARNING_PHASE, Constant, Value, op
from .. import registry
from . import config
from .manipulation import switch
from .math import clip
from .math import mean as average
from .math import sum as total
from .random import random_uniform
from .tensors import (
    as_number,
    axis_index,
    cast_value,
    dims_of,
    is_number,
    known_shape,
    pair,
    rank,
    refine,
    shape_vector,
    tensor,
)
from .variables import _full_like


def relu(x: Any, alpha: Any = 0.0, max_value: Any = None, threshold: Any = 0.0) -> Value:
    """``max_value`` above it, x above ``threshold``, else ``alpha * (x - threshold)``; numbers or tensors."""
    x = tensor(x)
    alpha, max_value, threshold = (as_number(given) for given in (alpha, max_value, threshold))
    sloped = not is_number(alpha) or alpha != 0.0
    if is_number(alpha) and sloped and max_value is None and is_number(threshold) and threshold == 0.0:
        return op.LeakyRelu(x, alpha=alpha)
    if not is_number(threshold) or threshold != 0.0:
        negative = op.Relu(threshold - x)
        y = x * cast_value(x > threshold, x.dtype)
        y = y if max_value is None else clip(y, 0.0, max_value)
    else:
        negative = op.Relu(-x)
        y = op.Relu(x) if max_value is None else clip(x, 0.0, max_value)
    return y - alpha * negative if sloped else y


def elu(x: Any, alpha: Any = 1.0) -> Value:
    """Exponential linear unit: x above 0, alpha * (exp(x) - 1) below; alpha is a number or a tensor.

    Element by element.
    """
    x, alpha = tensor(x), as_number(alpha)
    if is_number(alpha):
        return op.Elu(x, alpha=alpha)
    return op.Relu(x) + alpha * op.Elu(-op.Relu(-x))


def softmax(x: Any, axis: int = -1) -> Value:
    """exp(x) normalised to a sum of 1 along ``axis``."""
    return op.Softmax(tensor(x), axis=axis)


def softplus(x: Any) -> Value:
    """log(exp(x) + 1). Element by element."""
    return op.Softplus(tensor(x))


def softsign(x: Any) -> Value:
    """x / (abs(x) + 1). Element by element."""
    return op.Softsign(tensor(x))


def sigmoid(x: Any) -> Value:
    """1 / (1 + exp(-x)). Element by element."""
    return op.Sigmoid(tensor(x))


def hard_sigmoid(x: Any) -> Value:
    """0.2 x + 0.5, limited to [0, 1]. Element by element."""
    return op.HardSigmoid(tensor(x), alpha=0.2, beta=0.5)


def tanh(x: Any) -> Value:
    """Hyperbolic tangent. Element by element."""
    return op.Tanh(tensor(x))


def l2_normalize(x: Any, axis: int | Sequence[int] | None = None) -> Value:
    """``x`` divided by its Euclidean norm along ``axis`` (whose square counts at least 1e-12)."""
    x = tensor(x)
    return x / op.Sqrt(op.Max(total(op.Mul(x, x), axis, True), 1e-12))


@overload
def stop_gradient(variables: list[Any] | tuple[Any, ...]) -> list[Any]: ...


@overload
def stop_gradient(variables: Any) -> Value: ...


def stop_gradient(variables: Any) -> Value | list[Any]:
    """The value, or list of values, through which no gradient flows."""
    if isinstance(variables, list | tuple):
        return [stop_gradient(v) for v in variables]
    return op.StopGradient(tensor(variables))


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """``x`` while training, ``alt`` otherwise.

    Args:
        x, alt: tensors of one dtype, or functions without arguments that make them.
        training: True or 1, False or 0 decide here and now; None follows K.learning_phase(); any other
            value decides at run time.
    """
    if training is None:
        training = config.learning_phase()
    if isinstance(training, bool | int | np.bool_ | np.integer):
        chosen = x if training else alt
        return chosen() if callable(chosen) else chosen
    if training is not LEARNING_PHASE:
        return switch(training, x, alt)
    x = x() if callable(x) else x
    alt = alt() if callable(alt) else alt
    if x is alt:
        return x
    x, alt = pair(x, alt)
    return op.Phase(x, alt)


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """``x`` at test time, ``alt`` while training; see in_train_phase."""
    return in_train_phase(alt, x, training)


def dropout(x: Any, level: Any, noise_shape: Any = None, seed: int | None = None) -> Value:
    """``x`` with a fraction ``level`` of its elements set to 0 at random and the others scaled up to keep the
    mean.

    Args:
        level: fraction to drop, in [0, 1).
        noise_shape: shape of the mask, broadcast over ``x``; None entries take the size of ``x``.
        seed: seed of this operator; drawn from numpy's global generator by default.

    Raises:
        ValueError: if ``level`` is a number outside [0, 1).
    """
    x = tensor(x)
    if not isinstance(level, Value) and not 0 <= level < 1:
        raise ValueError(f"K.dropout: level must be in [0, 1); found {level!r}.")
    if seed is None:
        seed = int(np.random.randint(10_000_000))
    if noise_shape is None or (not isinstance(noise_shape, Value) and all(d is None for d in noise_shape)):
        ratio = level if isinstance(level, Value) else Constant(np.float32(level))
        return op.Dropout(x, ratio, np.array(True), seed=int(seed))
    if not isinstance(noise_shape, Value):
        noise_shape = [op.Shape(x, start=i, end=i + 1) if d is None else d for i, d in enumerate(noise_shape)]
    kept = cast_value(random_uniform(noise_shape, dtype=x.dtype, seed=seed) >= level, x.dtype)
    return refine(x * kept / (1.0 - level), x.dims)


def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Value:
    """``gamma * (x - mean) / sqrt(var + epsilon) + beta``.

    Args:
        mean, var, beta, gamma: one number per element of ``axis``, as vectors or in a shape that broadcasts;
            beta None counts as 0, gamma None as 1.
    """
    x = tensor(x)
    given = [None if v is None else tensor(v, x.dtype) for v in (gamma, beta, mean, var)]
    channel = axis_index(x, axis, "K.batch_normalization")
    vectors = [_as_vector(v, x, channel) for v in given]
    if any(v is None for v, g in zip(vectors, given, strict=True) if g is not None) or x.rank < 2:
        gamma, beta, mean, var = given
        scale = 1.0 / op.Sqrt(var + epsilon)
        scale = scale if gamma is None else scale * gamma
        shifted = (x - mean) * scale
        return shifted if beta is None else shifted + beta
    gamma, beta, mean, var = vectors
    return _around_channels(
        x,
        channel,
        lambda y: op.BatchNormalization(
            y, _or_full(gamma, 1, mean), _or_full(beta, 0, mean), mean, var, epsilon=float(epsilon)
        ),
    )


def _as_vector(v: Value | None, x: Value, channel: int) -> Value | None:
    """``v`` as one number a channel; None where it is something else."""
    size = known_shape(x)[channel]
    if v is None or v.shape is None:
        return None
    if v.rank == 1:
        return v if v.shape[0] == size or channel == len(known_shape(x)) - 1 else None
    at = channel - (len(known_shape(x)) - len(v.shape))
    if at >= 0 and all(d == 1 for i, d in enumerate(v.shape) if i != at):
        return op.Reshape(v, [-1])
    return None


def _or_full(v: Value | None, number: int, like: Value) -> Value:
    return _full_like(number, like, None) if v is None else v


def _around_channels(x: Value, channel: int, compute: Any) -> Any:
    """``compute`` applied with the channels on axis 1, as ONNX has it, and its first result moved back."""
    count = rank(x, "normalisation")
    if channel == 1:
        return compute(x)
    forth = [0, channel, *(i for i in range(1, count) if i != channel)]
    out = compute(op.Transpose(x, perm=forth))
    back = [int(i) for i in np.argsort(forth)]
    if isinstance(out, tuple):
        return (op.Transpose(out[0], perm=back), *out[1:])
    return op.Transpose(out, perm=back)


def normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Sequence[int], epsilon: float = 1e-3
) -> tuple[Value, Value, Value]:
    """``x`` normalised by its own statistics over ``reduction_axes``.

    Returns:
        (normalised, mean, variance); the statistics have the axes that are left, and the variance is that of
        the population.
    """
    x = tensor(x)
    axes = sorted(axis_index(x, int(a), "K.normalize_batch_in_training") for a in reduction_axes)
    left = [i for i in range(rank(x, "K.normalize_batch_in_training")) if i not in axes]
    if len(left) == 1 and left != [0] and isinstance(x.dims[left[0]], int):
        return _fused_normalization(x, gamma, beta, left[0], epsilon)
    mean = average(x, axes, True)
    centred = x - mean
    var = average(op.Mul(centred, centred), axes, True)
    normed = centred / op.Sqrt(var + epsilon)
    for operand, combine in ((gamma, op.Mul), (beta, op.Add)):
        if operand is not None:
            operand = tensor(operand, x.dtype)
            if operand.rank == len(left):
                operand = op.Unsqueeze(operand, axes)
            normed = combine(normed, operand)
    return normed, op.Squeeze(mean, axes), op.Squeeze(var, axes)


def _fused_normalization(
    x: Value, gamma: Any, beta: Any, channel: int, epsilon: float
) -> tuple[Value, Value, Value]:
    size = known_shape(x)[channel]
    zeros, ones = Constant(np.zeros(size, x.dtype)), Constant(np.ones(size, x.dtype))
    gamma = ones if gamma is None else _parameter(gamma, x)
    beta = zeros if beta is None else _parameter(beta, x)
    # with momentum 0 the running statistics that the operator returns are those of this batch
    return _around_channels(
        x,
        channel,
        lambda y: op.BatchNormalization(
            y, gamma, beta, zeros, ones, epsilon=float(epsilon), momentum=0.0, training_mode=1, outputs=3
        ),
    )


def _parameter(v: Any, x: Value) -> Value:
    """A parameter of a normalisation as a vector in the dtype of ``x``."""
    v = tensor(v, x.dtype)
    return v if v.rank == 1 else op.Reshape(v, [-1])


def in_top_k(predictions: Any, targets: Any, k: Any) -> Value:
    """Whether each target class is among the ``k`` largest predictions, ties included.

    Args:
        predictions: (batch, classes). targets: (batch,) class numbers.

    Returns:
        (batch,) bool; False where the prediction of the target is not finite or the class does not exist.
    """
    predictions, targets = tensor(predictions), tensor(targets)
    targets = op.Unsqueeze(cast_value(targets, np.dtype(np.int64)), [1])
    classes = op.Shape(predictions, start=1, end=2)
    exists = op.And(op.GreaterOrEqual(targets, np.int64(0)), op.Less(targets, classes))
    chosen = op.GatherElements(predictions, op.Where(exists, targets, np.int64(0)), axis=1)
    better = op.ReduceSum(cast_value(op.Greater(predictions, chosen), np.dtype(np.int32)), [1], keepdims=1)
    finite = op.Not(op.Or(op.IsInf(chosen), op.IsNaN(chosen)))
    k = cast_value(tensor(k), np.dtype(np.int32)) if isinstance(k, Value) else np.int32(k)
    found = op.And(op.And(exists, finite), op.Less(better, k))
    return op.Squeeze(found, [1])


def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Value:
    """``x`` plus a bias per channel, or per element of all axes but the batch.

    Raises:
        ValueError: if the bias has neither 1 axis nor one less than ``x``.
    """
    data_format = config.normalize_data_format(data_format)
    x = tensor(x)
    bias = tensor(bias, x.dtype)
    count = rank(x, "K.bias_add")
    if bias.rank not in (1, count - 1):
        raise ValueError(f"Unexpected bias dimensions {bias.rank}, expect to be 1 or {count - 1} dimensions.")
    if data_format == "channels_first" and count > 2:
        if bias.rank == 1:
            bias = op.Reshape(bias, shape_vector([-1] + [1] * (count - 2)))
        else:
            # Keras reinterprets the elements here and does not transpose them: stored weights depend on it
            sizes = dims_of(bias)
            bias = op.Reshape(bias, shape_vector([sizes[-1], *sizes[:-1]]))
    return op.Add(x, bias)


registry.publish(globals())
