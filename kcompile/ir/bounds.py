"""What ONNX's inference is not asked: numbers that no operator can mean.

The inference is native code, and some of it uses an axis or a count as it stands in the node: an axis of
LayerNormalization or a ``batch_dims`` of GatherND outside of the rank writes outside of memory, a
``num_outputs`` of 2 ** 31 allocates. So every integer attribute is looked at before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .values import Shape

MAX_RANK = 64
"""The rank that is taken for possible where the rank of an input is not known."""
MAX_OUTPUTS = 1 << 16
MAX_SIZE = (1 << 31) - 1

_AXES = frozenset(("axis", "axes", "batch_axis", "time_axis", "new_axis"))
# How many axes more than its first input an operator may count.
_FURTHER = {"Flatten": 1, "OneHot": 1, "ConcatFromSequence": MAX_RANK, "Unsqueeze": MAX_RANK}
# Here an axis of another rank is written by exporters, and ignored by everyone.
_ANY_AXIS = frozenset(("QuantizeLinear", "DequantizeLinear"))
_TERM = r"[A-Za-z ]*(?:\.\.\.[A-Za-z ]*)?"
# Over other characters the inference of Einsum never returns.
_EQUATION = re.compile(rf"{_TERM}(?:,{_TERM})*(?:->{_TERM})?", re.ASCII)
# Numbers of which any is sound: bounds that are clipped, and values.
_FREE = frozenset(
    "end ends ignore_index left_window_size maxsplit pool_int64s right_window_size seed start starts "
    "value_int value_ints".split()
)


def problem_with(
    op_type: str, attributes: Mapping[str, Any], shapes: Sequence[Shape], num_outputs: int
) -> str | None:
    """Why a node is not shown to ONNX's inference; None where it may be.

    Args:
        op_type: the operator.
        attributes: by name; integers, lists of them, and the equation of Einsum are looked at.
        shapes: of its inputs, None where unknown or left out.
        num_outputs: how many it has.
    """
    if num_outputs > MAX_OUTPUTS:
        return f"{num_outputs} outputs; at most {MAX_OUTPUTS} are possible"
    if op_type == "Einsum" and not _EQUATION.fullmatch(str(attributes.get("equation", ""))):
        return "the equation should be terms of letters, as in 'bij,bjk->bik' or '...ij->...ji'"
    for name, value in attributes.items():
        if type(value) is int:
            numbers: Sequence[Any] = (value,)
        elif isinstance(value, list | tuple) and value and type(value[0]) is int:
            numbers = value
        else:
            continue
        if name in _FREE:
            continue
        low, high = _range(op_type, name, shapes, num_outputs)
        for number in numbers:
            if not low <= number <= high:
                return f"{name}={number} is out of range: possible are {low} to {high}"
    return None


def _range(op_type: str, name: str, shapes: Sequence[Shape], num_outputs: int) -> tuple[int, int]:
    if name in _AXES and op_type not in _ANY_AXIS:
        first = shapes[0] if shapes else None
        rank = MAX_RANK if first is None else len(first) + _FURTHER.get(op_type, 0)
        return -rank, (rank if first is None else max(rank - 1, 0))
    if name == "batch_dims":
        return 0, min((len(shape) for shape in shapes if shape is not None), default=MAX_RANK)
    if name == "num_outputs":
        return max(1, num_outputs), MAX_OUTPUTS
    return -MAX_SIZE - 1, MAX_SIZE
