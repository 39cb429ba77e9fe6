"""What users see of a tensor's shape: a tuple of ints and None that answers as shapes of TensorFlow do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, SupportsIndex, overload


class Size(int):
    """The size of one axis: a number, which TensorFlow 1 has as ``shape[1].value``."""

    __slots__ = ()

    @property
    def value(self) -> int:
        """The number."""
        return int(self)

    def __reduce__(self) -> Any:
        return int, (int(self),)


class TensorShape(tuple[int | None, ...]):
    """Per axis the size, None where it is open.

    Args:
        dims: the sizes; -1 is None.
    """

    __slots__ = ()

    def __new__(cls, dims: Iterable[Any] = ()) -> TensorShape:
        return super().__new__(cls, [None if n is None or n == -1 else int(n) for n in dims])

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self)

    ndims = rank

    @property
    def dims(self) -> list[int | None]:
        """The sizes, as a list."""
        return list(self)

    def as_list(self) -> list[int | None]:
        """The sizes, as a list."""
        return list(self)

    def num_elements(self) -> int | None:
        """The product of the sizes; None where one is open."""
        product = 1
        for n in self:
            if n is None:
                return None
            product *= n
        return product

    def is_fully_defined(self) -> bool:
        """Whether no size is open."""
        return None not in self

    def is_compatible_with(self, other: Any) -> bool:
        """Whether one tensor can have both shapes."""
        if other is None:
            return True
        other = tuple(other)
        return len(self) == len(other) and all(
            n is None or m is None or n == m for n, m in zip(self, other, strict=True)
        )

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raises a ValueError where no tensor can have both shapes."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {other} are incompatible")

    def assert_has_rank(self, rank: int) -> None:
        """Raises a ValueError for another number of axes."""
        if len(self) != rank:
            raise ValueError(f"Shape {self} must have rank {rank}")

    with_rank = assert_has_rank

    def merge_with(self, other: Any) -> TensorShape:
        """What two shapes say together; a ValueError where they say different things."""
        self.assert_is_compatible_with(other)
        if other is None:
            return self
        return TensorShape(m if n is None else n for n, m in zip(self, other, strict=True))

    def concatenate(self, other: Iterable[Any]) -> TensorShape:
        """The axes of both."""
        return TensorShape((*self, *other))

    def __add__(self, other: Any) -> TensorShape:
        return _shape((*self, *other))

    def __radd__(self, other: Any) -> TensorShape:
        return _shape((*other, *self))

    @overload
    def __getitem__(self, key: SupportsIndex) -> int | None: ...
    @overload
    def __getitem__(self, key: slice) -> TensorShape: ...
    def __getitem__(self, key: Any) -> Any:
        found = tuple.__getitem__(self, key)
        if type(key) is slice:
            return _shape(found)
        return found if found is None else Size(found)

    def __reduce__(self) -> Any:
        return TensorShape, (tuple(self),)


def _shape(sizes: tuple[Any, ...]) -> TensorShape:
    """Sizes as they are."""
    return tuple.__new__(TensorShape, sizes)
