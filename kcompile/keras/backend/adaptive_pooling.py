"""Pooling to a given size, whatever the size of the input.

Window i of n ones over m places reaches from floor(i m / n) to ceil((i + 1) m / n).
"""

from __future__ import annotations

import numpy as np

from ...ir import Constant, Value, claim_steps, op
from .tensors import dims_of, known_shape, refine, shape_vector


def _windows(old: int, new: int) -> tuple[np.ndarray, np.ndarray]:
    """First place and length of each window."""
    claim_steps(8 * (new + old), f"output_size={new}")
    places = np.arange(new)
    start, end = places * old // new, -(-(places + 1) * old // new)
    return start, end - start


def adaptive_average(x: Value, axis: int, size: int) -> Value:
    """The mean of each of ``size`` windows along an axis of known size."""
    old = known_shape(x)[axis]
    claim_steps(8 * old * size, f"output_size={size}")
    start, length = _windows(old, size)
    behind = np.arange(old) - start[:, None]
    weights = np.where((behind >= 0) & (behind < length[:, None]), 1 / length[:, None], 0.0)
    back = [i for i in range(len(known_shape(x))) if i != axis] + [axis]
    means = op.MatMul(op.Transpose(x, perm=back), Constant(weights.T.astype(x.dtype)))
    return op.Transpose(means, perm=[int(i) for i in np.argsort(back)])


def adaptive_max(x: Value, axis: int, size: int) -> Value:
    """The largest element of each of ``size`` windows along an axis of known size."""
    start, length = _windows(known_shape(x)[axis], size)
    longest = int(length.max())  # shorter windows see their last place again
    places = start[:, None] + np.minimum(np.arange(longest), length[:, None] - 1)
    dims, known = dims_of(x), known_shape(x)
    seen = op.Gather(x, Constant(places.reshape(-1)), axis=axis)
    seen = op.Reshape(seen, shape_vector([*dims[:axis], size, longest, *dims[axis + 1 :]]))
    return refine(op.ReduceMax(seen, [axis + 1], keepdims=0), [*known[:axis], size, *known[axis + 1 :]])
