"""Cross-entropies. Where the output is a Softmax or Sigmoid, they are computed from its logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Value, op
from . import config
from .tensors import axis_index, cast_value, known_shape, producer, rank, tensor

__all__ = ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]


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
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Value:
    """Cross-entropy of ``output`` with class numbers.

    Args:
        target: class numbers, in the shape of ``output`` without ``axis`` (an axis of size 1 in its place is
            dropped).
        from_logits: whether ``output`` is given before its softmax.
    """
    output, target = tensor(output), tensor(target)
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
