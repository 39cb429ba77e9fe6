"""Frees models that nobody refers to before their weights fill the memory.

Layers, nodes and tensors refer to one another in circles, which only Python's collector frees. It counts
objects, not bytes: a dropped model of a gigabyte is a few hundred objects, for which it would wait long.
"""

from __future__ import annotations

import gc

_LEAST = 256 << 20

_alive = 0
_new = 0
_limit = _LEAST


def allocated(size: int) -> None:
    """Says that weights of so many bytes were made; collects when as much is new as was alive before."""
    global _alive, _new, _limit
    _alive += size
    _new += size
    if _new > _limit:
        _new = 0
        if gc.isenabled():
            gc.collect()
        _limit = max(_LEAST, _alive)


def freed(size: int) -> None:
    """Says that weights of so many bytes are gone."""
    global _alive
    _alive -= size
