"""What a layer expects of its inputs, and the error that says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import registry


class InputSpec:
    """Expected dtype, rank and sizes of one input of a layer.

    Args:
        dtype: name of the element type; None for any.
        shape: tuple of sizes, None for any size; implies ndim.
        ndim: exact number of axes.
        max_ndim, min_ndim: bounds on the number of axes.
        axes: size expected for single axes, ``{-1: 16}``.
        allow_last_axis_squeeze: whether a last axis of size 1 may be there or not, whatever ``shape`` says;
            sizes of the axes that both have are compared.
        name: of the input, for the layer's own use; inputs are compared in their order.
    """

    def __init__(
        self,
        dtype: str | None = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
    ) -> None:
        self.dtype = dtype
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(shape) if shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = dict(axes or {})
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name

    def __repr__(self) -> str:
        given = {k: v for k, v in vars(self).items() if v}
        return f"InputSpec({', '.join(f'{k}={v!r}' for k, v in given.items())})"

    def check(self, shape: tuple[int | None, ...], where: str) -> None:
        """Compares a shape with the specification.

        Raises:
            ValueError: naming the input (``where``), what was expected and what was found.
        """
        rank = len(shape)
        if self.ndim is not None and not self.allow_last_axis_squeeze and rank != self.ndim:
            self._fail(where, f"expected ndim={self.ndim}, found ndim={rank}", shape)
        if self.max_ndim is not None and rank > self.max_ndim:
            self._fail(where, f"expected max_ndim={self.max_ndim}, found ndim={rank}", shape)
        if self.min_ndim is not None and rank < self.min_ndim:
            self._fail(where, f"expected min_ndim={self.min_ndim}, found ndim={rank}", shape)
        sizes = self.shape or ()
        if self.allow_last_axis_squeeze:
            sizes = _without_last_one(sizes)[: len(_without_last_one(shape))]
        expected: dict[int, Any] = dict(enumerate(sizes)) | self.axes
        for axis, size in expected.items():
            if axis >= rank or axis < -rank:
                self._fail(where, f"expected an axis {axis}, found ndim={rank}", shape)
            found = shape[axis]
            if size is not None and found is not None and size != found:
                self._fail(where, f"expected axis {axis} to have size {size}, found {found}", shape)

    def _fail(self, where: str, problem: str, shape: tuple[int | None, ...]) -> None:
        expected = self._expected_shape(len(shape))
        raise ValueError(f"{where}: {problem} (expected shape {expected}, found shape {shape}).")

    def _expected_shape(self, rank: int) -> tuple[int | None, ...]:
        """A shape that would do, as near as can be to the rank of what was found."""
        if self.ndim is not None:
            rank = self.ndim
        rank = max(rank, self.min_ndim or 0)
        rank = rank if self.max_ndim is None else min(rank, self.max_ndim)
        sizes: list[int | None] = [*self.shape] if self.shape is not None else [None] * rank
        for axis, size in self.axes.items():
            if -rank <= axis < rank:
                sizes[axis] = size
        return tuple(sizes)


def _without_last_one(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    return shape[:-1] if shape and shape[-1] == 1 else shape


registry.register(globals())
