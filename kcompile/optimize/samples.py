"""Samples that a model is calibrated and judged on: checked against its inputs, cut into batches."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from ..ir import from_onnx

Arrays = np.ndarray | Sequence[np.ndarray] | Mapping[str, np.ndarray]


class SamplesError(ValueError):
    """Samples that do not fit the model, or of which nothing can be learned."""


class Samples:
    """Arrays for the inputs of a model, all with the samples on axis 0.

    Args:
        model: an ONNX model.
        arrays: by input name, in the order of the inputs, or one alone. Numbers are cast to the input's type.
        purpose: what they are for, in messages: "calibration".

    Raises:
        SamplesError: an input is missing or unknown, a shape does not fit, the numbers of samples differ,
            there are none, or some are NaN or infinite.
    """

    def __init__(self, model: onnx.ModelProto, arrays: Arrays, purpose: str = "calibration") -> None:
        weights = {initializer.name for initializer in model.graph.initializer}
        inputs = [value for value in model.graph.input if value.name not in weights]
        named = _named([value.name for value in inputs], arrays, purpose)
        self.purpose = purpose
        self.arrays = {value.name: _fitting(value, named[value.name], purpose) for value in inputs}
        lengths = {name: len(array) for name, array in self.arrays.items()}
        if len(set(lengths.values())) > 1:
            raise SamplesError(f"{purpose}: the inputs have different numbers of samples: {lengths}.")
        self.count = next(iter(lengths.values()), 0)
        if self.count == 0:
            raise SamplesError(f"{purpose}: there are no samples.")

    def __len__(self) -> int:
        return self.count

    def rows(self, index: np.ndarray) -> dict[str, np.ndarray]:
        """The samples of these numbers, by input."""
        return {name: array[index] for name, array in self.arrays.items()}

    def first(self, count: int) -> dict[str, np.ndarray]:
        """The first samples; they are repeated where there are fewer than ``count``."""
        return self.rows(np.arange(count) % self.count)

    def subset(self, count: int) -> Samples:
        """So many of them at most, evenly spaced."""
        if count >= self.count:
            return self
        found = copy.copy(self)
        found.arrays = self.rows(np.arange(count) * self.count // count)
        found.count = count
        return found


def _named(names: Sequence[str], arrays: Arrays, purpose: str) -> Mapping[str, np.ndarray]:
    if isinstance(arrays, np.ndarray):
        arrays = [arrays]
    if not isinstance(arrays, Mapping):
        if len(arrays) != len(names):
            raise SamplesError(
                f"{purpose}: expected {len(names)} arrays, for the inputs {', '.join(names)}; "
                f"found {len(arrays)}."
            )
        return dict(zip(names, arrays, strict=True))
    if missing := [name for name in names if name not in arrays]:
        raise SamplesError(
            f"{purpose}: there is nothing for the input {', '.join(missing)}; found {', '.join(arrays)}."
        )
    if unknown := [name for name in arrays if name not in names]:
        raise SamplesError(
            f"{purpose}: the model has no input {', '.join(unknown)}; it has {', '.join(names)}."
        )
    return arrays


def _fitting(value: onnx.ValueInfoProto, array: np.ndarray, purpose: str) -> np.ndarray:
    """The array in the input's type, if its shape and numbers fit."""
    array = np.asarray(array)
    type_ = value.type.tensor_type
    expected = [dim.dim_value or (dim.dim_param or "?") for dim in type_.shape.dim]
    sizes = [dim.dim_value for dim in type_.shape.dim]
    if array.ndim != len(sizes) or any(
        size and size != found for size, found in zip(sizes[1:], array.shape[1:], strict=True)
    ):
        raise SamplesError(
            f"{purpose}: the input {value.name!r} takes ({', '.join(map(str, expected))}), "
            f"found {array.shape}."
        )
    dtype = from_onnx(type_.elem_type)
    if array.dtype.kind not in "fiub" or dtype.kind not in "fiubV":
        raise SamplesError(f"{purpose}: expected numbers for {value.name!r}, found {array.dtype}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise SamplesError(
            f"{purpose}: {count} of {array.size} numbers for {value.name!r} are NaN or infinite."
        )
    return array.astype(dtype, copy=False)
