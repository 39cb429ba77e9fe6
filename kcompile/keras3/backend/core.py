"""``backend.core``: parts of tensors are read and written here; the rest has modules of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcompile.ir import Value, op
from kcompile.keras import backend as K

from .control_flow import associative_scan as associative_scan
from .control_flow import cond as cond
from .control_flow import fori_loop as fori_loop
from .control_flow import map as map
from .control_flow import scan as scan
from .control_flow import switch as switch
from .control_flow import vectorized_map as vectorized_map
from .control_flow import while_loop as while_loop
from .gradients import custom_gradient as custom_gradient
from .gradients import remat as remat
from .shape_inference import compute_output_spec as compute_output_spec
from .tensors import (
    NotTraceable,
    as_value,
    device_scope,
    dtype_of,
    get_device,
    holds_value,
    operation,
    to_torch_dtype,
)
from .variables import Variable as Variable
from .variables import cast as cast
from .variables import convert_to_numpy as convert_to_numpy
from .variables import convert_to_tensor as convert_to_tensor
from .variables import is_tensor as is_tensor
from .variables import random_seed_dtype as random_seed_dtype
from .variables import shape as shape

__all__ = [
    "IS_THREAD_SAFE",
    "SUPPORTS_COMPLEX_DTYPES",
    "SUPPORTS_RAGGED_TENSORS",
    "SUPPORTS_SPARSE_TENSORS",
    "Variable",
    "device_scope",
    "get_device",
    "to_torch_dtype",
]

SUPPORTS_SPARSE_TENSORS = False
SUPPORTS_RAGGED_TENSORS = False
SUPPORTS_COMPLEX_DTYPES = True
IS_THREAD_SAFE = True

_REDUCTIONS = {None: "none", "add": "add", "max": "max", "min": "min", "mul": "mul"}


@operation
def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """Zeros of that shape with the values added up at the indices (their last axis says where)."""
    values = as_value(values)
    zeros = op.Expand(as_value(0, dtype_of(values)), np.asarray(shape, np.int64))
    return op.ScatterND(zeros, as_value(indices, "int64"), values, reduction="add")


@operation
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """``inputs`` with the updates put, added, ... at the indices (the last axis says where)."""
    if reduction not in _REDUCTIONS:
        raise ValueError(f"Unsupported reduction: {reduction}")
    inputs = as_value(inputs)
    updates = as_value(updates, dtype_of(inputs))
    return op.ScatterND(inputs, as_value(indices, "int64"), updates, reduction=_REDUCTIONS[reduction])


@operation
def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    """The part of that shape from the start on."""
    starts = _positions(start_indices)
    ends = op.Add(starts, _positions(shape))
    return op.Slice(as_value(inputs), starts, ends, np.arange(len(inputs.shape)))


def _positions(indices: Any) -> Value:
    if isinstance(indices, list | tuple) and not holds_value(indices):
        return as_value(np.asarray(indices, np.int64))
    return as_value(convert_to_tensor(indices), "int64")


@operation
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """``inputs`` with the updates from the start on."""
    inputs, updates = as_value(inputs), as_value(updates)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in updates.shape), indexing="ij"), axis=-1)
    places = op.Add(as_value(grid.astype(np.int64)), _positions(start_indices))
    return op.ScatterND(inputs, places, K.cast(updates, dtype_of(inputs)))


@operation
def stop_gradient(variable: Any) -> Any:
    """The same numbers, through which no gradient flows."""
    return op.StopGradient(as_value(variable))


@operation
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """The entries along an axis."""
    x = as_value(x)
    count = x.shape[axis] if num is None else num
    if count is None:
        raise NotTraceable("`unstack` of an axis of open size needs `num`.")
    parts = op.Split(x, np.ones(count, np.int64), axis=axis, outputs=count)
    return [op.Squeeze(part, [axis]) for part in (parts if isinstance(parts, list | tuple) else [parts])]
