"""Weights that Keras 3 stored as integers (``model.quantize("int8")``), as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def in_numbers(stored: Sequence[tuple[str, Any]], source: str) -> list[tuple[str, Any]]:
    """The variables of an object: of a quantized one without the scale, and with its kernel in float.

    Such an object has an int8 kernel first, and last the scale that Keras multiplied it by: one for each
    result of a product, or each row of a table.

    Args:
        stored: pairs (name in the file, array).
        source: which object it is, for errors.

    Raises:
        ValueError: for a scale that does not fit the kernel.
    """
    if len(stored) < 2 or np.dtype(stored[0][1].dtype) != np.int8:
        return list(stored)
    (name, kernel), *others, (_, scale) = stored
    numbers, scale = np.asarray(kernel), np.asarray(scale)
    if scale.dtype.kind != "f":
        return list(stored)
    sizes = [size for size in scale.shape if size != 1]
    if list(numbers.shape[numbers.ndim - len(sizes) :]) == sizes:  # before leading axes: as sums leave them
        spread = [1] * (numbers.ndim - len(sizes)) + sizes
    elif list(numbers.shape[: len(sizes)]) == sizes:
        spread = sizes + [1] * (numbers.ndim - len(sizes))
    else:
        raise ValueError(
            f"{source}: the int8 weight of shape {numbers.shape} has a scale of shape {scale.shape}, which "
            "does not fit it."
        )
    return [(name, numbers.astype(scale.dtype) / scale.reshape(spread)), *others]
