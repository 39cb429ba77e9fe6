"""Nests of tuples and dicts, the arrays at their leaves, and what is known of them beforehand.

Inside a pipeline a leaf is an array or a number of numpy, ``bytes`` for a text, or a dataset (of a window).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...ir import EagerTensor, StringTensor, TensorShape, Value, as_dtype
from ...ir.strings import as_bytes
from .composites import Composite, TypeSpec
from .dtypes import DType
from .dtypes import as_dtype as named_dtype


class TensorSpec(TypeSpec):
    """What is known of a tensor before it is there.

    Args:
        shape: sizes, None for one that is open; None as a whole for any rank.
        dtype: element type.
        name: of an input, if it has one.
    """

    __slots__ = ("dtype", "name", "shape")

    def __init__(self, shape: Any, dtype: Any = "float32", name: str | None = None) -> None:
        if isinstance(shape, int):
            shape = (shape,)
        dims = getattr(shape, "dims", shape)
        self.shape: Any = None if dims is None else TensorShape(_size(size) for size in shape)
        self.dtype: DType = named_dtype(dtype)
        self.name = name

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """That of a tensor or an array."""
        return cls(tensor.shape, tensor.dtype, name)

    def is_compatible_with(self, other: Any) -> bool:
        """Whether a tensor, an array or another spec may stand for it."""
        if not hasattr(other, "shape"):
            other = spec_of(as_leaf(other))
        return named_dtype(other.dtype) == self.dtype and fits(other.shape, self.shape)

    def of_shape(self, shape: Any) -> TensorSpec:
        """That of the same with another shape."""
        return TensorSpec(shape, self.dtype)

    def batched(self, size: int | None) -> TensorSpec:
        """That of so many tensors as one."""
        return TensorSpec(None if self.shape is None else (size, *self.shape), self.dtype)

    def unbatched(self) -> TensorSpec:
        """That of a row."""
        return TensorSpec(None if self.shape is None else self.shape[1:], self.dtype)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TensorSpec):
            return NotImplemented
        return (self.shape, self.dtype, self.name) == (other.shape, other.dtype, other.name)

    def __hash__(self) -> int:
        return hash((self.shape, str(self.dtype)))

    def __repr__(self) -> str:
        shape = "<unknown>" if self.shape is None else self.shape
        return f"TensorSpec(shape={shape}, dtype={self.dtype!r}, name={self.name!r})"


def _size(size: Any) -> int | None:
    size = getattr(size, "value", size)
    return None if size is None or int(size) < 0 else int(size)


def fits(found: Any, expected: Any) -> bool:
    """Whether a shape is one that another allows, where sizes or the rank may be open on both sides."""
    if found is None or expected is None:
        return True
    return len(found) == len(expected) and all(
        a is None or b is None or a == b for a, b in zip(found, expected, strict=True)
    )


def joint_shape(a: Any, b: Any) -> Any:
    """The shape that allows both of two."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(x if x == y else None for x, y in zip(a, b, strict=True))


# --- nests --------------------------------------------------------------------------------------------------


def keys_of(structure: Mapping[Any, Any]) -> list[Any]:
    """The keys of a dict in the order in which they count: sorted, where they can be."""
    try:
        return sorted(structure)
    except TypeError:
        return list(structure)


def flatten(structure: Any) -> list[Any]:
    """The leaves of tuples and dicts, dicts by their sorted keys."""
    if isinstance(structure, tuple):
        return [leaf for entry in structure for leaf in flatten(entry)]
    if isinstance(structure, Mapping):
        return [leaf for key in keys_of(structure) for leaf in flatten(structure[key])]
    return [structure]


def pack(like: Any, leaves: Iterator[Any]) -> Any:
    """The structure of ``like`` with other leaves."""
    if isinstance(like, tuple):
        return _tuple_like(like, [pack(entry, leaves) for entry in like])
    if isinstance(like, Mapping):
        packed = {key: pack(like[key], leaves) for key in keys_of(like)}
        return {key: packed[key] for key in like}
    return next(leaves)


def map_structure(function: Callable[..., Any], *structures: Any) -> Any:
    """The structure of the first with the function of the leaves, one of each structure.

    Raises:
        ValueError: if the structures differ.
    """
    first = structures[0]
    if isinstance(first, tuple):
        _check_same(first, structures, all(isinstance(s, tuple) and len(s) == len(first) for s in structures))
        entries = [map_structure(function, *entries) for entries in zip(*structures, strict=True)]
        return _tuple_like(first, entries)
    if isinstance(first, Mapping):
        same = all(isinstance(s, Mapping) and set(s) == set(first) for s in structures)
        _check_same(first, structures, same)
        return {key: map_structure(function, *(s[key] for s in structures)) for key in first}
    return function(*structures)


def _check_same(first: Any, structures: Sequence[Any], same: bool) -> None:
    if not same:
        raise ValueError(f"The elements do not have one structure: {first!r} and {structures[-1]!r}.")


def _tuple_like(like: tuple[Any, ...], entries: list[Any]) -> Any:
    return type(like)(*entries) if hasattr(like, "_fields") else tuple(entries)


