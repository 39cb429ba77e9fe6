"""What is in a batch that a generator gave, or in validation_data: (x, y, sample_weight)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..utils.generic_utils import to_list


def unpack_batch(item: Any, inputs: int | None, has_targets: bool) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of what a generator, Sequence or loader gave.

    A list is read as the tuple that it stands for, as Keras 2.3 and loaders of PyTorch give one, unless it
    can only be the model's inputs.

    Args:
        item: a batch.
        inputs: how many inputs the model has; None if that is not known yet.
        has_targets: whether the batch must have targets.

    Raises:
        ValueError: if it is a tuple of more than three.
    """
    if isinstance(item, list) and 2 <= len(item) <= 3:
        holds_arrays = any(isinstance(x, list | tuple | Mapping) or hasattr(x, "shape") for x in item)
        rows = inputs == 1 and not any(hasattr(x, "shape") for x in item)  # samples as plain lists
        if has_targets or inputs not in (None, len(item)) and holds_arrays and not rows:
            item = tuple(item)
    if isinstance(item, tuple) and 1 <= len(item) <= 3:
        return (*item, None, None)[:3]
    if isinstance(item, tuple):
        raise ValueError(
            "The output of the generator should give a tuple (x, y, sample_weight) or (x, y), with a list in "
            f"place of x for several inputs; found a tuple of {len(item)}."
        )
    return item, None, None


def validation_tuple(validation_data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of validation_data.

    Raises:
        ValueError: if it has another number of entries.
    """
    entries = tuple(to_list(validation_data)) if not isinstance(validation_data, tuple) else validation_data
    if len(entries) not in (2, 3):
        raise ValueError(
            "When passing validation_data, it must contain 2 (x_val, y_val) or 3 (x_val, y_val, "
            f"val_sample_weights) items, however it contains {len(entries)} items."
        )
    return (*entries, None)[:3]
