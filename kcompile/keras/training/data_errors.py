"""What errors about data say: what was found, and what would make it fit."""

from __future__ import annotations

import inspect
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.node import static_shape
from ..utils.messages import harmless

Shape = tuple[int | None, ...]


def shape_error(
    name: str, what: str, found: tuple[int, ...], expected: Shape, given: tuple[int, ...], advice: str = ""
) -> ValueError:
    """For an array of a wrong rank or size.

    Args:
        name: of the input or output.
        what: "input" or "target".
        found: its shape, with an axis of size 1 added to one number per sample.
        expected: the shape that it must have.
        given: the shape that it came with.
        advice: what to do; by default what the shapes suggest.
    """
    if len(found) != len(expected):
        problem = f"to have {len(expected)} dimensions, but got array with shape {given}"
    else:
        problem = f"to have shape {expected[1:]} but got array with shape {found[1:]}"
        if found != given:
            problem += f" (one number for each of {given[0]} samples)"
    advice = advice or _fitting(given, expected, "y" if what == "target" else "x")
    return ValueError(f"Error when checking {what}: expected {name} {problem}.{advice and ' ' + advice}")


def _fitting(found: tuple[int, ...], expected: Shape, x: str) -> str:
    """What turns an array of a shape into one of the expected shape, if anything simple does."""
    sample = expected[1:]
    if _agree(found, sample) and found:
        rows = f" (of a list: [{x}])" if len(found) == 1 else ""
        return f"If it is a single sample, give it an axis for samples: {x}[np.newaxis]{rows}."
    if len(expected) == len(found) + 1 and sample[-1:] == (1,) and _agree(found, expected[:-1]):
        return f"Give it the last axis, of size 1: {x}[..., np.newaxis]."
    if len(found) == len(expected) + 1 and found[-1] == 1 and _agree(found[:-1], expected):
        return f"Drop its last axis: {x}[..., 0]."
    if len(found) == len(expected) > 2:
        if _agree((*found[2:], found[1]), sample):
            return f"Its channels come first, those of the model last: np.moveaxis({x}, 1, -1)."
        if _agree((found[-1], *found[1:-1]), sample):
            return f"Its channels come last, those of the model first: np.moveaxis({x}, -1, 1)."
    sizes = [size for size in sample if size is not None]
    if len(sizes) == len(sample) and len(found) > 1 and len(found) != len(expected):
        if math.prod(found[1:]) == math.prod(sizes):
            return f"Reshape it: {x}.reshape({', '.join(map(str, (-1, *sample)))})."
    return ""


def _agree(found: Sequence[int | None], expected: Sequence[int | None]) -> bool:
    return len(found) == len(expected) and all(
        b is None or a == b for a, b in zip(found, expected, strict=True)
    )


def count_error(arrays: Sequence[Any], names: Sequence[str], what: str, shapes: Sequence[Any]) -> ValueError:
    """For another number of arrays than the model has inputs or outputs."""
    found = [shape_of(x) for x in arrays]
    expected = f"the model expects {len(names)} arrays ({harmless(', '.join(names)) or 'none'})"
    shown = ", ".join(map(str, found[:8])) + ", ..." * (len(found) > 8)
    letter = "y" if what == "target" else "x"
    one = found[0] if found else None
    if len(names) == 1 and one and len(found) > 1 and found.count(one) == len(found):
        batch = f"np.concatenate({letter})" if _agree(one, shapes[0] or ()) else f"np.stack({letter})"
        advice = (
            f" A list holds one array for each {what} of the model; if these are samples of one {what}, make "
            f"one array of them: {batch}."
        )
    elif len(names) > 1:
        advice = f" Give a list of {len(names)} arrays in this order, or a dict by these names."
    else:
        advice = ""
    return ValueError(
        f"Error when checking model {what}: {expected}, but got {len(arrays)}: shapes [{shown}].{advice}"
    )


def warn_of_broadcast(name: str, what: str, found: Any, wanted: Any, hint: str) -> None:
    """Says that numbers of an array count several times, which is seldom what was meant."""
    warnings.warn(
        f"The {what} {name!r} has the shape {found}, and the model the shape {wanted}: its numbers are "
        f"repeated along the axes of size 1. {hint}".rstrip(),
        stacklevel=3,
    )