def shape_structure(like: Any, shapes: Any) -> list[Any]:
    """A shape for each leaf of ``like``: the shapes are nested alike, and are lists or tuples of sizes."""
    if isinstance(like, tuple):
        if not isinstance(shapes, list | tuple) or len(shapes) != len(like):
            raise ValueError(f"Expected a tuple of {len(like)} shapes, found {shapes!r}.")
        return [s for entry, shape in zip(like, shapes, strict=True) for s in shape_structure(entry, shape)]
    if isinstance(like, Mapping):
        if not isinstance(shapes, Mapping) or set(shapes) != set(like):
            raise ValueError(f"Expected a dict of shapes for {keys_of(like)}, found {shapes!r}.")
        return [s for key in keys_of(like) for s in shape_structure(like[key], shapes[key])]
    return [shapes]


# --- leaves -------------------------------------------------------------------------------------------------


def elements_of(given: Any, lists_are_tuples: bool = False) -> Any:
    """What users give as a structure: arrays at the leaves, lists as arrays.

    Args:
        lists_are_tuples: whether a list is a tuple, as one that a function returns is.
    """
    if isinstance(given, tuple) or lists_are_tuples and isinstance(given, list):
        entries = [elements_of(entry) for entry in given]
        return _tuple_like(given, entries) if isinstance(given, tuple) else tuple(entries)
    if isinstance(given, Mapping):
        return {key: elements_of(entry) for key, entry in given.items()}
    return as_leaf(given)


def as_leaf(value: Any) -> Any:
    """A tensor, an array, a number, a text or a list of them as an array of numpy, ``bytes`` for one text.

    Whole numbers of Python are int32 where they fit, others float32.

    Raises:
        ValueError: for what is none of these, a list of unequal lengths, or a symbolic tensor.
    """
    if isinstance(value, np.ndarray | np.generic):
        return _checked(value)
    if isinstance(value, EagerTensor):
        return value.array
    if isinstance(value, StringTensor):
        return _text(value.array)
    if isinstance(value, Value):
        return value.numpy()
    if isinstance(value, str | bytes | os.PathLike):
        return _text(as_bytes(os.fspath(value)))
    if hasattr(value, "_stage") or isinstance(value, Composite):
        return value
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy()
    if hasattr(value, "iloc"):
        return _checked(np.asarray(value.values))
    for method in ("to_numpy", "numpy"):
        if callable(getattr(value, method, None)):
            return _checked(np.asarray(getattr(value, method)()))
    if isinstance(value, list) and any(isinstance(leaf, Value) for leaf in _entries(value)):
        return stacked([as_leaf(entry) for entry in value])
    return _checked(_by_default(_array(value)))


def _entries(value: Any) -> Iterator[Any]:
    for entry in value:
        if isinstance(entry, list):
            yield from _entries(entry)
        else:
            yield entry


def _array(value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"Cannot make a tensor of {_short(value)}: lists of unequal lengths.") from error


def _by_default(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "i":
        small = array.astype(np.int32)
        return small if np.array_equal(small, array) else array
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _checked(array: Any) -> Any:
    if array.dtype.kind in "fiubc" or array.dtype.kind == "V" and array.dtype.names is None:
        return array
    try:
        return _text(as_bytes(np.asarray(array)))
    except TypeError as error:
        raise ValueError(
            f"A dataset holds numbers, truth values and text; found an array of {array.dtype}: {error}"
        ) from None


def _text(array: np.ndarray) -> Any:
    return array if array.ndim else array[()]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def spec_of(leaf: Any) -> Any:
    """The spec of an array, a number or a text; its own where it is a dataset or a tensor of several."""
    if isinstance(leaf, bytes):
        return TensorSpec((), "string")
    if hasattr(leaf, "_stage"):
        return DatasetSpec(leaf.element_spec)
    if isinstance(leaf, Composite):
        return leaf.type_spec
    return TensorSpec(leaf.shape, leaf.dtype)


class DatasetSpec(TypeSpec):
    """A dataset at a leaf, as windows have them.

    Args:
        element_spec: of its elements.
    """

    shape: Any = ()

    def __init__(self, element_spec: Any, dataset_shape: Any = ()) -> None:
        self.element_spec = element_spec

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatasetSpec) and other.element_spec == self.element_spec

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"DatasetSpec({self.element_spec!r})"


def stacked(leaves: Sequence[Any], component: int = 0) -> Any:
    """Leaves of one shape as the rows of one array; tensors of several as those of one.

    Raises:
        ValueError: if shapes differ.
    """
    first = leaves[0]
    if isinstance(first, bytes):
        rows = np.empty(len(leaves), object)
        rows[:] = leaves
        return rows
    if isinstance(first, np.generic):
        return np.array(leaves, first.dtype)
    if isinstance(first, Composite):
        return first.stacked(leaves)
    if hasattr(first, "_stage"):
        raise ValueError("Datasets at the leaves (windows) are not batched; flat_map batches each of them.")
    shape = first.shape
    for i, leaf in enumerate(leaves):
        if leaf.shape != shape:
            raise ValueError(
                f"Cannot batch tensors with different shapes in component {component}. First element had "
                f"shape {list(shape)} and element {i} had shape {list(leaf.shape)}."
            )
    return np.stack(leaves)


def cast(leaf: Any, dtype: Any) -> Any:
    """A leaf in another element type."""
    if str(dtype) == "string":
        return _text(as_bytes(leaf))
    return np.asarray(leaf).astype(as_dtype(str(dtype)), copy=False)[()]
