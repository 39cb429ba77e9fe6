"""From what users pass as data to one array for each input and target of a model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...ir import as_bytes
from .. import rules
from ..data.composites import Composite
from . import data_errors

Shape = tuple[int | None, ...] | None


@dataclass(frozen=True)
class ArraySpec:
    """What the array for one input or target must be.

    Attributes:
        name: what the model calls it.
        shape: expected shape with the batch axis, None entries for unknown sizes; None for no check.
        dtype: type to cast to, None for any; arrays that are read lazily (HDF5) are cast by the batch.
        advice: from a shape that does not fit, what to do; "" for nothing to say.
        broadcasts: whether an axis may have the size 1 where another is expected.
    """

    name: str
    shape: Shape = None
    dtype: np.dtype | None = None
    advice: Callable[[tuple[int, ...]], str] | None = None
    broadcasts: bool = False

    def fits(self, array: np.ndarray) -> bool:
        """Whether an array of numpy is already what is wanted, the number of its samples apart.

        Of objects that cannot be told: text may be ``str`` and has to be ``bytes``.
        """
        dtype = self.dtype
        if dtype is None or self.shape is None or array.dtype != dtype or dtype.hasobject:
            return False
        return self._has_sizes(array.shape)

    @cached_property
    def _sizes(self) -> list[tuple[int, int]]:
        """(axis, size) of those that are known, beside the batch."""
        return [(axis, size) for axis, size in enumerate(self.shape or ()) if axis and size is not None]

    def _has_sizes(self, shape: tuple[int, ...]) -> bool:
        if len(shape) != len(self.shape or ()):
            return False
        for axis, size in self._sizes:
            if shape[axis] != size:
                return False
        return True

    def _broadcasts_to(self, found: tuple[int, ...]) -> bool:
        wanted = self.shape or ()
        sizes = zip(found[1:], wanted[1:], strict=False)
        return (
            self.broadcasts and len(found) == len(wanted) and all(n in (1, d) or d is None for n, d in sizes)
        )

    def standardize(self, given: Any, what: str) -> Any:
        """The array that was given as the model takes it.

        Args:
            given: what ``as_array`` takes.
            what: "input" or "target", for messages.

        Raises:
            ValueError: for no data, a wrong rank or size, or elements that are no numbers; the message says
                what was expected, what was found and what to do.
        """
        if type(given) is np.ndarray and self.fits(given):
            return given
        array = as_array(given, self.name, what)
        if array is None:
            raise ValueError(
                f"No data provided for the {what} {self.name!r}: found None where an array is needed."
            )
        if self.dtype == object:
            array = _as_text(array, self.name, what)
        elif isinstance(array, np.ndarray) and self.dtype is not None:
            data_errors.check_numbers(array, given, self.dtype, self.name, what)
        came_with = tuple(array.shape)
        array = _with_feature_axis(array, self.shape, what)
        found = tuple(array.shape)
        if self.shape is not None and not self._has_sizes(found):
            hint = "" if self.advice is None else self.advice(found)
            if self._broadcasts_to(found):
                data_errors.warn_of_broadcast(self.name, what, found, self.shape, hint)
                return array if self.dtype is None else _cast(array, self.dtype, self.name, what)
            raise data_errors.shape_error(self.name, what, found, self.shape, came_with, hint)
        return array if self.dtype is None else _cast(array, self.dtype, self.name, what)


def standardize(data: Any, specs: Sequence[ArraySpec], what: str) -> list[Any]:
    """One array for each of the model's inputs or targets, in their order.

    Args:
        data: an array, a list of arrays, a dict by name, a DataFrame, or None.
        specs: what the arrays must be.
        what: "input" or "target", for messages.

    Raises:
        ValueError: for a wrong number or name, and for what ``ArraySpec.standardize`` refuses.
    """
    return [
        spec.standardize(given, what) for spec, given in zip(specs, _by_name(data, specs, what), strict=True)
    ]


def _as_text(array: Any, name: str, what: str) -> np.ndarray:
    try:
        return as_bytes(np.asarray(array))
    except TypeError as error:
        raise ValueError(f"The {what} {name!r} must hold text. {error}") from None


def _cast(array: Any, dtype: np.dtype, name: str, what: str) -> Any:
    if not isinstance(array, np.ndarray) or array.dtype == dtype:
        return array
    try:
        return array.astype(dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"The {what} {name!r} must hold numbers of type {dtype.name}; its dtype is {array.dtype} "
            f"({error})."
        ) from None


def is_lazy(array: Any) -> bool:
    """Whether the array stays on disk and is read batch by batch (h5py.Dataset, HDF5Matrix)."""
    return array is not None and not isinstance(array, np.ndarray)


def is_text(array: Any) -> bool:
    """Whether an array holds text, of which PyTorch has no tensors."""
    return isinstance(array, np.ndarray) and array.dtype.kind in "OSU"


def as_array(x: Any, name: str, what: str) -> Any:
    """Data as an array of numpy, or as it is where it stays on disk.

    Args:
        x: an array, nested lists, a sparse matrix of scipy, a DataFrame or Series, a tensor of PyTorch or
            TensorFlow, an h5py dataset, or None.
        name, what: of the input or target, for messages.

    Raises:
        ValueError: if it is ragged, or no array.
    """
    if x is None or isinstance(x, np.ndarray):
        return x
    if isinstance(x, Composite):
        found = x.as_array()
        if found.dtype == object and any(isinstance(row, np.ndarray) for row in found):
            raise data_errors.ragged_error([len(row) for row in found], name, what)
        return found
    if hasattr(x, "toarray"):  # scipy.sparse
        return x.toarray()
    if hasattr(x, "iloc"):  # pandas
        return np.asarray(x.values)
    if hasattr(x, "column_names"):  # pyarrow, Hugging Face
        return np.asarray(x)
    if hasattr(x, "detach"):  # PyTorch
        x = x.detach().cpu()
        return (x.float() if str(x.dtype) == "torch.bfloat16" else x).numpy()
    for method in ("to_numpy", "numpy"):  # other tables, TensorFlow
        if callable(getattr(x, method, None)):
            return np.asarray(getattr(x, method)())
    data_errors.refuse_no_data(x, name, what)
    if hasattr(x, "shape") and hasattr(x, "__getitem__") and not hasattr(x, "__array_interface__"):
        return x
    try:
        return np.asarray(x)
    except (ValueError, TypeError) as error:
        raise data_errors.not_an_array(x, name, what, error) from None


def _by_name(data: Any, specs: Sequence[ArraySpec], what: str) -> list[Any]:
    if data is None:
        return [None] * len(specs)
    names = [spec.name for spec in specs]
    if len(names) > 1:
        data = _taken_apart(data, names)
    if isinstance(data, Mapping):
        missing = [name for name in names if name not in data]
        if missing:
            raise ValueError(
                f"No data provided for the {what} {missing[0]!r}. The model needs {names}; "
                f"the dictionary has {sorted(map(str, data))}."
            )
        return [data[name] for name in names]
    first = specs[0].shape if specs else None
    if isinstance(data, list | tuple) and _is_list_of_arrays(data, len(specs), first):
        arrays = list(data)
    else:
        arrays = [data]
    if len(arrays) != len(specs):
        raise data_errors.count_error(arrays, names, what, [spec.shape for spec in specs])
    return arrays


def _taken_apart(data: Any, names: list[str]) -> Any:
    """A table as its columns where they have the names, and a nest of dicts, lists and tuples as what is in
    it: by the names, or in order."""
    columns = getattr(data, "column_names", None) or getattr(data, "columns", None)
    if columns is not None and set(names) <= set(map(str, columns)):
        return {name: data[name] for name in names}
    entries = list(data.values()) if isinstance(data, Mapping) else data
    if not isinstance(entries, list | tuple) or not any(map(_is_nest, entries)):
        return data
    leaves = list(_leaves(data))
    named = dict(leaves)
    return named if set(names) <= set(named) else [leaf for _, leaf in leaves]


def _is_nest(entry: Any) -> bool:
    """Whether it is a dict, or a list that holds arrays."""
    if isinstance(entry, Mapping):
        return True
    return isinstance(entry, list | tuple) and any(hasattr(x, "shape") or _is_nest(x) for x in entry)


def _leaves(nest: Any, key: Any = None) -> Iterator[tuple[Any, Any]]:
    """(name in the dict around it, array) of all that is in a nest."""
    if isinstance(nest, Mapping):
        for name, entry in nest.items():
            yield from _leaves(entry, name)
    elif _is_nest(nest):
        for entry in nest:
            yield from _leaves(entry)
    else:
        yield key, nest


def _is_list_of_arrays(data: Sequence[Any], count: int, shape: Shape = None) -> bool:
    """A list is a list of arrays, unless there is one name and the list holds plain numbers or rows of
    them.

    Args:
        data: the list.
        count: how many arrays are expected.
        shape: of the one that is, if known.
    """
    if count != 1:
        return True
    if len(data) == 1 and not hasattr(data[0], "shape"):
        inner = data_errors.shape_of(data[0])
        features = shape is not None and len(shape) == 2 and shape[1] != 1
        # [[1, 2, 3, 4]] is a sample of four features, and where there is one feature, a list of four samples
        is_row = shape is not None and len(inner) == len(shape) - 1 and (len(inner) > 1 or features)
        return len(inner) > 0 and not is_row
    return any(hasattr(x, "shape") and len(x.shape) > 0 for x in data)


def _with_feature_axis(x: Any, shape: Shape, what: str) -> Any:
    """One number per sample becomes an axis of size 1, as Keras does, unless the model takes plain
    vectors; so does one label per step where an axis of size 1 is expected, as later versions do."""
    rank = len(x.shape)
    if what == "target" and shape and shape[-1] == 1 != rank:
        return np.expand_dims(np.asarray(x), -1) if rank == len(shape) - 1 else x
    if what == "input" and shape and rank > 1 and rules.in_force().fits_axes_of_one:
        if rank == len(shape) - 1 and shape[-1] == 1:
            return np.expand_dims(np.asarray(x), -1)
        if rank == len(shape) + 1 and x.shape[-1] == 1:
            return np.squeeze(np.asarray(x), -1)
    if rank != 1 or (shape is not None and len(shape) == 1):
        return x
    return np.expand_dims(np.asarray(x), 1)


def count_samples(inputs: Sequence[Any], targets: Sequence[Any] = (), weights: Sequence[Any] = ()) -> int:
    """The number of samples, which all arrays must agree on.

    Raises:
        ValueError: naming the counts found, or an array that has no axis for samples.
    """
    given = [x for x in (*inputs, *targets, *weights) if x is not None]
    for x in given:
        if not x.shape:
            raise ValueError(
                f"The arrays are cut into batches along axis 0, which the number {x} does not have; only "
                "predict takes single numbers beside samples."
            )
    if len({int(x.shape[0]) for x in given}) > 1:
        raise data_errors.sample_count_error(inputs, targets, weights)
    return int(given[0].shape[0]) if given else 0


def cut_to_first(arrays: Sequence[Any]) -> list[Any]:
    """Inputs for prediction with as many samples as the first: Keras ignores what others have beyond it.

    Single numbers, as graphs from ONNX files take them, stay as they are.
    """
    counts = [int(x.shape[0]) for x in arrays if x.shape]
    samples = counts[0]
    if max(counts) == samples or min(counts) < samples:
        return list(arrays)
    warnings.warn(
        f"The inputs have {counts} samples; the first {samples} of each are predicted on.", stacklevel=3
    )
    return [x[:samples] if x.shape else x for x in arrays]


def split_for_validation(arrays: Sequence[Any], fraction: float, samples: int) -> tuple[list[Any], list[Any]]:
    """The last part of each array, before any shuffling, becomes validation data.

    Raises:
        ValueError: if the fraction leaves no sample on one side.
    """
    at = int(samples * (1.0 - fraction))
    if not 0 < at < samples:
        raise ValueError(
            f"validation_split={fraction} of {samples} samples leaves {at} to train and {samples - at} to "
            "validate; both must be at least 1."
        )
    return [_slice(x, 0, at) for x in arrays], [_slice(x, at, samples) for x in arrays]


def _slice(x: Any, start: int, stop: int) -> Any:
    if x is None:
        return None
    if isinstance(x, np.ndarray):
        return x[start:stop]
    return LazySlice(x, start, stop)


class LazySlice:
    """A range of an array that stays on disk.

    Args:
        source: anything with a shape and slicing along the first axis.
        start, stop: the range of samples.
    """

    def __init__(self, source: Any, start: int, stop: int) -> None:
        self.source = source
        self.start = start
        self.shape = (stop - start, *source.shape[1:])
        self.dtype = source.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            return self.source[self.start + start : self.start + stop : step]
        return take(self.source, np.asarray(key) + self.start)


def take(source: Any, indices: np.ndarray) -> np.ndarray:
    """Rows of an array on disk, in the order asked for; HDF5 itself wants increasing indices, each once."""
    unique, inverse = np.unique(np.asarray(indices), return_inverse=True)
    if len(unique) and unique[-1] - unique[0] + 1 == len(unique):
        rows = source[int(unique[0]) : int(unique[-1]) + 1]
    else:
        rows = source[list(map(int, unique))]
    return np.asarray(rows)[inverse.reshape(-1)]


def batch_ranges(samples: int, batch_size: int) -> list[tuple[int, int]]:
    """(start, stop) of each batch; the last one may be smaller."""
    return [(start, min(samples, start + batch_size)) for start in range(0, samples, batch_size)]


def rows(array: Any, which: slice | np.ndarray) -> np.ndarray:
    """The rows of a slice or of indices, in memory."""
    if is_lazy(array) and not isinstance(which, slice):
        return take(array, which)
    return np.asarray(array[which])
