"""Requests of differing length in one run: filled up to the longest with what the model masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import ModelFileError
from ..tensors import TensorInfo

_Axes = list[tuple[int, str]]


class Padding:
    """Which axes of a model's tensors may be filled up.

    Args:
        pads: what with, by the names of inputs; their inner axes that are named are those meant.
        inputs, outputs: of the model.
        where: how messages name what says so.

    Raises:
        ModelFileError: there are no such inputs, or axes; another input has an axis of the same name; or an
            output has an open axis whose size would not be known.
    """

    def __init__(
        self,
        pads: Mapping[str, float],
        inputs: Sequence[TensorInfo],
        outputs: Sequence[TensorInfo],
        where: str,
    ) -> None:
        self._values = [pads.get(info.name) for info in inputs]
        self._axes = [_inner(info) if info.name in pads else [] for info in inputs]
        names = {name for axes in self._axes for _, name in axes}
        unknown = pads.keys() - {info.name for info in inputs}
        if unknown or [] in [
            axes for axes, info in zip(self._axes, inputs, strict=True) if info.name in pads
        ]:
            raise ModelFileError(f"{where}: pad.*: expected inputs with a named axis besides that of samples")
        for info in inputs:
            if info.name not in pads and names & {name for _, name in _inner(info)}:
                raise ModelFileError(
                    f"{where}: expected pad.{info.name} too: its length is that of another input"
                )
        self._cuts = {info.name: [axis for axis in _inner(info) if axis[1] in names] for info in outputs}
        for info in outputs:
            if any(
                size is None or (isinstance(size, str) and size not in names)
                for size in (info.shape or ())[1:]
            ):
                raise ModelFileError(
                    f"{where}: pad.*: the length of output {info.name!r} is that of no input"
                )

    def kind(self, arrays: Sequence[np.ndarray]) -> tuple[tuple[int, ...], ...]:
        """What requests of one run have in common: the shapes but for samples and what is filled up."""
        shapes = []
        for array, axes in zip(arrays, self._axes, strict=True):
            shape = list(array.shape)
            for axis, _ in axes:
                shape[axis] = -1
            shapes.append(tuple(shape[1:]))
        return tuple(shapes)

    def joined(self, parts: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
        """The inputs of requests along axis 0, as long as the longest."""
        columns = []
        for index, column in enumerate(zip(*parts, strict=True)):
            shape = [max(sizes) for sizes in zip(*(array.shape for array in column), strict=True)]
            shape[0] = sum(len(array) for array in column)
            joined = np.full(shape, self._values[index] or 0, column[0].dtype)
            start = 0
            for array in column:
                rows = slice(start, start + len(array))
                joined[(rows, *(slice(0, size) for size in array.shape[1:]))] = array
                start = rows.stop
            columns.append(joined)
        return columns

    def cut(self, name: str, rows: np.ndarray, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """The rows of an output that belong to a request, as long as its inputs were."""
        sizes = {
            symbol: array.shape[axis]
            for array, axes in zip(arrays, self._axes, strict=True)
            for axis, symbol in axes
        }
        for axis, symbol in self._cuts[name]:
            rows = rows[(slice(None),) * axis + (slice(0, sizes[symbol]),)]
        return rows


def _inner(info: TensorInfo) -> _Axes:
    return [(axis, size) for axis, size in enumerate(info.shape or ()) if axis and isinstance(size, str)]