def sample_count_error(inputs: Sequence[Any], targets: Sequence[Any], weights: Sequence[Any]) -> ValueError:
    """For arrays of several numbers of samples."""
    counts = {}
    for what, arrays in (("Input", inputs), ("Target", targets), ("Sample weight", weights)):
        shapes = [tuple(x.shape) for x in arrays if x is not None]
        if len({shape[0] for shape in shapes}) > 1:
            return ValueError(
                f"All {what.lower()} arrays should have the same number of samples. "
                f"Got array shapes: {shapes}."
            )
        if shapes:
            counts[what] = shapes[0][0]
    return ValueError(
        "Input arrays should have the same number of samples as target and sample weight arrays. Found "
        + ", ".join(f"{count} {what.lower()} samples" for what, count in counts.items())
        + "."
    )


def target_advice(output: Any, found: tuple[int, ...]) -> str:
    """What to do where labels are of the other kind than the loss of an output wants."""
    shape = static_shape(output.value) or ()
    if not shape or len(found) not in (len(shape), len(shape) - 1):
        return ""
    classes = shape[-1]
    if len(found) < len(shape):  # as numbers of one class per step come
        found = (*found, 1)
    if output.is_sparse and found[-1] == classes:
        return (
            "These look like one-hot rows, and the loss takes numbers of classes: use the loss "
            "categorical_crossentropy, or np.argmax(y, axis=-1)."
        )
    if not output.is_sparse and found[-1] == 1 and classes and classes > 1:
        if output.loss_name in _OF_CLASSES:
            return (
                "These look like numbers of classes, and the loss takes one-hot rows: use the loss "
                f"sparse_categorical_crossentropy, or keras.utils.to_categorical(y, {classes})."
            )
        return f"The output has {classes} units: give {classes} numbers a sample, or the last layer 1 unit."
    return ""


#: Losses that compare a row of numbers by class.
_OF_CLASSES = frozenset(
    "categorical_crossentropy categorical_hinge categorical_focal_crossentropy binary_crossentropy "
    "binary_focal_crossentropy kullback_leibler_divergence kl_divergence dice tversky".split()
)


def build_error(error: ValueError, arrays: Sequence[Any]) -> ValueError:
    """For a model that cannot be built for the shapes of the data."""
    found = [shape_of(x) for x in arrays]
    if len(found) > 1 and found.count(found[0]) == len(found):
        advice = (
            f"These are {len(found)} arrays of shape {found[0]}, one for each input; if they are samples of "
            "one input, make one array of them: np.stack(x)."
        )
    else:
        shown = ", ".join(map(str, found[:8])) + ", ..." * (len(found) > 8)
        advice = f"The data has the shape {shown}, where axis 0 counts samples"
        advice += "; a single sample needs that axis, too: x[np.newaxis]." if len(found) == 1 else "."
    return ValueError(
        f"{error} The model is not built yet, and takes its input shapes from the data. {advice}"
    )


def shape_of(x: Any) -> Any:
    """The shape of an array, or of nested lists as far as they are regular; None for None."""
    if x is None:
        return None
    if hasattr(x, "shape"):
        return tuple(x.shape)
    if isinstance(x, list | tuple):
        return (len(x), *(shape_of(x[0]) if x else ()))
    return ()


# --- what does not become an array of numbers ---------------------------------------------------------------


def refuse_no_data(x: Any, name: str, what: str) -> None:
    """
    Raises:
        ValueError: for what is no data at all: a text, a function, a set, a dataset of PyTorch.
    """
    if isinstance(x, str | bytes | os.PathLike):
        found, advice = f"the text {_short(x)}", "read the file first, and give its arrays"
    elif isinstance(x, set | frozenset):
        found, advice = "a set, which has no order", "give a list or an array"
    elif any(kind.__module__.startswith("torch.utils.data") for kind in type(x).__mro__):
        found = f"a {type(x).__name__}, which gives single samples"
        advice = "give it alone in place of inputs and targets, or in a torch.utils.data.DataLoader"
    elif inspect.isroutine(x):
        found, advice = f"the function {getattr(x, '__name__', '')}", "call it, and give what it returns"
    else:
        return
    raise ValueError(f"The {what} {name!r} is {found}, not an array: {advice}.")


