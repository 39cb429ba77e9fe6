"""Lists and dicts that are attributes of a user's layer: layers and weights put into them later belong to it.

self.blocks = []
for width in widths:
    self.blocks.append(Dense(width))
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any, SupportsIndex


class TrackedList(list):
    """A list whose owner is told of what is put into it; a copy of it is a plain list.

    Args:
        owner: has ``_track_attribute``.
        entries: what is in it at first, lists and dicts tracked already.
    """

    __slots__ = ("_owner",)

    def __init__(self, owner: Any, entries: Iterable[Any]) -> None:
        super().__init__(entries)
        self._owner = weakref.ref(owner)

    def append(self, entry: Any) -> None:
        super().append(_taken(self._owner, entry))

    def insert(self, index: SupportsIndex, entry: Any) -> None:
        super().insert(index, _taken(self._owner, entry))

    def extend(self, entries: Iterable[Any]) -> None:
        super().extend([_taken(self._owner, entry) for entry in entries])

    def __iadd__(self, entries: Iterable[Any]) -> TrackedList:  # type: ignore[misc,override]
        self.extend(entries)
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, slice):
            super().__setitem__(key, [_taken(self._owner, entry) for entry in value])
        else:
            super().__setitem__(key, _taken(self._owner, value))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return list, (list(self),)


class TrackedDict(dict):
    """A dict whose owner is told of what is put into it, as by a ``TrackedList``; a copy is a plain dict."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Any, entries: Iterable[tuple[Any, Any]]) -> None:
        super().__init__(entries)
        self._owner = weakref.ref(owner)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, _taken(self._owner, value))

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __ior__(self, other: Any) -> TrackedDict:  # type: ignore[misc,override]
        self.update(other)
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (dict(self),)


def tracked(owner: Any, value: Any) -> Any:
    """Plain lists and dicts, also within such, as ones that tell the owner; anything else as it is."""
    if type(value) is list:
        return TrackedList(owner, [tracked(owner, entry) for entry in value])
    if type(value) is dict:
        return TrackedDict(owner, [(key, tracked(owner, entry)) for key, entry in value.items()])
    return value


def _taken(owner: weakref.ref[Any], entry: Any) -> Any:
    """An entry for a list or dict; its owner is told of it."""
    layer = owner()
    if layer is None:
        return entry
    layer._track_attribute("", entry)
    return tracked(layer, entry)
