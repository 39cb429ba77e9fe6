"""Masks: which weights stay, as arrays of 1 and 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def by_magnitude(weight: np.ndarray, sparsity: float) -> np.ndarray:
    """Keeps the largest by magnitude: ``round(size * (1 - sparsity))`` of them, at least one."""
    kept = max(int(np.round(weight.size * (1.0 - sparsity))), 1)
    mask = np.zeros(weight.size, weight.dtype)
    mask[np.argsort(-np.abs(weight).reshape(-1), kind="stable")[:kept]] = 1
    return mask.reshape(weight.shape)


def by_block(weight: np.ndarray, sparsity: float, block: Sequence[int], pooling: str) -> np.ndarray:
    """Keeps whole blocks of a matrix, by the mean magnitude in them ("AVG") or the largest ("MAX").

    Axes of size 1 do not count; blocks at the edges may be smaller. What is no matrix is pruned one by one.
    """
    matrix = np.abs(weight).reshape([size for size in weight.shape if size != 1])
    if matrix.ndim != 2 or tuple(block) == (1, 1):
        return by_magnitude(weight, sparsity)
    rows, columns = block
    counts = [-(-size // step) for size, step in zip(matrix.shape, block, strict=True)]
    padded = np.full((counts[0] * rows, counts[1] * columns), np.nan)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    blocks = padded.reshape(counts[0], rows, counts[1], columns)
    pool = np.nanmean if pooling == "AVG" else np.nanmax
    mask = by_magnitude(pool(blocks, axis=(1, 3)), sparsity)
    whole = np.kron(mask, np.ones((rows, columns)))[: matrix.shape[0], : matrix.shape[1]]
    return whole.reshape(weight.shape).astype(weight.dtype)


def m_by_n(weight: np.ndarray, m: int, n: int) -> np.ndarray:
    """Zeros for the ``m`` least of each ``n`` weights that follow one another along the inputs.

    The axis of the inputs is the last but one, as kernels have it: products add along it, and there the
    hardware that knows such patterns looks for them. What is left over at its end stays.
    """
    along = np.moveaxis(weight, -2, -1)
    whole = along.shape[-1] // n * n
    groups = np.abs(along[..., :whole]).reshape(*along.shape[:-1], -1, n)
    ranks = np.argsort(np.argsort(groups, axis=-1, kind="stable"), axis=-1, kind="stable")
    mask = np.ones(along.shape, weight.dtype)
    mask[..., :whole] = (ranks >= m).reshape(*along.shape[:-1], whole)
    return np.ascontiguousarray(np.moveaxis(mask, -1, -2))
