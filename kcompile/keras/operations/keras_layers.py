"""Layers of Keras that compute what a function between layers does, so that files of Keras 2 can say it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...ir import Value

Found = tuple[str, dict[str, Any]] | None

_ACTIVATIONS = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Selu": "selu",
    "Exp": "exponential",
}


def equivalent_layer(operation: str, arguments: Mapping[str, Any], tensors: Sequence[Value]) -> Found:
    """Class and arguments of a layer with the same results to the bit on these tensors, or None."""
    if any(x.dtype != np.float32 or getattr(x, "_keras_mask", None) is not None for x in tensors):
        return None  # layers pass masks on
    if operation in _ACTIVATIONS:
        return "Activation", {"activation": _ACTIVATIONS[operation]}
    rule = _RULES.get(operation)
    return None if rule is None else rule(operation, arguments, tensors)


def _merged(operation: str, arguments: Mapping[str, Any], tensors: Sequence[Value]) -> Found:
    """Both operands are tensors; merging layers line up other ranks in another way than numpy."""
    ranks = {len(x.shape) for x in tensors if x.shape is not None}
    ordered = [arguments[name] == {"tensor": i} for i, name in enumerate(("x1", "x2"))]
    return (operation, {}) if len(tensors) == 2 and len(ranks) == 1 and all(ordered) else None


def _linear(operation: str, arguments: Mapping[str, Any], tensors: Sequence[Value]) -> Found:
    """A number on one side."""
    if len(tensors) == 2:
        return None if operation == "TrueDivide" else _merged(operation, arguments, tensors)
    x1, x2 = arguments["x1"], arguments["x2"]
    number, left = (x1, True) if isinstance(x1, int | float) else (x2, False)
    if not isinstance(number, int | float) or isinstance(number, bool):
        return None
    if operation == "Multiply":
        scale, offset = float(number), 0.0
    elif operation == "Add":
        scale, offset = 1.0, float(number)
    elif operation == "Subtract":
        scale, offset = (-1.0, float(number)) if left else (1.0, -float(number))
    elif left or not number or np.frexp(number)[0] not in (0.5, -0.5):
        return None  # the factor 1 / number is exact for powers of two alone
    else:
        scale, offset = 1.0 / number, 0.0
    return "Rescaling", {"scale": scale, "offset": offset}


def _negative(operation: str, arguments: Mapping[str, Any], tensors: Sequence[Value]) -> Found:
    return "Rescaling", {"scale": -1.0, "offset": 0.0}


def _concatenate(operation: str, arguments: Mapping[str, Any], tensors: Sequence[Value]) -> Found:
    axis = arguments.get("axis", 0)
    ordered = arguments["xs"] == [{"tensor": i} for i in range(len(tensors))]
    return ("Concatenate", {"axis": axis}) if ordered and len(tensors) > 1 and axis != 0 else None


def _softmax(operation: str, arguments: Mapping[str, Any], tensors: Sequence[Value]) -> Found:
    return ("Activation", {"activation": "softmax"}) if arguments.get("axis", -1) == -1 else None


def _elu(operation: str, arguments: Mapping[str, Any], tensors: Sequence[Value]) -> Found:
    return ("Activation", {"activation": "elu"}) if arguments.get("alpha", 1.0) == 1.0 else None


def _reshape(operation: str, arguments: Mapping[str, Any], tensors: Sequence[Value]) -> Found:
    """All but the batch, whose size stays as it is."""
    shape, target = tensors[0].shape, arguments["newshape"]
    if not isinstance(target, list) or len(target) < 2 or target[0] != -1 or shape is None:
        return None
    known = all(isinstance(size, int) and size > 0 for size in (*shape[1:], *target[1:]))
    same = known and math.prod(shape[1:]) == math.prod(target[1:])  # type: ignore[arg-type]
    return ("Reshape", {"target_shape": target[1:]}) if same else None


def _transpose(operation: str, arguments: Mapping[str, Any], tensors: Sequence[Value]) -> Found:
    axes = arguments.get("axes")
    if not isinstance(axes, list) or len(axes) < 2 or axes[0] != 0 or min(axes) != 0:
        return None
    return "Permute", {"dims": axes[1:]}


_RULES: dict[str, Callable[[str, Mapping[str, Any], Sequence[Value]], Found]] = {
    "Add": _linear,
    "Subtract": _linear,
    "Multiply": _linear,
    "TrueDivide": _linear,
    "Maximum": _merged,
    "Minimum": _merged,
    "Negative": _negative,
    "Concatenate": _concatenate,
    "Softmax": _softmax,
    "Elu": _elu,
    "Reshape": _reshape,
    "Transpose": _transpose,
}
