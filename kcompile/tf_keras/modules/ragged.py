"""``tf.ragged`` and ``tf.RaggedTensor``: rows of unequal lengths, as what text is split into."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np

from ...ir import TensorShape, Value
from ...keras.data.composites import STACKS, Composite, RaggedTensorSpec
from ...keras.data.structures import as_leaf
from ..tensorflow.dtypes import DType, as_dtype
from ..tensorflow.functions import function_of
from ..tensorflow.tensors import convert_to_tensor
from ..tensorflow.text import text_of
from . import ragged_functions
from .sparse import SparseTensor


class RaggedTensor(Composite):
    """Rows of unequal lengths: all their entries, and where each row begins and ends among them.

    Attributes:
        values: the entries of all rows, one after the other: a tensor, or ragged itself.
        row_splits: (rows + 1,) int64: where each row begins, and where the last one ends.
    """

    def __init__(self, values: Any, row_splits: Any) -> None:
        self.values = values
        self._splits = np.asarray(row_splits, np.int64)

    @classmethod
    def from_row_splits(cls, values: Any, row_splits: Any, name: Any = None, validate: bool = True) -> Any:
        """Rows that begin and end at places.

        Raises:
            ValueError: for places that do not rise from 0 to the number of entries.
        """
        values = values if isinstance(values, RaggedTensor) else convert_to_tensor(values)
        splits = np.asarray(row_splits)
        if (
            splits.ndim != 1
            or splits[:1].tolist() != [0]
            or np.any(np.diff(splits) < 0)
            or splits[-1] != len(values)
        ):
            raise ValueError(f"row_splits must rise from 0 to {len(values)}; found {splits}.")
        return cls(values, splits)

    @classmethod
    def from_row_lengths(cls, values: Any, row_lengths: Any, name: Any = None, validate: bool = True) -> Any:
        """Rows of lengths; see ``from_row_splits``."""
        return cls.from_row_splits(values, np.concatenate([[0], np.cumsum(np.asarray(row_lengths))]))

    @classmethod
    def from_value_rowids(
        cls, values: Any, value_rowids: Any, nrows: Any = None, name: Any = None, validate: bool = True
    ) -> Any:
        """Rows of the entries that say they belong to them; see ``from_row_splits``."""
        ids = np.asarray(value_rowids)
        count = int(nrows) if nrows is not None else int(ids.max(initial=-1)) + 1
        return cls.from_row_lengths(values, np.bincount(ids, minlength=count))

    @classmethod
    def from_row_starts(cls, values: Any, row_starts: Any, name: Any = None, validate: bool = True) -> Any:
        """Rows that begin at places; see ``from_row_splits``."""
        return cls.from_row_splits(values, np.append(np.asarray(row_starts), len(convert_to_tensor(values))))

    @classmethod
    def from_row_limits(cls, values: Any, row_limits: Any, name: Any = None, validate: bool = True) -> Any:
        """Rows that end at places; see ``from_row_splits``."""
        return cls.from_row_splits(values, np.insert(np.asarray(row_limits), 0, 0))

    @classmethod
    def from_nested_row_splits(
        cls, flat_values: Any, nested_row_splits: Any, name: Any = None, validate: bool = True
    ) -> Any:
        """Rows of rows: the places of the outermost come first; see ``from_row_splits``."""
        return reduce(cls.from_row_splits, reversed(list(nested_row_splits)), convert_to_tensor(flat_values))

    @classmethod
    def from_nested_row_lengths(
        cls, flat_values: Any, nested_row_lengths: Any, name: Any = None, validate: bool = True
    ) -> Any:
        """Rows of rows: the lengths of the outermost come first; see ``from_row_splits``."""
        return reduce(
            cls.from_row_lengths, reversed(list(nested_row_lengths)), convert_to_tensor(flat_values)
        )

    @classmethod
    def from_sparse(cls, st_input: Any, name: Any = None, row_splits_dtype: Any = "int64") -> Any:
        """The rows of a sparse matrix, whose elements stand at the beginning of each.

        Raises:
            ValueError: for other ranks than 2, and rows with gaps.
        """
        indices = np.asarray(st_input.indices)
        if indices.shape[1] != 2:
            raise ValueError(f"from_sparse takes a matrix; found a tensor of {indices.shape[1]} axes.")
        lengths = np.bincount(indices[:, 0], minlength=int(np.asarray(st_input.dense_shape)[0]))
        places = np.concatenate([np.arange(n) for n in lengths]) if len(lengths) else indices[:, 1]
        if not np.array_equal(indices[:, 1], places):
            raise ValueError(
                "from_sparse takes rows whose elements are in order and begin at 0 without gaps."
            )
        return cls.from_row_lengths(st_input.values, lengths)

    @classmethod
    def from_tensor(cls, tensor: Any, lengths: Any = None, padding: Any = None, name: Any = None) -> Any:
        """The rows of a matrix: so much of each, or all before the padding at its end."""
        rows = list(convert_to_tensor(tensor).numpy())
        if padding is not None:
            kept = [np.flatnonzero(row != np.asarray(padding)) for row in rows]
            rows = [row[: k[-1] + 1] if len(k) else row[:0] for row, k in zip(rows, kept, strict=True)]
        elif lengths is not None:
            rows = [row[: int(n)] for row, n in zip(rows, np.asarray(lengths), strict=True)]
        return of_rows(rows, rows[0].dtype if rows and rows[0].dtype.kind != "O" else None)

    @property
    def flat_values(self) -> Any:
        """The entries of the innermost rows, as a tensor."""
        return self.values.flat_values if isinstance(self.values, RaggedTensor) else self.values

    @property
    def row_splits(self) -> Value:
        """Where each row begins, and where the last one ends."""
        return convert_to_tensor(self._splits)

    @property
    def nested_row_splits(self) -> tuple[Value, ...]:
        """``row_splits`` of the rows, of the rows in them, and so on."""
        inner = self.values
        return (self.row_splits, *(inner.nested_row_splits if isinstance(inner, RaggedTensor) else ()))

    @property
    def dtype(self) -> DType:
        """Of the entries."""
        flat = self.flat_values
        return as_dtype("string" if flat.dtype.kind == "O" else flat.dtype.name)

    @property
    def shape(self) -> TensorShape:
        """(rows, None, ...)."""
        inner = tuple(self.values.shape)[1:]
        return TensorShape((len(self), None, *inner))

    @property
    def ragged_rank(self) -> int:
        """How many axes have unequal lengths."""
        return 1 + (self.values.ragged_rank if isinstance(self.values, RaggedTensor) else 0)

    def with_flat_values(self, new_values: Any) -> RaggedTensor:
        """The same rows of other entries."""
        inner = self.values
        values = inner.with_flat_values(new_values) if isinstance(inner, RaggedTensor) else new_values
        return RaggedTensor(values, self._splits)

    def nrows(self, out_type: Any = "int64", name: Any = None) -> Value:
        """Number of rows."""
        return convert_to_tensor(np.asarray(len(self), as_dtype(out_type).as_numpy_dtype))

    def row_lengths(self, axis: int = 1, name: Any = None) -> Any:
        """Length of each row: int64."""
        if axis == 1:
            return convert_to_tensor(np.diff(self._splits))
        return RaggedTensor(self.values.row_lengths(axis - 1), self._splits)

    def value_rowids(self, name: Any = None) -> Value:
        """For each entry the row that it belongs to: int64."""
        return convert_to_tensor(np.repeat(np.arange(len(self)), np.diff(self._splits)))

    def bounding_shape(self, axis: int | None = None, name: Any = None, out_type: Any = None) -> Value:
        """The shape that ``to_tensor`` has."""
        shape = np.array(self.to_tensor().shape, np.int64)
        return convert_to_tensor(shape if axis is None else shape[axis])

    def merge_dims(self, outer_axis: int, inner_axis: int) -> Any:
        """With two neighbouring axes, or those between two, as one.

        Raises:
            NotImplementedError: for axes behind the ragged ones.
        """
        inner_axis %= len(self.shape)
        if outer_axis == inner_axis:
            return self
        if outer_axis == 0:
            merged = self.values
            return merged.merge_dims(0, inner_axis - 1) if inner_axis > 1 else merged
        if not isinstance(self.values, RaggedTensor):
            raise NotImplementedError("merge_dims merges axes of unequal lengths alone here.")
        if outer_axis == 1:
            inner = self.values
            joined = RaggedTensor(inner.values, inner._splits[self._splits])
            return joined.merge_dims(1, inner_axis - 1) if inner_axis > 2 else joined
        return RaggedTensor(self.values.merge_dims(outer_axis - 1, inner_axis - 1), self._splits)

    def to_list(self) -> list[Any]:
        """The rows as lists."""
        return [row.to_list() if isinstance(row, RaggedTensor) else row.numpy().tolist() for row in self]

    def numpy(self) -> np.ndarray:
        """The rows as an array of arrays; of rows of one length a plain array."""
        values = np.asarray(self.values.numpy())
        rows = np.split(values, self._splits[1:-1]) if len(self) else []
        if len({len(row) for row in rows}) == 1:
            return np.array(rows)
        found = np.empty(len(rows), object)
        found[:] = rows
        return found

    def as_array(self) -> np.ndarray:
        """See ``Composite``."""
        return self.numpy()

    def to_tensor(self, default_value: Any = None, name: Any = None, shape: Any = None) -> Value:
        """A tensor, with each row filled up to the longest, or cut or filled to a shape.

        Args:
            default_value: what fills; 0, or an empty text.
            shape: sizes, None for that of the longest row.
        """
        text = self.dtype == "string"
        rows = [row.to_tensor(default_value) if isinstance(row, RaggedTensor) else row for row in self]
        arrays = [np.asarray(row) for row in rows]
        inner = self.values.shape[1:]
        sizes = [max((a.shape[i] for a in arrays), default=0) for i in range(1 + len(inner))]
        whole = [len(arrays), *sizes]
        if shape is not None:
            wanted = [None if n in (None, -1) else int(n) for n in tuple(shape)]
            whole = [
                n if w is None else w for n, w in zip(whole, [*wanted, *whole[len(wanted) :]], strict=True)
            ]
        fill = (b"" if text else 0) if default_value is None else default_value
        fill = (
            fill.encode()
            if isinstance(fill, str)
            else np.asarray(fill)[()]
            if isinstance(fill, Value)
            else fill
        )
        found = np.full(whole, fill, object if text else self.flat_values.dtype)
        for i, array in enumerate(arrays[: whole[0]]):
            kept: Any = tuple(slice(0, min(n, m)) for n, m in zip(array.shape, whole[1:], strict=True))
            found[(i, *kept)] = array[kept]
        return text_of(found) if text else convert_to_tensor(found)

    def to_sparse(self, name: Any = None) -> SparseTensor:
        """The entries by their places; of the shape that ``to_tensor`` has."""
        flat = self.flat_values
        indices = [(*place, *within) for place in self._places() for within in np.ndindex(*flat.shape[1:])]
        values = flat if len(flat.shape) == 1 else flat.numpy().reshape(-1)
        shape = self.bounding_shape().numpy()
        return SparseTensor(np.array(indices, np.int64).reshape(-1, len(shape)), values, shape)

    def _places(self) -> np.ndarray:
        """For each of the flat values its row, the place in it, and so on: (values, 1 + ragged_rank)."""
        rows = np.repeat(np.arange(len(self)), np.diff(self._splits))
        columns = np.arange(len(rows)) - self._splits[rows]
        if not isinstance(self.values, RaggedTensor):
            return np.stack([rows, columns], axis=1)
        inner = self.values._places()
        return np.column_stack([rows[inner[:, 0]], columns[inner[:, 0]], inner[:, 1:]])

    @property
    def type_spec(self) -> RaggedTensorSpec:
        """Shape, element type and number of ragged axes."""
        return RaggedTensorSpec(self.shape, self.dtype, self.ragged_rank)

    def taken(self, rows: Any) -> Any:
        """See ``Composite``."""
        if not isinstance(rows, slice | np.ndarray):
            return as_leaf(self[int(rows)])
        chosen = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else rows
        lengths = np.diff(self._splits)[chosen]
        ends = np.cumsum(lengths)
        places = np.arange(lengths.sum()) + np.repeat(self._splits[chosen] - (ends - lengths), lengths)
        return RaggedTensor(_taken(self.values, places), np.concatenate([[0], ends]))

    @staticmethod
    def stacked(rows: Sequence[Any]) -> RaggedTensor:
        """See ``Composite``."""
        return of_rows(rows, None if rows[0].dtype == "string" else rows[0].dtype)

    def called_in(self, name: str, function: Any, given: dict[str, Any]) -> Any:
        """See ``Composite``."""
        return ragged_functions.called(self, name, function, given)

    def __len__(self) -> int:
        return len(self._splits) - 1

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        first, *rest = key if isinstance(key, tuple) else (key,)
        if isinstance(first, slice):
            rows = [self[i] for i in range(*first.indices(len(self)))]
            rows = [row[tuple(rest)] for row in rows] if rest else rows
            return of_rows(rows, None if self.dtype == "string" else self.flat_values.dtype)
        start, stop = self._splits[int(first)], self._splits[int(first) + 1 or len(self)]
        if int(first) < 0:
            start, stop = self._splits[int(first) - 1], self._splits[len(self) + int(first) + 1]
        row = self.values[int(start) : int(stop)]
        return row[tuple(rest)] if rest else row

    def __repr__(self) -> str:
        return f"<tf.RaggedTensor {self.to_list()}>"


def _operator(name: str, reflected: bool = False) -> Any:
    """An operator of Python, element by element."""

    def apply(self: RaggedTensor, *other: Any) -> Any:
        function = function_of(f"math.{name}")
        assert function is not None
        return function(*other, self) if reflected else function(self, *other)

    return apply


for _symbol, _name in (("add", "add"), ("sub", "subtract"), ("mul", "multiply"), ("truediv", "truediv"),
                       ("floordiv", "floordiv"), ("mod", "floormod"), ("pow", "pow")):  # fmt: skip
    setattr(RaggedTensor, f"__{_symbol}__", _operator(_name))
    setattr(RaggedTensor, f"__r{_symbol}__", _operator(_name, reflected=True))
for _symbol, _name in (("lt", "less"), ("le", "less_equal"), ("gt", "greater"), ("ge", "greater_equal"),
                       ("neg", "negative"), ("abs", "abs"), ("and", "logical_and"), ("or", "logical_or"),
                       ("invert", "logical_not")):  # fmt: skip
    setattr(RaggedTensor, f"__{_symbol}__", _operator(_name))


def _taken(values: Any, places: np.ndarray) -> Any:
    """Entries by their numbers."""
    if isinstance(values, RaggedTensor):
        return values.taken(places)
    array = np.asarray(values)[places]
    return text_of(array) if array.dtype.kind == "O" else convert_to_tensor(array)


def of_arrays(rows: Sequence[Any], ragged_rank: int = 1) -> RaggedTensor:
    """Arrays of numbers or of texts as rows, of the type of the first; so many axes are ragged."""
    if ragged_rank > 1:
        return of_rows([of_arrays(list(row), ragged_rank - 1) for row in rows])
    first = rows[0]
    return of_rows(rows, None if np.asarray(first).dtype.kind == "O" else np.asarray(first).dtype)


def of_rows(rows: Sequence[Any], dtype: Any = None) -> RaggedTensor:
    """Rows: lists of numbers or texts, tensors, or ragged themselves."""
    lengths = [len(row) for row in rows]
    splits = np.concatenate([[0], np.cumsum(lengths)]) if rows else np.zeros(1)
    if any(isinstance(row, RaggedTensor) for row in rows):
        inner = [entry for row in rows for entry in row]
        return RaggedTensor(of_rows(inner, dtype), splits)
    entries = [x for row in rows for x in (row.numpy() if isinstance(row, Value) else row)]
    if any(isinstance(x, list | tuple) for x in entries):
        return RaggedTensor(of_rows(entries, dtype), splits)
    text = bool(entries) and isinstance(entries[0], str | bytes) or dtype is None and not entries
    if text:
        flat: Any = text_of(np.array(entries, object))
    elif dtype is not None:
        flat = convert_to_tensor(np.array(entries, as_dtype(dtype).as_numpy_dtype))
    else:
        flat = convert_to_tensor(entries)
    return RaggedTensor(flat, splits)


def constant(
    pylist: Any, dtype: Any = None, ragged_rank: Any = None, inner_shape: Any = None, name: Any = None,
    row_splits_dtype: Any = "int64",
) -> RaggedTensor:  # fmt: skip
    """``tf.ragged.constant``: nested lists, or an array of lists or arrays, as a column of a table is."""
    return of_rows(_as_lists(pylist), dtype)


def _as_lists(rows: Any) -> Any:
    """Arrays at any depth as lists."""
    if isinstance(rows, np.ndarray):
        rows = rows.tolist()
    return [_as_lists(row) for row in rows] if isinstance(rows, list | tuple) else rows


def stack(values: Any, axis: int = 0, name: Any = None) -> RaggedTensor:
    """Tensors of unequal lengths as rows.

    Raises:
        NotImplementedError: for another axis than 0.
    """
    if axis:
        raise NotImplementedError("tf.ragged.stack stacks along axis 0 here.")
    return of_rows([convert_to_tensor(x) if not isinstance(x, RaggedTensor) else x for x in values])


def range_(
    starts: Any, limits: Any = None, deltas: Any = 1, dtype: Any = None, name: Any = None,
    row_splits_dtype: Any = "int64",
) -> RaggedTensor:  # fmt: skip
    """A row of numbers from each start to each limit."""
    first, last = (0, starts) if limits is None else (starts, limits)
    given = np.broadcast_arrays(np.atleast_1d(first), np.atleast_1d(last), np.atleast_1d(deltas))
    rows = [np.arange(*(x.item() for x in row)) for row in zip(*given, strict=True)]
    return of_rows(rows, dtype or "int32")


def map_flat_values(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A function of the entries of all rows."""
    like = next(x for x in args if isinstance(x, RaggedTensor))
    flat = [x.flat_values if isinstance(x, RaggedTensor) else x for x in args]
    return like.with_flat_values(op(*flat, **kwargs))


def boolean_mask(data: Any, mask: Any, name: Any = None) -> RaggedTensor:
    """The entries of each row where the mask of the same form is true."""
    rows = [row[np.asarray(kept, bool)] for row, kept in zip(data.numpy(), np.asarray(mask), strict=True)]
    return of_rows(rows, data.dtype)


__all__ = ["boolean_mask", "constant", "map_flat_values", "range_", "stack"]


STACKS["ragged"] = of_arrays
