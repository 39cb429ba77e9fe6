"""Data for training steps of one's own: of any nesting, and not held to a model's inputs and targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import backend as K
from ..data.composites import Composite
from ..utils.sequences import pack_x_y_sample_weight, unpack_x_y_sample_weight
from .arrays import as_array, is_lazy
from .nests import flatten
from .sample_weights import combine_weights
from .step_inputs import StepInputs


def nested_inputs(x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None) -> StepInputs:
    """What ``fit(x, y, sample_weight, class_weight)`` was given, for a step that takes it as it is.

    Raises:
        ValueError: for arrays of unequal lengths, or class weights without labels of one output.
    """
    return nested_batch(pack_x_y_sample_weight(x, y, sample_weight), class_weight)


def nested_batch(data: Any, class_weight: Any = None) -> StepInputs:
    """A batch, or all samples: its arrays from left to right, with how they are nested."""
    if isinstance(data, list) and any(_is_array(entry) for entry in data):
        data = tuple(data)  # as loaders of PyTorch give a batch
    if class_weight is not None:
        data = _weighted(data, class_weight)
    leaves, structure = flatten(data, _is_one_array)
    arrays = [_array(leaf, i) for i, leaf in enumerate(leaves)]
    return StepInputs(arrays, _samples(arrays), structure)


def _weighted(data: Any, class_weight: Any) -> Any:
    """(x, y, sample_weight) with the weight of each sample's class."""
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    if not _is_one_array(y) and not _is_array(y):
        raise ValueError("`class_weight` is only supported for models with a single output, with labels (y).")
    return x, y, combine_weights(_array(y, 1), sample_weight, class_weight, None, "y")


def _is_array(x: Any) -> bool:
    return hasattr(x, "shape") or hasattr(x, "__array__")


def _is_one_array(nest: Any) -> bool:
    """Whether a list is numbers, not a list of arrays."""
    if isinstance(nest, Mapping) or not isinstance(nest, list):
        return False
    return all(isinstance(x, int | float | np.generic) or _is_one_array(x) for x in nest)


def _array(leaf: Any, i: int) -> Any:
    if isinstance(leaf, Composite):
        return leaf
    array = as_array(leaf, f"data_{i}", "input")
    if isinstance(array, np.ndarray) and array.dtype == np.float64:
        return array.astype(K.floatx())
    return array


def _samples(arrays: list[Any]) -> int:
    lengths = {
        len(array) for array in arrays if isinstance(array, Composite) or np.ndim(array) or is_lazy(array)
    }
    return lengths.pop() if len(lengths) == 1 else max(lengths, default=1)
