"""From what users pass to fit, evaluate and predict, to one list of arrays per batch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...ir import Value
from ..utils.generic_utils import to_list
from . import data_errors

Shape = tuple[int | None, ...] | None


def standardize(
    data: Any,
    names: Sequence[str],
    shapes: Sequence[Shape] | None,
    dtypes: Sequence[np.dtype] | None,
    what: str,
    advice: Sequence[Callable[[tuple[int, ...]], str]] = (),
) -> list[Any]:
    """One array per name, in the order of the names.

    Args:
        data: an array, a list of arrays, a dict by name, a DataFrame, or None.
        names: what the model calls them.
        shapes: expected shapes with the batch axis, None entries for unknown sizes or no check.
        dtypes: types to cast to; arrays that are read lazily (HDF5) are cast by the batch.
        what: "input" or "target", for messages.
        advice: for each name, what to do where the shape does not fit, from the shape; "" for nothing to say.

    Raises:
        ValueError: for a wrong number, name, rank or size, or elements that are no numbers; the message says
            what was expected, what was found and what to do.
    """
    shapes = shapes or [None] * len(names)
    given = _by_name(data, names, what, shapes)
    arrays = [as_array(x, name, what) for x, name in zip(given, names, strict=True)]
    for array, name in zip(arrays, names, strict=True):
        if array is None:
            raise ValueError(
                f"No data provided for the {what} {name!r}: found None where an array is needed."
            )
    if dtypes is not None:
        for array, x, dtype, name in zip(arrays, given, dtypes, names, strict=True):
            if isinstance(array, np.ndarray):
                data_errors.check_numbers(array, x, dtype, name, what)
    for i, (array, shape) in enumerate(zip(arrays, shapes, strict=True)):
        arrays[i] = _with_feature_axis(array, shape, what)
        found = tuple(arrays[i].shape)
        if shape is not None and not _fits(found, shape):
            hint = advice[i](found) if advice else ""
            raise data_errors.shape_error(names[i], what, found, shape, tuple(array.shape), hint)
    if dtypes is not None:
        arrays = [cast(x, dtype, name, what) for x, dtype, name in zip(arrays, dtypes, names, strict=True)]
    return arrays


def cast(array: Any, dtype: np.dtype, name: str, what: str) -> Any:
    """An in-memory array in the type that the graph reads.

    Raises:
        ValueError: if the elements are not numbers.
    """
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
    if hasattr(x, "toarray"):  # scipy.sparse
        return x.toarray()
    if hasattr(x, "iloc"):  # pandas
        return np.asarray(x.values)
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


def _by_name(data: Any, names: Sequence[str], what: str, shapes: Sequence[Shape]) -> list[Any]:
    if data is None:
        return [None] * len(names)
    if isinstance(data, Mapping):
        missing = [name for name in names if name not in data]
        if missing:
            raise ValueError(
                f"No data provided for the {what} {missing[0]!r}. The model needs {list(names)}; "
                f"the dictionary has {sorted(map(str, data))}."
            )
        return [data[name] for name in names]
    if isinstance(data, list | tuple) and _is_list_of_arrays(data, len(names), shapes[0] if shapes else None):
        arrays = list(data)
    else:
        arrays = [data]
    if len(arrays) != len(names):
        raise data_errors.count_error(arrays, names, what, shapes)
    return arrays


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
    if x is not None and what == "target" and shape and shape[-1] == 1 != len(x.shape):
        return np.expand_dims(np.asarray(x), -1) if len(x.shape) == len(shape) - 1 else x
    if x is None or len(x.shape) != 1 or (shape is not None and len(shape) == 1):
        return x
    return np.expand_dims(np.asarray(x), 1)


def _fits(found: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    """Whether sizes agree, those of the batch apart."""
    sizes = zip(found[1:], shape[1:], strict=False)
    return len(found) == len(shape) and all(expected in (None, size) for size, expected in sizes)


def count_samples(inputs: Sequence[Any], targets: Sequence[Any] = (), weights: Sequence[Any] = ()) -> int:
    """The number of samples, which all arrays must agree on.

    Raises:
        ValueError: naming the counts found, or an array that has no axis for samples.
    """
    counts = {}
    for x in (*inputs, *targets, *weights):
        if x is not None and not x.shape:
            raise ValueError(
                f"The arrays are cut into batches along axis 0, which the number {x} does not have; only "
                "predict takes single numbers beside samples."
            )
    for what, arrays in (("Input", inputs), ("Target", targets), ("Sample weight", weights)):
        found = {int(x.shape[0]) for x in arrays if x is not None}
        if len(found) > 1:
            raise ValueError(
                f"All {what.lower()} arrays should have the same number of samples. "
                f"Got array shapes: {[tuple(x.shape) for x in arrays if x is not None]}."
            )
        if found:
            counts[what] = found.pop()
    if len(set(counts.values())) > 1:
        raise ValueError(
            "Input arrays should have the same number of samples as target and sample weight arrays. Found "
            + ", ".join(f"{count} {what.lower()} samples" for what, count in counts.items())
            + "."
        )
    return next(iter(counts.values()), 0)


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


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Refuses what is no number of batches or epochs; None passes.

    Raises:
        ValueError: naming the argument and what was found.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if value is not None and not (whole and value >= least):
        raise ValueError(
            f"{name} must be a {'positive integer' if least else 'non-negative integer'}, found {value!r}."
        )


# --- weights of samples -------------------------------------------------------------------------------------


def standardize_weights_by_output(weights: Any, names: Sequence[str], what: str) -> list[Any]:
    """sample_weight or class_weight per output.

    Raises:
        ValueError, TypeError: if a list has another length than the outputs, or a dict other names.
    """
    if isinstance(weights, Mapping) and any(isinstance(key, Value) for key in weights):
        warnings.warn(
            f"`{what}` is looked up by output names ({list(names)}); its tensors are ignored.", stacklevel=4
        )
        weights = {key: value for key, value in weights.items() if not isinstance(key, Value)}
    if weights is None or (
        hasattr(weights, "__len__") and getattr(weights, "shape", None) != () and not len(weights)
    ):
        return [None] * len(names)
    if len(names) == 1:
        if isinstance(weights, list) and len(weights) == 1 and np.ndim(weights[0]) > 0:
            return [weights[0]]
        if isinstance(weights, Mapping) and names[0] in weights:
            return [weights[names[0]]]
        return [weights]
    if isinstance(weights, list):
        if len(weights) != len(names):
            raise ValueError(
                f"Provided `{what}` was a list of {len(weights)} elements, but the model has {len(names)} "
                f"outputs. Provide one {what} array per output."
            )
        return list(weights)
    if isinstance(weights, Mapping):
        unknown = set(weights) - set(names)
        if unknown:
            raise ValueError(
                f"Unknown entries in the {what} dictionary: {sorted(map(str, unknown))}. Only expected the "
                f"following keys: {list(names)}."
            )
        return [weights.get(name) for name in names]
    raise TypeError(
        f"The model has multiple outputs, so `{what}` should be either a list or a dict, one entry per "
        f"output. Provided `{what}` type not understood: {type(weights).__name__}."
    )


def combine_weights(target: Any, sample_weight: Any, class_weight: Any, mode: str | None, name: str) -> Any:
    """Weights of the samples (or, in temporal mode, of the timesteps) of one output; None for all ones.

    Args:
        target: the target array of the output.
        sample_weight: array (samples,), in temporal mode (samples, timesteps).
        class_weight: dict from class to weight; the class is the argmax of one-hot targets, else the target
            itself.
        mode: None or "temporal".
        name: of the output, for messages.

    Raises:
        ValueError: for a wrong rank or size, or a class without a weight.
    """
    if sample_weight is None and class_weight is None:
        return None
    weights = None if sample_weight is None else _weight_array(sample_weight, name)
    if mode not in (None, "temporal"):
        raise ValueError(f'"sample_weight_mode" must be None or "temporal"; found {mode!r} for {name!r}.')
    if target is None:  # a tensor, whose size only a run tells
        if class_weight is not None:
            raise ValueError(f"class_weight needs target data; the target of {name!r} is a tensor.")
        return weights
    if mode == "temporal" and len(target.shape) < 3:
        raise ValueError(
            f"Found a sample_weight array for the target {name!r} with shape {tuple(target.shape)}. "
            "Timestep-wise sample "
            'weighting (sample_weight_mode="temporal") is restricted to outputs that are at least 3D.'
        )
    if weights is not None:
        _check_weight_shape(weights, target, mode, name)
    if class_weight is None:
        return weights
    if not isinstance(class_weight, Mapping):  # Keras 2.3 says nothing
        warnings.warn(
            f"class_weight must be a dict from class to weight; {class_weight!r} of {name!r} is ignored.",
            stacklevel=6,
        )
        return weights
    of_class = _class_weights(np.asarray(target), class_weight, name)
    return of_class if weights is None else weights * of_class


def _weight_array(weights: Any, name: str) -> np.ndarray:
    array = as_array(weights, name, "sample_weight of the output")
    if isinstance(array, np.ndarray):
        data_errors.check_numbers(array, weights, np.dtype(np.float32), name, "sample_weight of the output")
    return np.asarray(array, np.float32)


def _check_weight_shape(weights: np.ndarray, target: Any, mode: str | None, name: str) -> None:
    wanted = 2 if mode == "temporal" else 1
    shape = tuple(target.shape[:wanted])
    if weights.ndim != wanted:
        if weights.size == np.prod(shape) and weights.ndim > wanted:
            flat = "sample_weight.ravel()" if wanted == 1 else f"sample_weight.reshape{shape}"
            hint = f"give it the shape {shape}, {flat}"
        elif mode == "temporal":
            hint = "pass a 2D array, with shape (samples, sequence_length)"
        elif not weights.ndim:
            hint = "give one weight for each sample"
        else:
            hint = 'set `sample_weight_mode="temporal"` in compile() to weigh timesteps'
        raise ValueError(
            f"Found a sample_weight array for {name!r} with shape {weights.shape}; expected {wanted}D: "
            f"{hint}."
        )
    if weights.shape != shape:
        raise ValueError(
            f"Found a sample_weight array with shape {weights.shape} for the target {name!r} with shape "
            f"{tuple(target.shape)}. Please provide one weight per sample (in temporal mode per timestep)."
        )


def _class_weights(target: np.ndarray, class_weight: Any, name: str) -> np.ndarray:
    if target.ndim > 2:
        raise ValueError(
            f"`class_weight` not supported for 3+ dimensional targets ({name!r}: {target.shape})."
        )
    try:
        table = {int(c): float(w) for c, w in class_weight.items()}
    except (TypeError, ValueError):
        raise ValueError(
            f"`class_weight` maps numbers of classes to weights, {{0: 1.0, 1: 2.5}}; found {class_weight!r} "
            f"for the output {name!r}."
        ) from None
    if target.ndim == 2:
        classes = target.argmax(axis=1) if target.shape[1] > 1 else target.reshape(-1)
    else:
        classes = target
    missing = set(np.unique(classes).tolist()) - set(table)
    if missing:
        raise ValueError(
            f"`class_weight` must contain all classes in the data of {name!r}. The classes "
            f"{sorted(int(c) if c == c // 1 else c for c in missing)} exist in the data but not in "
            "`class_weight`."
        )
    unique, inverse = np.unique(classes, return_inverse=True)
    return np.array([table[int(c)] for c in unique], dtype=np.float32)[inverse.reshape(-1)]


# --- splitting and batching ---------------------------------------------------------------------------------


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


def is_generator(x: Any) -> bool:
    """Whether x gives batches by itself: a generator, an iterator, a keras.utils.Sequence or a loader."""
    from ..utils.data_utils import Sequence as KerasSequence

    if isinstance(x, KerasSequence):
        return True
    return hasattr(x, "__next__") or type(x).__name__ == "generator" or is_loader(x)


#: What tells arrays, tables and containers from what can only be iterated over.
_OF_DATA = ("__getitem__", "__array__", "__next__", "shape", "iloc")


def is_loader(x: Any) -> bool:
    """Whether x gives batches anew each time it is iterated over: torch's DataLoader, a tf.data.Dataset."""
    if isinstance(x, set | frozenset) or not hasattr(x, "__iter__"):
        return False
    return not any(hasattr(x, name) for name in _OF_DATA)


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
