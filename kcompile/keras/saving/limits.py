"""What a file may ask for while its model is made: work by the size of its configuration, memory for weights;
and its errors, which name it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from ...formats import FileFormatError, UnsafeFileError
from ...ir import WorkLimit
from ..core.weight_budget import WeightBudget
from ..utils.generic_utils import in_safe_mode
from .entries import entries

#: The most that an architecture alone may have: drawing so many takes some ten seconds.
MOST_NEW_WEIGHTS = 400_000_000
#: Steps of about ten nanoseconds that any configuration may take, and those more that each object in it may.
_STEPS, _STEPS_OF_AN_OBJECT = 400_000_000, 600_000
#: What a config raises that is well-formed JSON, and no model.
_MALFORMED = (
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    ArithmeticError,
    AssertionError,
    RecursionError,
    MemoryError,
)


@contextmanager
def reporting_malformed(source: str) -> Iterator[None]:
    """Errors that a malformed configuration causes somewhere within, as one error that names the file."""
    try:
        yield
    except NotImplementedError:
        raise
    except (ValueError, *_MALFORMED) as error:
        if isinstance(error, ValueError) and _is_ours(error):
            raise
        raise FileFormatError(
            source,
            f"its configuration does not make a model ({type(error).__name__}: {error}). Is the file "
            "damaged, or does a class given in custom_objects not take its arguments?",
        ) from error


def _is_ours(error: BaseException) -> bool:
    """Whether a statement of ours raised it, or a user's own, and not some library below."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    name = "" if traceback is None else traceback.tb_frame.f_globals.get("__name__", "")
    return name.split(".")[0] not in ("numpy", "onnx", "json", "_thread")


@contextmanager
def making(source: str, config: Any) -> Iterator[None]:
    """Around what makes a model of a configuration: its errors are one, its work is bounded by its size."""
    with reporting_malformed(source), limited_work(source, config):
        yield


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

    limit = WorkLimit(_STEPS + _STEPS_OF_AN_OBJECT * sum(1 for _ in entries(config)), refuse)
    with limit if in_safe_mode() else nullcontext():
        yield


def _physical_memory() -> int:
    """Bytes; a terabyte where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not POSIX
        return 2**40
