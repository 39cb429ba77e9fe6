"""Passes over datasets: tensors at the leaves of elements, or arrays of numpy."""

from __future__ import annotations

from typing import Any

import numpy as np

from .composites import Composite
from .stages import Stage
from .structures import map_structure
from .tensors import tensors_of


class DatasetIterator:
    """A pass over a dataset, with tensors at the leaves.

    Args: stage: what gives the elements.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._elements = iter(stage)

    def __iter__(self) -> DatasetIterator:
        return self

    def __next__(self) -> Any:
        return tensors_of(next(self._elements))

    def get_next(self) -> Any:
        """The next element; StopIteration at the end."""
        return next(self)

    next = get_next


class ArrayIterator(DatasetIterator):
    """The same with arrays of numpy at the leaves."""

    def __next__(self) -> Any:
        return numpy_element(next(self._elements))

    @property
    def element_spec(self) -> Any:
        """That of the dataset."""
        return self._stage.spec


def numpy_element(element: Any) -> Any:
    return map_structure(_own, element)


def _own(leaf: Any) -> Any:
    """An array that may be written to without others seeing it."""
    if hasattr(leaf, "_stage"):
        return leaf.as_numpy_iterator()
    if isinstance(leaf, Composite):
        return leaf.as_array()
    if isinstance(leaf, np.ndarray):
        return leaf[()] if not leaf.ndim else leaf if leaf.flags.owndata else leaf.copy()
    return leaf
