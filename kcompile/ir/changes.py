"""Changes of weights that other threads see whole: all of them, or none yet."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

_lock = threading.RLock()
_depth = 0
_changes = 0  # grows when a change begins and when it ends: odd while one goes on


def _unlocked_in_child() -> None:
    global _lock, _depth, _changes
    _lock, _depth, _changes = threading.RLock(), 0, 0


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
    if before % 2 == 0:
        result = compute()
        if _changes == before:
            return result
    with unchanging():
        return compute()
