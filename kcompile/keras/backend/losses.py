"""Cross-entropies. Where the output is a Softmax or Sigmoid, they are computed from its logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Value, op
from . import config
from .math import clip, pow, sum
from .nn import sigmoid, softmax
from .tensors import axis_index, cast_value, known_shape, producer, rank, tensor

__all__ = [
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "sparse_categorical_crossentropy",
]


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Value:
    """Cross-entropy of ``output`` with ``target`` probabilities, summed over ``axis``.

    Args:
        from_logits: whether ``output`` is given before its softmax; otherwise it is normalised to a sum of 1.
    """
    output = tensor(output)
    target = tensor(target, output.dtype)
    axis = axis_index(output, axis, "K.categorical_crossentropy")
    return op.Neg(
        op.ReduceSum(op.Mul(target, _log_probabilities(output, from_logits, axis)), [axis], keepdims=0)
    )


def _log_probabilities(output: Value, from_logits: bool, axis: int) -> Value:
    logits = output if from_logits else logits_of(output, "Softmax", axis)
    if logits is not None:
        return op.LogSoftmax(logits, axis=axis)
    fuzz = config.epsilon()
    normalised = op.Div(output, op.ReduceSum(output, [axis], keepdims=1))
    return op.Log(op.Clip(normalised, fuzz, 1.0 - fuzz))


def logits_of(output: Value, activation: str, axis: int | None = None) -> Value | None:
    """What went into the activation that made ``output``, None if that was another operator."""
    node = producer(output)
    if node is None or node.op_type != activation or node.domain:
        return None
    if axis is not None and node.attributes.get("axis", -1) % len(known_shape(output)) != axis:
        return None
    return node.inputs[0]


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1, ignore_class: int | None = None
) -> Value:
    """Cross-entropy of ``output`` with class numbers.

    Args:
        target: class numbers, in the shape of ``output`` without ``axis`` (an axis of size 1 in its place is
            dropped).
        from_logits: whether ``output`` is given before its softmax.
        ignore_class: a class number where there is no loss.
    """
    output, target = tensor(output), tensor(target)
    if ignore_class is not None:
        if target.rank == output.rank:
            target = op.Squeeze(target, [axis])
        valid = op.Not(op.Equal(target, tensor(ignore_class, target.dtype)))
        known = op.Where(valid, target, tensor(0, target.dtype))
        loss = sparse_categorical_crossentropy(known, output, from_logits, axis)
        return op.Where(valid, loss, tensor(0.0, loss.dtype))
    axis = axis_index(output, axis, "K.sparse_categorical_crossentropy")
    logits = output if from_logits else logits_of(output, "Softmax", axis)
    if logits is None:
        fuzz = config.epsilon()
        logits = op.Log(op.Clip(output, fuzz, 1.0 - fuzz))
    target = cast_value(target, np.dtype(np.int64)) if target.dtype != np.int64 else target
    count = rank(output, "K.sparse_categorical_crossentropy")
    if axis != count - 1:
        logits = op.Transpose(logits, perm=[*(i for i in range(count) if i != axis), axis])
    if count == 2:
        classes = op.Squeeze(target, [1]) if target.rank == 2 else target
        return op.SoftmaxCrossEntropyLoss(logits, classes, reduction="none")
    classes = op.Reshape(target, [-1])
    sizes = op.Slice(op.Shape(logits), [0], [count - 1])
    rows = op.Reshape(
        logits, op.Concat(np.array([-1]), op.Slice(op.Shape(logits), [count - 1], [count]), axis=0)
    )
    return op.Reshape(op.SoftmaxCrossEntropyLoss(rows, classes, reduction="none"), sizes)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Value:
    """Cross-entropy of probabilities of single yes-or-no questions, element by element.

    Args:
        from_logits: whether ``output`` is given before its sigmoid.
    """
    output = tensor(output)
    target = tensor(target, output.dtype)
    logits = output if from_logits else logits_of(output, "Sigmoid")
    if logits is not None:
        # softplus(z) - z t: exact at z = 0 in value and gradient, and never overflows
        return op.Sub(op.Softplus(logits), op.Mul(logits, target))
    fuzz = config.epsilon()
    output = op.Clip(output, fuzz, 1.0 - fuzz)
    hit = op.Mul(target, op.Log(output + fuzz))
    # 1 + fuzz is rounded first, as by TensorFlow's graph optimizer: it shows where the output is exactly 1
    miss = op.Mul(1.0 - target, op.Log((1.0 + fuzz) - output))
    return op.Neg(op.Add(hit, miss))


def binary_focal_crossentropy(
    target: Any,
    output: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
) -> Value:
    """``binary_crossentropy`` that counts for less where the answer is sure (Lin et al., 2018): times
    ``(1 - p)^gamma``, p being the probability of the right answer.

    Args:
        apply_class_balancing: whether yes-labels weigh alpha, no-labels 1 - alpha.
        from_logits: whether ``output`` is given before its sigmoid.
    """
    output = tensor(output)
    target = tensor(target, output.dtype)
    output = sigmoid(output) if from_logits else output
    right = target * output + (1.0 - target) * (1.0 - output)
    loss = pow(1.0 - right, gamma) * binary_crossentropy(target, output)
    return (target * alpha + (1.0 - target) * (1.0 - alpha)) * loss if apply_class_balancing else loss


def categorical_focal_crossentropy(
    target: Any,
    output: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    axis: int = -1,
) -> Value:
    """Cross-entropy whose terms count for less where the prediction is sure: times
    ``alpha (1 - p)^gamma`` (Lin et al., 2018); summed over ``axis``.

    Args:
        alpha: number, or one for each class.
        from_logits: whether ``output`` is given before its softmax; otherwise it is normalised to a sum of 1.
    """
    output = tensor(output)
    target = tensor(target, output.dtype)
    output = softmax(output, axis=axis) if from_logits else output
    p = clip(output / sum(output, axis=axis, keepdims=True), config.epsilon(), 1.0 - config.epsilon())
    weights = pow(1.0 - p, gamma) * tensor(alpha, p.dtype)
    return sum(-weights * target * op.Log(p), axis=axis)
