"""What the weights of a model may take while it is made from a file: no more than the file has values for."""

from __future__ import annotations

import contextvars
import math
import os
from collections.abc import Sequence
from typing import Any

#: Layouts of other versions may differ somewhat in size; a model may have this many elements more anyway.
_FACTOR, _SLACK = 2, 2**20

_current: contextvars.ContextVar[WeightBudget | None] = contextvars.ContextVar("weight_budget", default=None)


class WeightBudget:
    """``with`` scope in which the weights that layers make are counted.

    Args:
        source: name of the file, for errors.
        elements: how many values the file has for weights.
        from_zeros: whether weights start as zeros, as the file has the values of all.
    """

    def __init__(self, source: str, elements: int, from_zeros: bool = True) -> None:
        self.from_zeros = from_zeros
        self.source = source
        self.elements = elements
        self._left = _FACTOR * elements + _SLACK
        self._token: Any = None

    def __enter__(self) -> WeightBudget:
        self._token = _current.set(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        _current.reset(self._token)

    def claim(self, layer: str, name: str, shape: Sequence[int]) -> None:
        """Counts a weight.

        Raises:
            kcompile.formats.UnsafeFileError: before memory is taken, if it is more than the file has values
            for.
        """
        self._left -= math.prod(int(size) for size in shape)
        if self._left < 0:
            from ...formats import UnsafeFileError

            raise UnsafeFileError(
                self.source,
                f"layer {layer!r} declares the weight {name!r} of shape {tuple(shape)}, but the file has "
                f"{self.elements} values for all weights of the model.",
            )


class MemoryBudget(WeightBudget):
    """The budget for an architecture alone, which justifies any size: what this machine's memory holds.

    Args:
        source: name of the file, for errors.
    """

    def __init__(self, source: str) -> None:
        super().__init__(source, 0, from_zeros=False)
        self._left = _physical_memory() // 4  # as float32

    def claim(self, layer: str, name: str, shape: Sequence[int]) -> None:
        """Counts a weight.

        Raises:
            kcompile.formats.UnsafeFileError: before memory is taken, if there is not so much.
        """
        self._left -= math.prod(int(size) for size in shape)
        if self._left < 0:
            from ...formats import UnsafeFileError

            raise UnsafeFileError(
                self.source,
                f"layer {layer!r} declares the weight {name!r} of shape {tuple(shape)}: the weights of "
                "the model take more than the memory of this machine.",
            )


def _physical_memory() -> int:
    """Bytes; a terabyte where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not POSIX
        return 2**40


def weight_budget() -> WeightBudget | None:
    """The budget of the surrounding scope, if there is one."""
    return _current.get()
