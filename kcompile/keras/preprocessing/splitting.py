"""A dataset divided in two."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from ..data import AUTOTUNE, Dataset
from ..data.stages import Chosen, Items, Stage
from ..data.structures import elements_of
from ..data.transformations import Batched, unbatched

__all__ = ["split_dataset"]


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """A left and a right part of a dataset, both in memory.

    Args:
        dataset: a Dataset, a dataset of PyTorch, an array, or a tuple or list of arrays of one length.
        left_size: fraction (from 0 to 1), or number of elements; None for what the right leaves.
        right_size: the same of the end.
        shuffle: whether the elements are put into a random order before.
        seed: of the shuffling, by Python's generator.

    Returns:
        two Datasets; what was in batches is divided by its elements, and is in batches again.

    Raises:
        ValueError: for sizes that are missing or do not fit. TypeError: for what is no dataset.
    """
    elements, spec, size = _elements(dataset)
    count = len(elements)
    left, right = _sizes(left_size, right_size, count)
    if shuffle:
        random.Random(random.randint(0, 1_000_000) if seed is None else seed).shuffle(elements)
    return _part(elements[:left], spec, size), _part(elements[count - right :], spec, size)


def _elements(dataset: Any) -> tuple[list[Any], Any, int | None]:
    """The elements, their specs, and the size of batches that they come in."""
    if isinstance(dataset, Dataset):
        stage = dataset._stage
        size = _batch_size(stage)
        single = stage if size is None else unbatched(stage)
        return list(single), single.spec, size
    if isinstance(dataset, np.ndarray) or isinstance(dataset, list | tuple) and len(dataset):
        given = tuple(dataset) if isinstance(dataset, list) and hasattr(dataset[0], "shape") else dataset
        stage = Dataset.from_tensor_slices(given)._stage
        return list(stage), stage.spec, None
    if (
        hasattr(dataset, "__getitem__")
        and hasattr(dataset, "__len__")
        and not isinstance(dataset, str | dict)
    ):
        found = [elements_of(dataset[i], lists_are_tuples=True) for i in range(len(dataset))]
        return found, None, None
    raise TypeError(
        "The `dataset` argument must be a tf.data.Dataset, a dataset of PyTorch or a list or tuple of "
        f"arrays. Received: {dataset!r} of type {type(dataset).__name__}"
    )


def _batch_size(stage: Stage) -> int | None:
    while isinstance(stage, Chosen):
        stage = stage.source
    return stage.size if isinstance(stage, Batched) else None


def _part(elements: list[Any], spec: Any, size: int | None) -> Dataset:
    dataset = Dataset(Items(lambda: elements, spec, len(elements)))
    return (dataset if size is None else dataset.batch(size)).prefetch(AUTOTUNE)


def _sizes(left: Any, right: Any, count: int) -> tuple[int, int]:
    if left is None and right is None:
        raise ValueError(
            "At least one of the `left_size` or `right_size` must be specified. Received: left_size=None and "
            "right_size=None"
        )
    for name, size in (("left_size", left), ("right_size", right)):
        if size is None:
            continue
        if isinstance(size, bool) or not isinstance(size, int | float):
            raise TypeError(f"Invalid `{name}`: expected an integer or a float, found {size!r}.")
        if isinstance(size, int) and not 0 < size < count or isinstance(size, float) and not 0 <= size <= 1:
            raise ValueError(
                f"`{name}` should be either a positive integer smaller than {count}, or a float within the "
                f"range `[0, 1]`. Received: {name}={size}"
            )
    if isinstance(left, float) and isinstance(right, float) and left + right > 1:
        raise ValueError(
            "The sum of `left_size` and `right_size` is greater than 1. It must be less than or equal to 1."
        )
    left = round(left * count) if isinstance(left, float) else left
    right = round(right * count) if isinstance(right, float) else right
    left, right = count - right if left is None else left, count - left if right is None else right
    if left + right > count:
        raise ValueError(
            f"The sum of `left_size` and `right_size` should be smaller than the samples ({count}); reduce "
            f"one of them. Received: {left} and {right}"
        )
    if not left or not right:
        raise ValueError(
            f"With `dataset` of length={count}, `left_size`={left} and `right_size`={right}, one of the "
            "parts is empty. Adjust the sizes."
        )
    return left, right
