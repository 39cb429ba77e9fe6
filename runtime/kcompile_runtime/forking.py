"""Keeps forked processes away from sessions of onnxruntime that their parent has dropped.

The threads of a session are not in the child, and its destructor waits for them for ever. So what the
collector has yet to free when a process forks (a session in a circle of references) is not for the child to
free.
"""

from __future__ import annotations

import gc
import os

_frozen = False


def _freeze() -> None:
    global _frozen
    _frozen = gc.get_freeze_count() == 0  # else a program freezes objects of its own, which stay so
    if _frozen:
        gc.freeze()


def _unfreeze() -> None:
    if _frozen:
        gc.unfreeze()


def protect_children() -> None:
    """Has every later fork leave the garbage of the moment to the parent; where processes fork at all."""
    if hasattr(os, "register_at_fork"):
        # before, and not in the child: other handlers run there first, and may start the collector
        os.register_at_fork(before=_freeze, after_in_parent=_unfreeze, after_in_child=gc.freeze)
