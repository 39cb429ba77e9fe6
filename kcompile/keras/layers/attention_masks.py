"""Which steps may look at which: masks of steps, causal masks, windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import Constant, Value, claim_steps, op
from .. import backend as K
from ..backend.tensors import known_shape, tensor

MASKED = -1e9  # the score where a mask forbids: exp of it is 0, and a row of nothing else stays finite


def mask_at(masks: Any, index: int) -> Any:
    """The mask of an input, from a list of masks or None."""
    return masks[index] if isinstance(masks, list | tuple) and len(masks) > index else None


def allowed_steps(
    attention_mask: Any,
    steps: Sequence[Any],
    query: Value,
    key: Value,
    causal: bool,
    axes: tuple[int, ...],
    window: int | None = None,
) -> Value | None:
    """Where the query may look, broadcast to (batch, T, S): all that masks say; None for everywhere.

    Args:
        steps: masks (batch, steps) of query, value and key, or None.
        window: how far a step may look, in steps; the distance must be below it.
    """
    found = []
    if attention_mask is not None:
        found.append(boolean(attention_mask))
    for mask, axis in zip(steps, (2, 1, 1), strict=True):
        if mask is not None:
            found.append(op.Unsqueeze(boolean(mask), [axis]))
    if causal:
        found.append(_by_distance(query, key, axes[0], lambda ahead: ahead >= 0))
    if window is not None:
        found.append(_by_distance(query, key, axes[0], lambda ahead: abs(ahead) < window))
    if not found:
        return None
    allowed = found[0]
    for one in found[1:]:
        allowed = op.And(allowed, one)
    return allowed


def boolean(mask: Any) -> Value:
    mask = tensor(mask)
    return mask if mask.dtype == np.dtype(bool) else K.cast(mask, "bool")


def _by_distance(query: Value, key: Value, axis: int, allows: Callable[[Any], Any]) -> Value:
    """(1, T, S), by how many steps the row is ahead of the column."""
    rows, columns = known_shape(query)[axis], known_shape(key)[axis]
    if isinstance(rows, int) and isinstance(columns, int):
        claim_steps(rows * columns, f"a mask of {rows} times {columns} steps")
        return Constant(allows(np.arange(rows)[None, :, None] - np.arange(columns)))
    zero, one = Constant(np.int64(0)), Constant(np.int64(1))
    ends = [op.Squeeze(op.Shape(x, start=axis, end=axis + 1), [0]) for x in (query, key)]
    rows, columns = (op.Range(zero, end, one) for end in ends)
    return op.Unsqueeze(allows(op.Unsqueeze(rows, [1]) - columns), [0])
