"""``tf.TensorArray``: tensors by number; in a graph, where places are computed, rows of one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Value, op
from ...keras import backend as K
from ...keras.backend.loops import is_symbolic
from ...keras.backend.tensors import cast_value, refine
from ..tensorflow.functions import function_of
from ..tensorflow.tensors import convert_to_tensor


def stacked(tensors: Sequence[Any]) -> Any:
    """Tensors along a new first axis."""
    stack = function_of("stack")
    assert stack is not None
    return stack([convert_to_tensor(x) for x in tensors])


class TensorArray:
    """Tensors by number, written one by one.

    Where a place, or the number of places, is known only when a graph runs, they are rows of one tensor from
    then on; ``tf.while_loop`` carries it. Rows that nobody writes are zeros.

    Args:
        dtype: of the elements; tensors keep theirs.
        size: how many there are at first.
        dynamic_size: whether there may be more.
    """

    def __init__(
        self, dtype: Any, size: Any = None, dynamic_size: bool | None = None,
        clear_after_read: bool | None = None, tensor_array_name: Any = None, handle: Any = None,
        flow: Any = None, infer_shape: bool = True, element_shape: Any = None,
        colocate_with_first_write_call: bool = True, name: Any = None,
    ) -> None:  # fmt: skip
        self.dtype = dtype
        self.dynamic_size = bool(dynamic_size)
        self._tensors: list[Any] | None = [None] * int(size or 0) if not is_symbolic(size) else None
        self._count: Any = 0 if size is None else size
        self._rows: Value | None = None

    # --- as rows of one tensor ----------------------------------------------------------------------------

    def in_rows(self, rows: Value | None = None) -> TensorArray:
        """The array as rows of one tensor, of which places may be computed.

        Args:
            rows: the tensor; None for one of what was written.
        """
        made = TensorArray(self.dtype, 0, self.dynamic_size)
        made._tensors, made._rows, made._count = None, rows, self._count
        if rows is None:
            made._rows = self._rows
        if self._tensors is not None:
            made._count = len(self._tensors)
            if rows is None and any(x is not None for x in self._tensors):
                made._rows = self.stack()
        return made

    @property
    def rows(self) -> Value | None:
        """The tensor; None before something is written."""
        return self._rows

    def before(self, written: TensorArray) -> Value | None:
        """The rows as they are before those of another array are written, of elements like its own."""
        if self._rows is not None or written.rows is None:
            return self._rows
        if self.dynamic_size:
            return written.rows[:0]
        return op.ConstantOfShape(op.Shape(written.rows), value=np.zeros(1, written.rows.dtype))

    def _with_rows(self, places: Value, entries: Value, count: Any) -> TensorArray:
        """With entries (n, ...) at places (n,).

        Args:
            count: how many places there have to be where the size is dynamic.
        """
        element = op.Slice(op.Shape(entries), [1], [np.iinfo(np.int64).max])
        rows = _zeros(self._count, element, entries) if self._rows is None else self._rows
        if self.dynamic_size:
            lacking = op.Max(op.Sub(_whole(count), _first(rows)), np.zeros(1, np.int64))
            rows = op.Concat(rows, _zeros(lacking, element, entries), axis=0)
        found = op.ScatterND(rows, op.Unsqueeze(places, [-1]), entries)
        size = rows.dims[0] if rows.dims and not self.dynamic_size else None
        return self.in_rows(refine(found, entries.dims and (size, *entries.dims[1:])))

    def _written(self) -> Value:
        rows = self._rows if self._tensors is None else self.in_rows().rows
        if rows is None:
            raise ValueError("Nothing was written to the TensorArray.")
        return rows

    # --- as TensorFlow has it -----------------------------------------------------------------------------

    def write(self, index: Any, value: Any, name: Any = None) -> TensorArray:
        """Puts a tensor at a place; returns the array, which goes on to be used.

        Raises:
            IndexError: for a place beyond the size, unless ``dynamic_size`` was said.
        """
        value = convert_to_tensor(value) if not isinstance(value, Value) else value
        if self._tensors is None or is_symbolic(index):
            place = _whole(index)
            return self.in_rows()._with_rows(place, op.Unsqueeze(value, [0]), op.Add(place, [1]))
        here = int(index)
        if here >= len(self._tensors):
            if not self.dynamic_size:
                raise IndexError(
                    f"The TensorArray has {len(self._tensors)} places; {here} is beyond. "
                    "dynamic_size=True grows it."
                )
            self._tensors += [None] * (here + 1 - len(self._tensors))
        self._tensors[here] = value
        return self

    def read(self, index: Any, name: Any = None) -> Any:
        """The tensor at a place."""
        if self._tensors is None or is_symbolic(index):
            return op.Squeeze(op.Gather(self._written(), _whole(index), axis=0), [0])
        found = self._tensors[int(index)]
        if found is None:
            raise IndexError(f"Nothing was written at {int(index)} of the TensorArray.")
        return found

    def stack(self, name: Any = None) -> Any:
        """All of them along a new first axis; zeros where nothing was written."""
        if self._tensors is None:
            return self._written()
        like = next((x for x in self._tensors if x is not None), None)
        if like is None:
            raise ValueError("Nothing was written to the TensorArray.")
        return stacked([K.zeros_like(like) if x is None else x for x in self._tensors])

    def concat(self, name: Any = None) -> Any:
        """All of them along their first axis."""
        if self._tensors is None:
            rows = self._written()
            inner = op.Slice(op.Shape(rows), [2], [np.iinfo(np.int64).max])
            joined = op.Reshape(rows, op.Concat(np.array([-1]), inner, axis=0))
            return refine(joined, rows.dims and (None, *rows.dims[2:]))
        join = function_of("concat")
        assert join is not None
        return join([self.read(i) for i in range(len(self._tensors))], axis=0)

    def gather(self, indices: Any, name: Any = None) -> Any:
        """Those at places, along a new first axis."""
        if self._tensors is None or is_symbolic(indices):
            return op.Gather(self._written(), _whole(indices), axis=0)
        return stacked([self.read(i) for i in np.asarray(indices)])

    def unstack(self, value: Any, name: Any = None) -> TensorArray:
        """Writes the entries along the first axis of a tensor."""
        value = convert_to_tensor(value)
        if is_symbolic(value):
            return self.in_rows(value)
        self._tensors = list(value)
        return self

    def scatter(self, indices: Any, value: Any, name: Any = None) -> TensorArray:
        """Writes the entries along the first axis of a tensor to places."""
        value = convert_to_tensor(value)
        if self._tensors is None or is_symbolic(indices) or value.shape is None or value.shape[0] is None:
            places = _whole(indices)
            last = op.Add(op.ReduceMax(places, [0], keepdims=1), [1])
            return self.in_rows()._with_rows(places, value, last)
        for place, entry in zip(np.asarray(indices), value, strict=True):
            self.write(place, entry)
        return self

    def split(self, value: Any, lengths: Any, name: Any = None) -> TensorArray:
        """Writes parts of a tensor of these lengths along its first axis."""
        split = function_of("split")
        assert split is not None
        self._tensors = list(split(convert_to_tensor(value), np.asarray(lengths).tolist()))
        return self

    def size(self, name: Any = None) -> Any:
        """Number of places: int32."""
        if self._tensors is not None:
            return convert_to_tensor(len(self._tensors))
        count = _whole(self._count) if self._rows is None else _first(self._rows)
        return cast_value(op.Squeeze(count, [0]), np.dtype(np.int32))

    def identity(self) -> TensorArray:
        """The array."""
        return self

    def close(self, name: Any = None) -> None:
        """Forgets the tensors."""
        self._tensors, self._rows, self._count = [], None, 0


def _whole(numbers: Any) -> Value:
    """Places or sizes as whole numbers along one axis."""
    return op.Reshape(cast_value(convert_to_tensor(numbers), np.dtype(np.int64)), [-1])


def _first(rows: Value) -> Value:
    """The number of rows: (1,)."""
    return op.Slice(op.Shape(rows), [0], [1])


def _zeros(count: Any, element: Value, like: Value) -> Value:
    """Rows of zeros, of elements of a shape."""
    return op.ConstantOfShape(op.Concat(_whole(count), element, axis=0), value=np.zeros(1, like.dtype))


__all__ = ["TensorArray"]
