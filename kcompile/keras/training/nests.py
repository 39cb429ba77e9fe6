"""Data of any nesting: tuples, lists and dicts of arrays, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Structure:
    """How arrays are nested; hashable, so that what is made for one form of data is found by it.

    Attributes:
        kind: "leaf", "none", "tuple", "list" or "dict".
        parts: the structures inside.
        keys: of a dict, in its order.
    """

    kind: str
    parts: tuple[Structure, ...] = ()
    keys: tuple[Any, ...] = ()

    def pack(self, leaves: Sequence[Any]) -> Any:
        """The nest of these leaves."""
        return self._pack(iter(leaves))

    def _pack(self, leaves: Iterator[Any]) -> Any:
        if self.kind == "leaf":
            return next(leaves)
        if self.kind == "none":
            return None
        parts = [part._pack(leaves) for part in self.parts]
        if self.kind == "dict":
            return dict(zip(self.keys, parts, strict=True))
        return tuple(parts) if self.kind == "tuple" else parts


LEAF, NONE = Structure("leaf"), Structure("none")


def flatten(nest: Any, is_leaf: Callable[[Any], bool] = lambda x: False) -> tuple[list[Any], Structure]:
    """The leaves of a nest, from left to right, and how they are nested; None is no leaf.

    Args:
        is_leaf: whether a list, tuple or dict is to be taken as one leaf.
    """
    if nest is None:
        return [], NONE
    if isinstance(nest, Mapping) and not is_leaf(nest):
        kind, parts, keys = "dict", list(nest.values()), tuple(nest)
    elif isinstance(nest, list | tuple) and not is_leaf(nest):
        kind, parts, keys = "tuple" if isinstance(nest, tuple) else "list", list(nest), ()
    else:
        return [nest], LEAF
    found = [flatten(part, is_leaf) for part in parts]
    leaves = [leaf for own, _ in found for leaf in own]
    return leaves, Structure(kind, tuple(structure for _, structure in found), keys)
