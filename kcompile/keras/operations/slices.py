"""Parts of tensors by keys whose bounds may be values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Value, op
from ..backend.tensors import as_int64, shape_vector

_END = int(np.iinfo(np.int64).max)


def sliced(x: Value, key: Sequence[Any]) -> Value:
    """``x[key]`` for a key of numbers, slices, None and Ellipsis, where numbers and bounds may be values."""
    if not any(_has_value(entry) for entry in key):
        return x[tuple(key)]
    axes: list[int] = []
    bounds: list[tuple[Any, Any, Any]] = []
    single: list[int] = []  # axes that go
    new: list[int] = []  # places of new axes in the result
    axis = place = 0
    for entry in key:
        if entry is None:
            new.append(place)
            place += 1
        elif entry is Ellipsis:
            taken = sum(1 for e in key if e is not None and e is not Ellipsis)
            kept = len(x.shape or ()) - taken
            axis, place = axis + kept, place + kept
        else:
            axes.append(axis)
            bounds.append(_bounds(entry))
            if not isinstance(entry, slice):
                single.append(axis)
            else:
                place += 1
            axis += 1
    starts, ends, steps = (shape_vector(list(given)) for given in zip(*bounds, strict=True))
    y = op.Slice(x, starts, ends, np.array(axes, np.int64), steps)
    y = op.Squeeze(y, single) if single else y
    return op.Unsqueeze(y, new) if new else y


def _has_value(entry: Any) -> bool:
    if isinstance(entry, slice):
        return any(isinstance(bound, Value) for bound in (entry.start, entry.stop, entry.step))
    return isinstance(entry, Value)


def _bounds(entry: Any) -> tuple[Any, Any, Any]:
    if isinstance(entry, Value):
        start = as_int64(entry)
        following = start + np.int64(1)
        return start, op.Where(op.Equal(following, np.int64(0)), np.int64(_END), following), 1
    if not isinstance(entry, slice):
        return entry, entry + 1 if entry != -1 else _END, 1
    step = 1 if entry.step is None else entry.step
    first: Any
    last: Any
    if isinstance(step, Value):
        step = as_int64(step)
        forward = op.Greater(step, np.int64(0))
        first, last = (
            op.Where(forward, *(np.int64(end) for end in ends)) for ends in ((0, _END), (_END, -_END))
        )
    elif not isinstance(step, int) or step == 0:
        raise ValueError(f"The step {step!r} of a slice is not read; whole numbers but 0 are.")
    else:
        first, last = (0, _END) if step > 0 else (_END, -_END)
    return (first if entry.start is None else entry.start, last if entry.stop is None else entry.stop, step)
