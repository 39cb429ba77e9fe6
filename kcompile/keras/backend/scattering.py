"""Variables of which parts are assigned, by index: ``scatter_nd_update`` and the like of tf.Variable."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Parameter, Value, op
from .tensors import cast_value, tensor


def with_part(variable: Value, key: Any, value: Any, how: str = "assign") -> Value:
    """A tensor with other numbers at an index.

    Args:
        key: of numbers, slices and tensors, as in ``variable[key]``.
        value: numbers, or what is added to those there are; of a shape that can be broadcast.
        how: "assign", "assign_add" or "assign_sub".
    """
    shape = [n for n in variable.shape or () if n is not None]
    places = tensor(np.arange(int(np.prod(shape))).reshape(shape))[key]
    new = tensor(value, variable.dtype)
    if how != "assign":
        part = variable[key]
        new = op.Add(part, new) if how == "assign_add" else op.Sub(part, new)
    new = op.Expand(new, op.Shape(places))
    whole = op.ScatterElements(
        op.Reshape(variable, [-1]),
        op.Reshape(cast_value(places, np.dtype(np.int64)), [-1]),
        op.Reshape(new, [-1]),
    )
    return op.Reshape(whole, shape)


class Scatters:
    """The methods of a variable that assign to some of its entries."""

    __slots__ = ()

    def scatter_nd_update(self, indices: Any, updates: Any, name: Any = None) -> Any:
        """Puts updates at indices, whose last axis says where."""
        return self._scattered(indices, updates, "none")

    def scatter_nd_add(self, indices: Any, updates: Any, name: Any = None) -> Any:
        """Adds updates at indices, whose last axis says where."""
        return self._scattered(indices, updates, "add")

    def scatter_nd_sub(self, indices: Any, updates: Any, name: Any = None) -> Any:
        """Subtracts updates at indices, whose last axis says where."""
        return self._scattered(indices, op.Neg(self._like(updates)), "add")

    def scatter_nd_max(self, indices: Any, updates: Any, name: Any = None) -> Any:
        """The larger of what is there and updates at indices, whose last axis says where."""
        return self._scattered(indices, updates, "max")

    def scatter_nd_min(self, indices: Any, updates: Any, name: Any = None) -> Any:
        """The smaller of what is there and updates at indices, whose last axis says where."""
        return self._scattered(indices, updates, "min")

    def scatter_update(self, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
        """Puts the rows of ``tf.IndexedSlices``."""
        return self._rows(sparse_delta, "none")

    def scatter_add(self, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
        """Adds the rows of ``tf.IndexedSlices``."""
        return self._rows(sparse_delta, "add")

    def scatter_sub(self, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
        """Subtracts the rows of ``tf.IndexedSlices``."""
        return self._rows(sparse_delta, "add", negative=True)

    def scatter_mul(self, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
        """Multiplies by the rows of ``tf.IndexedSlices``."""
        return self._rows(sparse_delta, "mul")

    def scatter_max(self, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
        """The larger of what is there and the rows of ``tf.IndexedSlices``."""
        return self._rows(sparse_delta, "max")

    def scatter_min(self, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
        """The smaller of what is there and the rows of ``tf.IndexedSlices``."""
        return self._rows(sparse_delta, "min")

    def _rows(self, slices: Any, reduction: str, negative: bool = False) -> Any:
        updates = self._like(slices.values)
        indices = op.Unsqueeze(tensor(slices.indices), [-1])
        return self._scattered(indices, op.Neg(updates) if negative else updates, reduction)

    def _like(self, x: Any) -> Value:
        assert isinstance(self, Parameter)
        return tensor(x, self.dtype)

    def _scattered(self, indices: Any, updates: Any, reduction: str) -> Any:
        assert isinstance(self, Parameter)
        places = cast_value(tensor(indices), np.dtype(np.int64))
        self.assign(op.ScatterND(self, places, self._like(updates), reduction=reduction))
        return self
