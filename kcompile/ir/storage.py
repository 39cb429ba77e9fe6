"""The one host buffer behind a weight, and the version by which its other views know that they are stale."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

_lock = threading.RLock()
_fetching = threading.Lock()
_depth = 0
_changes = 0  # grows when a change begins and when it ends: odd while one goes on


def _unlocked_in_child() -> None:
    global _lock, _fetching, _depth, _changes
    _lock, _fetching, _depth, _changes = threading.RLock(), threading.Lock(), 0, 0


if hasattr(os, "register_at_fork"):  # the thread that held it is not in the child
    os.register_at_fork(after_in_child=_unlocked_in_child)


@contextmanager
def changing() -> Iterator[None]:
    """What is written to weights in the block becomes visible to other threads as one change.

    Those who read through ``unchanging`` or ``steadily`` see all of it or nothing. One thread at a time.
    """
    global _depth, _changes
    with _lock:
        _depth += 1
        _changes += _depth == 1
        try:
            yield
        finally:
            _changes += _depth == 1
            _depth -= 1


@contextmanager
def unchanging() -> Iterator[None]:
    """No other thread changes weights during the block."""
    with _lock:
        yield


def steadily(compute: Callable[[], T]) -> T:
    """What ``compute`` returns, from weights that nobody changed meanwhile.

    It runs once, at no cost for others, where nobody does; else again while others wait, so it may have no
    effect of its own.
    """
    before = _changes
    if before % 2 == 0 or _is_mine():
        result = compute()
        if _changes == before:
            return result
    with unchanging():
        return compute()


def _is_mine() -> bool:
    """Whether the change that goes on is this thread's own."""
    return _lock._is_owned()  # type: ignore[attr-defined, no-any-return]


class Storage:
    """One host buffer, seen by numpy, by torch and by onnxruntime.

    Args:
        value: initial contents, in the logical layout (for a convolution kernel: HWIO).
        order: the axes from outermost to innermost in memory, None for C order. A kernel stored with
            ``order=(3, 2, 0, 1)`` is HWIO to everyone who asks and OIHW in memory, so the
            graph's ``Transpose`` to OIHW is a free view.

    Attributes:
        watch: asked before anybody reads, to say ``written`` where somebody wrote without a word; or None.
    """

    __slots__ = ("_array", "_fetch", "_version", "order", "watch")

    def __init__(self, value: np.ndarray, order: Sequence[int] | None = None) -> None:
        value = np.asarray(value)
        self.order = tuple(order) if order is not None else None
        self._version = 0
        self.watch: Callable[[], None] | None = None
        self._fetch: Callable[[np.ndarray], None] | None = None
        if self.order is None:
            self._array = np.array(value, order="C")
        else:
            stored = np.array(value.transpose(self.order), order="C")
            self._array = stored.transpose(np.argsort(self.order))

    @classmethod
    def zeros(cls, shape: Sequence[int], dtype: Any, order: Sequence[int] | None = None) -> Storage:
        """A buffer of zeros, whose memory the system hands out when it is first written."""
        storage = cls(np.zeros((), dtype))
        storage.order = tuple(order) if order is not None else None
        if order is None:
            storage._array = np.zeros(tuple(shape), dtype)
        else:
            storage._array = np.zeros([shape[axis] for axis in order], dtype).transpose(np.argsort(order))
        return storage

    @property
    def version(self) -> int:
        """Grows with every change of the value."""
        if self.watch is not None:
            self.watch()
        return self._version

    @property
    def array(self) -> np.ndarray:
        """The buffer in its logical layout, current also when a device copy leads. Not a copy."""
        if self.watch is not None:
            self.watch()
        if self._fetch is not None:
            with _fetching:
                fetch = self._fetch
                if fetch is not None:
                    fetch(self._array)
                    if self._fetch is fetch:  # nobody wrote meanwhile
                        self._fetch = None
        return self._array

    def assign(self, value: np.ndarray) -> None:
        """Overwrites the contents in place; views (numpy, torch) see it, sessions notice by ``version``."""
        with changing():
            self._fetch = None
            np.copyto(self._array, value, casting="same_kind")
            self._version += 1

    def written(self, fetch: Callable[[np.ndarray], None] | None = None) -> None:
        """Says that somebody changed the value.

        Args:
            fetch: None where the host buffer itself was written; else a function that copies the
                leading device copy into the host array it is given, called at the next read.
        """
        self._fetch = fetch
        self._version += 1
