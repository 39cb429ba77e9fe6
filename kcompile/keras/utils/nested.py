"""Plain data, and nests: what lists, tuples and dicts hold, at any depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

NESTS = list | tuple | dict


def each(value: Any, function: Callable[[Any], Any]) -> Any:
    """A list or dict with ``function`` of each of its members; anything else as it is."""
    if isinstance(value, dict):
        return {key: function(member) for key, member in value.items()}
    return [function(member) for member in value] if isinstance(value, list) else value


def _no_leaf(entry: Any) -> bool:
    return False


def leaves(nest: Any, is_leaf: Callable[[Any], bool] = _no_leaf) -> list[Any]:
    """What lies in a nest, from left to right; dicts in the order of their sorted keys, as tf.keras and
    Keras 3 count.

    Args:
        is_leaf: whether a list, tuple or dict is one entry.
    """
    found: list[Any] = []
    mapped(nest, found.append, is_leaf)
    return found


def mapped(nest: Any, function: Callable[[Any], Any], is_leaf: Callable[[Any], bool] = _no_leaf) -> Any:
    """The nest of ``function`` of each entry, called in the order of ``leaves``; named tuples stay such."""
    if not isinstance(nest, NESTS) or is_leaf(nest):
        return function(nest)
    if isinstance(nest, dict):
        found = {key: mapped(nest[key], function, is_leaf) for key in sorted(nest)}
        return {key: found[key] for key in nest}
    parts = [mapped(entry, function, is_leaf) for entry in nest]
    if isinstance(nest, list):
        return parts
    return type(nest)(*parts) if hasattr(nest, "_fields") else tuple(parts)


def packed(like: Any, entries: Iterator[Any], is_leaf: Callable[[Any], bool] = _no_leaf) -> Any:
    """Entries nested as ``like``, one for each of its own."""
    return mapped(like, lambda _: next(entries), is_leaf)
