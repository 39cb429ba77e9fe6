"""``tf.sparse``: tensors of which most elements are zero, as places and values; computed at once.

In a step that is traced they can be made, cast and made dense.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import TensorShape, Value, op
from ...keras import backend as K
from ...keras.backend.loops import is_symbolic
from ...keras.data.composites import Composite, SparseTensorSpec
from ...keras.data.dtypes import DType, as_dtype
from ...keras.utils.fingerprints import crossed, fingerprints
from ..tensorflow.functions import function_of
from ..tensorflow.tensors import convert_to_tensor
from ..tensorflow.text import text_array, text_of


class SparseTensor(Composite):
    """Elements at places; the others are zero.

    Attributes:
        indices: (elements, axes) int64.
        values: (elements,).
        dense_shape: (axes,) int64.
        is_symbolic: whether numbers of any of them are known only when a step runs.
    """

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        self.values = convert_to_tensor(values)
        self.is_symbolic = any(map(is_symbolic, (indices, values, dense_shape)))
        if self.is_symbolic:
            self.indices, self.dense_shape = (
                K.cast(convert_to_tensor(x), "int64") for x in (indices, dense_shape)
            )
            return
        self.indices = convert_to_tensor(
            np.asarray(indices, np.int64).reshape(-1, len(np.asarray(dense_shape)))
        )
        self.dense_shape = convert_to_tensor(np.asarray(dense_shape, np.int64))

    @classmethod
    def of_rows(cls, rows: Sequence[SparseTensor], dtype: Any) -> SparseTensor:
        """Vectors as the rows of a matrix."""
        places = [[i, int(j)] for i, row in enumerate(rows) for j in np.asarray(row.indices)[:, 0]]
        values = [x for row in rows for x in np.asarray(row.values)]
        longest = max((int(np.asarray(row.dense_shape)[0]) for row in rows), default=0)
        text = as_dtype(dtype) == "string"
        made = text_array(values, [len(values)]) if text else np.array(values, as_dtype(dtype).as_numpy_dtype)
        return cls(np.array(places, np.int64).reshape(-1, 2), made, [len(rows), longest])

    @property
    def shape(self) -> TensorShape:
        """The sizes."""
        return TensorShape(np.asarray(self.dense_shape).tolist())

    def get_shape(self) -> TensorShape:
        """The sizes."""
        return self.shape

    @property
    def dtype(self) -> DType:
        """Of the elements."""
        return as_dtype("string" if self.values.dtype.kind == "O" else self.values.dtype.name)

    def with_values(self, values: Any) -> SparseTensor:
        """Other values at the same places."""
        return SparseTensor(self.indices, values, self.dense_shape)

    @property
    def type_spec(self) -> SparseTensorSpec:
        """Shape and element type."""
        return SparseTensorSpec(self.shape, self.dtype)

    def taken(self, rows: Any) -> SparseTensor:
        """See ``Composite``; a row is sparse, too."""
        places, sizes = np.asarray(self.indices), np.asarray(self.dense_shape)
        if not isinstance(rows, slice | np.ndarray):
            own = places[:, 0] == int(rows) % sizes[0]
            return SparseTensor(places[own, 1:], np.asarray(self.values)[own], sizes[1:])
        chosen = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else rows
        return self.stacked([self.taken(row) for row in chosen])

    @staticmethod
    def stacked(rows: Sequence[Any]) -> SparseTensor:
        """See ``Composite``; of the sizes of the largest."""
        places = [np.insert(np.asarray(row.indices), 0, i, axis=1) for i, row in enumerate(rows)]
        values = np.concatenate([np.asarray(row.values) for row in rows])
        sizes = np.max([np.asarray(row.dense_shape) for row in rows], axis=0)
        made = text_array(list(values), [len(values)]) if values.dtype.kind == "O" else values
        return SparseTensor(np.concatenate(places), made, [len(rows), *sizes])

    def as_array(self) -> np.ndarray:
        """See ``Composite``; with the zeros."""
        return np.asarray(to_dense(self))

    def __len__(self) -> int:
        return int(np.asarray(self.dense_shape)[0])

    def called_in(self, name: str, function: Any, given: dict[str, Any]) -> Any:
        """See ``Composite``: of the functions of one tensor those that leave zeros as they are."""
        key, *others = (key for key, x in given.items() if isinstance(x, SparseTensor))
        if others or name not in _KEEP_ZEROS:
            raise NotImplementedError(f"tf.{name} takes no sparse tensor: tf.sparse.to_dense makes it dense.")
        return self.with_values(function(**{**given, key: self.values}))

    def __neg__(self) -> SparseTensor:
        return self.with_values(-self.values)

    def __mul__(self, other: Any) -> SparseTensor:
        if not np.ndim(other):
            return self.with_values(self.values * other)
        dense = np.broadcast_to(np.asarray(other), np.asarray(self.dense_shape))
        return self.with_values(self.values * dense[tuple(np.asarray(self.indices).T)])

    def __repr__(self) -> str:
        return (
            f"SparseTensor(indices={np.asarray(self.indices).tolist()}, values={self.values.numpy()!r}, "
            f"shape={tuple(self.shape)})"
        )


#: Functions that TensorFlow has for sparse tensors, too.
_KEEP_ZEROS = frozenset({"cast", "identity", "zeros_like"}) | {
    f"math.{name}" for name in "abs negative sign square sqrt erf tanh sin sinh tan asin asinh atan atanh "
    "ceil floor rint round expm1 log1p".split()
}  # fmt: skip


def to_dense(
    sp_input: Any, default_value: Any = None, validate_indices: bool = True, name: Any = None
) -> Value:
    """All elements; a tensor, or rows of unequal lengths, as they are filled up."""
    if not isinstance(sp_input, SparseTensor):
        return (
            sp_input.to_tensor(default_value)
            if hasattr(sp_input, "to_tensor")
            else convert_to_tensor(sp_input)
        )
    if sp_input.is_symbolic:
        like = sp_input.values
        zeros = op.Expand(K.cast(convert_to_tensor(default_value or 0), like.dtype), sp_input.dense_shape)
        return op.ScatterND(zeros, sp_input.indices, like)
    text = sp_input.dtype == "string"
    fill = default_value if default_value is not None else b"" if text else 0
    fill = fill.encode() if isinstance(fill, str) else fill
    values = np.asarray(sp_input.values)
    found = np.full(np.asarray(sp_input.dense_shape), fill, values.dtype)
    found[tuple(np.asarray(sp_input.indices).T)] = values
    return text_of(found) if text else convert_to_tensor(found)


def from_dense(tensor: Any, name: Any = None) -> SparseTensor:
    """The elements that are not zero, or not empty."""
    array = np.asarray(convert_to_tensor(tensor))
    places = np.argwhere(array != (b"" if array.dtype.kind == "O" else 0))
    chosen = array[tuple(places.T)]
    values = text_array(list(chosen), [len(chosen)]) if array.dtype.kind == "O" else chosen
    return SparseTensor(places, values, array.shape)


def reorder(sp_input: SparseTensor, name: Any = None) -> SparseTensor:
    """With the places in the order of rows."""
    places = np.asarray(sp_input.indices)
    order = np.lexsort(places.T[::-1])
    return SparseTensor(places[order], np.asarray(sp_input.values)[order], sp_input.dense_shape)


def expand_dims(sp_input: SparseTensor, axis: Any = None, name: Any = None) -> SparseTensor:
    """With an axis of one."""
    places, sizes = np.asarray(sp_input.indices), list(sp_input.shape)
    at = (len(sizes) + 1 + int(-1 if axis is None else axis)) % (len(sizes) + 1)
    return SparseTensor(np.insert(places, at, 0, axis=1), sp_input.values, [*sizes[:at], 1, *sizes[at:]])


def transpose(sp_input: SparseTensor, perm: Any = None, name: Any = None) -> SparseTensor:
    """With the axes in another order."""
    order = list(range(len(sp_input.shape)))[::-1] if perm is None else list(perm)
    sizes = [sp_input.shape[i] for i in order]
    return reorder(SparseTensor(np.asarray(sp_input.indices)[:, order], sp_input.values, sizes))


def concat(
    axis: int, sp_inputs: Sequence[SparseTensor], expand_nonconcat_dims: bool = False, name: Any = None
) -> Any:
    """One after the other along an axis."""
    at, start, places = axis % len(sp_inputs[0].shape), 0, []
    for x in sp_inputs:
        moved = np.array(np.asarray(x.indices))
        moved[:, at] += start
        start += int(x.shape[at] or 0)
        places.append(moved)
    values = np.concatenate([np.asarray(x.values) for x in sp_inputs])
    sizes = np.max([np.asarray(x.dense_shape) for x in sp_inputs], axis=0)
    sizes[at] = start
    return reorder(SparseTensor(np.concatenate(places), values, sizes))


def add(a: Any, b: Any, threshold: Any = 0) -> Any:
    """The sum: sparse of two sparse tensors, else a tensor.

    Args:
        threshold: elements of a sparse sum that are smaller are dropped; none at 0.

    Raises:
        ValueError: for two sparse tensors of other shapes.
    """
    if not isinstance(a, SparseTensor) or not isinstance(b, SparseTensor):
        return to_dense(a) + to_dense(b)
    if a.shape != b.shape:
        raise ValueError(f"tf.sparse.add takes tensors of one shape; found {a.shape} and {b.shape}.")
    places = np.concatenate([np.asarray(a.indices), np.asarray(b.indices)])
    own, at = np.unique(places, axis=0, return_inverse=True)
    values = np.concatenate([np.asarray(a.values), np.asarray(b.values)])
    total = np.zeros(len(own), values.dtype)
    np.add.at(total, at.reshape(-1), values)
    kept = np.abs(total) >= threshold
    return SparseTensor(own[kept], total[kept], a.dense_shape)


def sparse_dense_matmul(
    sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False, name: Any = None
) -> Value:
    """A product with a matrix, by all elements."""
    product = function_of("matmul")
    assert product is not None
    return product(to_dense(sp_a), to_dense(b), transpose_a=adjoint_a, transpose_b=adjoint_b)


def map_values(op: Callable[..., Any], *args: Any, **kwargs: Any) -> SparseTensor:
    """A function of the values."""
    like = next(x for x in args if isinstance(x, SparseTensor))
    return like.with_values(op(*(x.values if isinstance(x, SparseTensor) else x for x in args), **kwargs))


def _reduction(name: str) -> Callable[..., Any]:
    def reduce(
        sp_input: SparseTensor,
        axis: Any = None,
        keepdims: bool = False,
        output_is_sparse: bool = False,
        name: Any = None,
    ) -> Any:
        function = function_of(f"reduce_{kind}")
        assert function is not None
        found = function(to_dense(sp_input), axis=axis, keepdims=keepdims)
        return from_dense(found) if output_is_sparse else found

    kind, reduce.__name__ = name, f"reduce_{name}"
    reduce.__doc__ = f"The {name} of all elements along axes."
    return reduce


reduce_sum, reduce_max = _reduction("sum"), _reduction("max")


def mask(a: SparseTensor, mask_indices: Any) -> SparseTensor:
    """Without the rows of numbers."""
    kept = ~np.isin(np.asarray(a.indices)[:, 0], np.asarray(mask_indices))
    return SparseTensor(np.asarray(a.indices)[kept], np.asarray(a.values)[kept], a.dense_shape)


def slice_(sp_input: SparseTensor, start: Any, size: Any, name: Any = None) -> SparseTensor:
    """A part of a size, from a place on."""
    first, count = np.asarray(start, np.int64), np.asarray(size, np.int64)
    places = np.asarray(sp_input.indices) - first
    sizes = np.minimum(count, np.asarray(sp_input.dense_shape) - first)
    inside = np.all((places >= 0) & (places < sizes), axis=1)
    return SparseTensor(places[inside], np.asarray(sp_input.values)[inside], sizes)


def eye(
    num_rows: int, num_columns: int | None = None, dtype: Any = "float32", name: Any = None
) -> SparseTensor:
    """Ones on the diagonal."""
    columns = num_rows if num_columns is None else num_columns
    count = min(num_rows, columns)
    ones = np.ones(count, as_dtype(dtype).as_numpy_dtype)
    return SparseTensor(np.stack([np.arange(count)] * 2, 1), ones, [num_rows, columns])


#: Where hashes of crossed features start in TensorFlow.
_CROSS_KEY = 0xDECAFCAFFE


def cross_hashed(
    inputs: Sequence[Any], num_buckets: int = 0, hash_key: int | None = None, name: Any = None
) -> SparseTensor:
    """A number for each combination of a row's features, one of each of ``inputs``.

    Args:
        inputs: matrices of text or whole numbers, (batch, features).
        num_buckets: the numbers are below it; 0 for those of 63 bits.
        hash_key: where hashes start.

    Returns:
        (batch, combinations) int64; the last input's features vary fastest.
    """
    start = np.uint64(_CROSS_KEY if hash_key is None else hash_key)
    columns = [_hashes(convert_to_tensor(x)) for x in inputs]
    hashes = np.full((len(columns[0]), 1), start)
    for column in columns:
        with np.errstate(over="ignore"):
            hashes = crossed(hashes[:, :, None], column[:, None, :]).reshape(len(column), -1)
    found = hashes % np.uint64(num_buckets or np.iinfo(np.int64).max)
    return _places_of(found.astype(np.int64))


def _hashes(features: Any) -> np.ndarray:
    array = np.asarray(features)
    if array.ndim != 2:
        raise ValueError(f"Features that are crossed must be matrices; found the shape {array.shape}.")
    if array.dtype.kind == "O":
        return fingerprints(array.ravel()).reshape(array.shape)
    return array.astype(np.int64).view(np.uint64)


def _places_of(array: np.ndarray) -> SparseTensor:
    """All elements of an array, zeros too."""
    return SparseTensor(np.argwhere(np.ones_like(array, bool)), array.ravel(), array.shape)


__all__ = [
    "SparseTensor", "add", "concat", "cross_hashed", "expand_dims", "eye", "from_dense", "map_values", "mask",
    "reduce_max", "reduce_sum", "reorder", "slice_", "sparse_dense_matmul", "to_dense", "transpose",
]  # fmt: skip
