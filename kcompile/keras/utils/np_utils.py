"""NumPy helpers for labels and feature vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import registry


def to_categorical(y: Any, num_classes: int | None = None, dtype: Any = "float32") -> np.ndarray:
    """One-hot matrix of integer class labels.

    Args:
        y: labels 0 .. num_classes - 1, any shape; a last axis of length one is dropped.
        num_classes: by default the largest label plus one.
        dtype: of the result, "float32".

    Returns:
        Array of shape ``y.shape + (num_classes,)``.

    Raises:
        ValueError: a label lies outside 0 .. num_classes - 1, or ``y`` is empty and num_classes not given.
    """
    labels, shape, num_classes = _class_labels(y, num_classes, "to_categorical")
    categorical = np.zeros((labels.size, num_classes), dtype=dtype)
    categorical[np.arange(labels.size), labels] = 1
    return categorical.reshape((*shape, num_classes))


def to_ordinal(y: Any, num_classes: int | None = None, dtype: Any = "float32") -> np.ndarray:
    """Matrix for ordinal regression: as many ones as the label says, then zeros.

    Args:
        y: labels 0 .. num_classes - 1, any shape; a last axis of length one is dropped.
        num_classes: by default the largest label plus one.
        dtype: of the result, "float32".

    Returns:
        Array of shape ``y.shape + (num_classes - 1,)``.

    Raises:
        ValueError: as ``to_categorical``.
    """
    labels, shape, num_classes = _class_labels(y, num_classes, "to_ordinal")
    reached = np.arange(num_classes - 1) < labels[:, np.newaxis]
    return reached.astype(dtype).reshape((*shape, num_classes - 1))


def _class_labels(y: Any, num_classes: int | None, who: str) -> tuple[np.ndarray, tuple[int, ...], int]:
    """Labels in a row, the shape that they had, and the number of classes."""
    labels = np.array(y, dtype="int")
    shape = labels.shape
    if len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    labels = labels.ravel()
    if not num_classes:
        if not labels.size:
            raise ValueError(f"{who} needs num_classes when y is empty.")
        num_classes = int(labels.max()) + 1
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"{who} expects labels from 0 to {num_classes - 1}, found labels from {labels.min()} to "
            f"{labels.max()}."
        )
    return labels, shape, num_classes


def normalize(x: Any, axis: int = -1, order: Any = 2) -> np.ndarray:
    """``x`` divided by its norm of the given order along ``axis``; a zero vector stays zero."""
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)


registry.register(globals())
