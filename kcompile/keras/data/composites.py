"""Tensors that are made of several, ragged and sparse ones, as elements of a dataset have them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import TensorShape
from .dtypes import DType, as_dtype


class TypeSpec:
    """What is known of something before it is there: the base of what follows."""

    __slots__ = ()


class CompositeSpec(TypeSpec):
    """What is known of a tensor of several before it is there.

    Args:
        shape: sizes, None for one that is open; None as a whole for any rank.
        dtype: element type.
    """

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Any = None, dtype: Any = "float32") -> None:
        dims = getattr(shape, "dims", shape)
        self.shape: Any = None if dims is None else TensorShape(dims)
        self.dtype: DType = as_dtype(dtype)

    def of_shape(self, shape: Any) -> Any:
        """That of the same with another shape."""
        return type(self)(shape, self.dtype)

    def batched(self, size: int | None) -> Any:
        """That of so many as one."""
        return self.of_shape(None if self.shape is None else (size, *self.shape))

    def unbatched(self) -> Any:
        """That of a row."""
        return self.of_shape(None if self.shape is None else self.shape[1:])

    def _key(self) -> tuple[Any, ...]:
        return self.shape, str(self.dtype)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._key() == other._key()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self._key())

    def _shape_text(self) -> str:
        return f"TensorShape({None if self.shape is None else list(self.shape)})"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shape_text()}, {self.dtype!r})"


class SparseTensorSpec(CompositeSpec):
    """That of a sparse tensor."""

    __slots__ = ()


class RaggedTensorSpec(CompositeSpec):
    """That of a ragged tensor.

    Args:
        ragged_rank: how many axes have unequal lengths; 0 for a row of a ragged tensor, which is a tensor,
            and ragged together with others.
        row_splits_dtype: of the places where rows begin.
    """

    __slots__ = ("ragged_rank", "row_splits_dtype")

    def __init__(
        self,
        shape: Any = None,
        dtype: Any = "float32",
        ragged_rank: int | None = None,
        row_splits_dtype: Any = "int64",
    ) -> None:
        super().__init__(shape, dtype)
        rank = 1 if self.shape is None else max(len(self.shape) - 1, 0)
        self.ragged_rank = rank if ragged_rank is None else ragged_rank
        self.row_splits_dtype: DType = as_dtype(row_splits_dtype)

    def of_shape(self, shape: Any) -> RaggedTensorSpec:
        more = 0 if self.shape is None or shape is None else len(shape) - len(self.shape)
        return RaggedTensorSpec(shape, self.dtype, max(self.ragged_rank + more, 0))

    def _key(self) -> tuple[Any, ...]:
        return *super()._key(), self.ragged_rank

    def __repr__(self) -> str:
        parts = self._shape_text(), repr(self.dtype), str(self.ragged_rank), repr(self.row_splits_dtype)
        return f"RaggedTensorSpec({', '.join(parts)})"


class Composite(ABC):
    """A tensor of several; a leaf of elements of a dataset."""

    def called_in(self, name: str, function: Any, given: dict[str, Any]) -> Any:
        """What a function gives that has this among its arguments.

        Args:
            name: of the function, as the tables have it: ``"math.square"``.
            function: the function, for tensors.
            given: its arguments by name.

        Raises:
            NotImplementedError: where it does not take such a tensor.
        """
        raise NotImplementedError(f"tf.{name} takes no {type(self).__name__}.")

    @property
    @abstractmethod
    def type_spec(self) -> CompositeSpec:
        """What is known of it."""

    @abstractmethod
    def taken(self, rows: Any) -> Any:
        """A row by its number, as a leaf; several by a slice or an array of numbers, as such a tensor."""

    @staticmethod
    @abstractmethod
    def stacked(rows: Sequence[Any]) -> Composite:
        """Such tensors as the rows of one."""

    @abstractmethod
    def as_array(self) -> np.ndarray:
        """Its numbers or texts: an array, or one of arrays."""

    @abstractmethod
    def __len__(self) -> int:
        """The number of rows."""


#: Makes a ragged tensor of arrays as rows, with a number of ragged axes; whoever has the class puts it here.
STACKS: dict[str, Callable[[Sequence[Any], int], Composite]] = {}