def not_an_array(x: Any, name: str, what: str, error: Exception) -> ValueError:
    """For what numpy makes no array of."""
    lengths = _lengths(x)
    if lengths:
        return ragged_error(lengths, name, what)
    return ValueError(f"The {what} {name!r} cannot be made an array: {error}.")


def ragged_error(lengths: Sequence[int], name: str, what: str) -> ValueError:
    """For samples of several lengths."""
    return ValueError(
        f"The samples of the {what} {name!r} are ragged: they have different lengths (from {min(lengths)} to "
        f"{max(lengths)}), which no array holds. Pad them to one length: "
        "keras.preprocessing.sequence.pad_sequences."
    )


def _lengths(x: Any) -> list[int]:
    """The lengths of the entries at the first depth at which they differ."""
    level = list(x) if isinstance(x, list | tuple | np.ndarray) else []
    while level and all(hasattr(entry, "__len__") and not isinstance(entry, str | bytes) for entry in level):
        found = [len(entry) for entry in level]
        if len(set(found)) > 1:
            return found
        level = [inner for entry in level for inner in entry]
    return [len(entry) if hasattr(entry, "__len__") else 1 for entry in level if not isinstance(entry, str)]


def check_numbers(array: np.ndarray, given: Any, dtype: np.dtype, name: str, what: str) -> None:
    """Refuses an array of text, objects, dates or complex numbers that does not become one of numbers.

    Args:
        array: the data as an array.
        given: the data as they came: a table's columns are named.
        dtype: the type that the graph reads.
        name, what: of the input or target, for messages.

    Raises:
        ValueError: with the first element that is no number, where it is, and what to do.
    """
    if array.dtype.kind in "fiub" or dtype.kind not in "fiub":
        return
    if array.dtype.kind == "O":
        _check_no_arrays(array, name, what)
    found = next(_not_numbers(array), None)
    if found is None:
        return
    index, value = found
    column = _column(given, index)
    where = f"in the column {column!r}, row {index[0]}" if column is not None else f"at {list(index)}"
    kept = f"{type(value).__name__} " if not isinstance(value, str) else ""
    raise ValueError(
        f"The {what} {name!r} must hold numbers of type {dtype.name}; its dtype is {array.dtype}, with "
        f"{kept}{_short(value)} {where}. {_remedy(value, column)}"
    )


def _check_no_arrays(array: np.ndarray, name: str, what: str) -> None:
    entries = [x for x in array.flat if hasattr(x, "__len__") and not isinstance(x, str | bytes)]
    if not entries:
        return
    shapes = {shape_of(entry) for entry in entries}
    if len(shapes) == 1 and len(entries) == array.size:
        raise ValueError(
            f"The {what} {name!r} is an array of {array.size} objects, each of shape {shapes.pop()}: make "
            "one array of numbers of them, np.stack(list(x))."
        )
    raise ragged_error([len(entry) for entry in entries], name, what)


def _not_numbers(array: np.ndarray) -> Iterator[tuple[tuple[int, ...], Any]]:
    """(index, element) of what no float is made of."""
    for index, value in np.ndenumerate(array):
        try:
            if value is None or isinstance(value, np.datetime64 | np.timedelta64):
                raise TypeError
            float(value) if array.dtype.kind != "c" else _refuse(value)
        except (TypeError, ValueError):
            yield index, value


def _refuse(value: Any) -> None:
    raise TypeError(f"{value} is complex")


def _column(table: Any, index: tuple[int, ...]) -> Any:
    """What a DataFrame calls the column of an element, or a Series itself."""
    if not any(hasattr(table, name) for name in ("iloc", "to_numpy", "column_names")):
        return None
    columns = getattr(table, "column_names", getattr(table, "columns", None))
    return getattr(table, "name", None) if columns is None or len(index) < 2 else list(columns)[index[1]]


def _short(value: Any) -> str:
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 60 else text[:57] + "..."


def _remedy(value: Any, column: Any) -> str:
    if isinstance(value, str | bytes):
        if column is not None:
            return "Encode it as numbers (pandas.get_dummies, or its category's codes), or leave it out."
        return "Make numbers of text first: keras.preprocessing.text.Tokenizer, keras.utils.to_categorical."
    if isinstance(value, complex | np.complexfloating):
        return "Give the real and imaginary parts as features of their own: x.real, x.imag."
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return "Fill in what is missing, or leave those samples out."
    return "Make numbers of it first."
