"""The weights that a model may make while it is made from a file: those that the file has values for."""

from __future__ import annotations

import contextvars
import math
from collections.abc import Sequence
from typing import Any

from ...formats import UnsafeFileError

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
            kcompile.formats.UnsafeFileError: before memory is taken, if it is more than may be.
        """
        self._left -= math.prod(int(size) for size in shape)
        if self._left < 0:
            raise UnsafeFileError(
                self.source,
                f"layer {layer!r} declares the weight {name!r} of shape {tuple(shape)}{self._why()}",
            )

    def _why(self) -> str:
        return f", but the file has {self.elements} values for all weights of the model."


def weight_budget() -> WeightBudget | None:
    """The budget of the surrounding scope, if there is one."""
    return _current.get()
