"""What a model may cost while it is made from a file: weights that the file has values for, and work that
goes with the size of its configuration.
"""

from __future__ import annotations

import contextvars
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from ...formats import UnsafeFileError
from ...ir import WorkLimit
from ..utils.generic_utils import in_safe_mode

#: Layouts of other versions may differ somewhat in size; a model may have this many elements more anyway.
_FACTOR, _SLACK = 2, 2**20
#: The most that an architecture alone may have: drawing so many takes some ten seconds.
MOST_NEW_WEIGHTS = 400_000_000
#: Steps of about ten nanoseconds that any configuration may take, and those more that each object in it may.
_STEPS, _STEPS_OF_AN_OBJECT = 400_000_000, 600_000

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


class MemoryBudget(WeightBudget):
    """The budget for an architecture alone: some hundred millions of values, and with safe mode off what this
    machine's memory holds.

    Args:
        source: name of the file, for errors.
    """

    def __init__(self, source: str) -> None:
        super().__init__(source, 0, from_zeros=False)
        self._left = _physical_memory() // 4  # as float32
        self._is_memory = not in_safe_mode() or self._left <= MOST_NEW_WEIGHTS
        if not self._is_memory:
            self._left = MOST_NEW_WEIGHTS

    def _why(self) -> str:
        if self._is_memory:
            return ": the weights of the model take more than the memory of this machine."
        return (
            f": the weights of the model are over {MOST_NEW_WEIGHTS:,} values, and the file has none of "
            "them; safe_mode=False allows what the memory holds."
        )


@contextmanager
def limited_work(source: str, config: Any) -> Iterator[None]:
    """Bounds operators, constants and loops inside by the size of a configuration; not with safe mode off.

    Raises:
        kcompile.formats.UnsafeFileError: for a number in the configuration that asks for more.
    """

    def refuse(what: str) -> Exception:
        return UnsafeFileError(
            source,
            f"{what}: more work than a configuration of this size may make; safe_mode=False allows any.",
        )

    limit = WorkLimit(_STEPS + _STEPS_OF_AN_OBJECT * _objects_in(config), refuse)
    with limit if in_safe_mode() else nullcontext():
        yield


def _objects_in(config: Any) -> int:
    """How many objects a configuration describes, those inside others included."""
    count, waiting = 0, [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            count += "class_name" in value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return count


def _physical_memory() -> int:
    """Bytes; a terabyte where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not POSIX
        return 2**40


def weight_budget() -> WeightBudget | None:
    """The budget of the surrounding scope, if there is one."""
    return _current.get()
