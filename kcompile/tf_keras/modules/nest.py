"""``tf.nest``: functions over lists, tuples and dicts of any depth; dicts in the order of their keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any


def is_nested(seq: Any) -> bool:
    """Whether it is a list, tuple or dict."""
    return isinstance(seq, list | tuple | Mapping)


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """Everything in it, from left to right."""
    if isinstance(structure, Mapping):
        return [x for key in sorted(structure) for x in flatten(structure[key])]
    if isinstance(structure, list | tuple):
        return [x for entry in structure for x in flatten(entry)]
    return [structure]


def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """A flat list in the form of a structure.

    Raises:
        ValueError: for another number of entries.
    """
    count, given = len(flatten(structure)), list(flat_sequence)
    if count != len(given):
        raise ValueError(f"The structure has {count} entries; the list has {len(given)}.")
    return _packed(structure, iter(given))


def _packed(structure: Any, entries: Iterator[Any]) -> Any:
    if isinstance(structure, Mapping):
        made = {key: _packed(structure[key], entries) for key in sorted(structure)}
        ordered = {key: made[key] for key in structure}
        return ordered if type(structure) is dict else type(structure)(ordered)  # type: ignore[call-arg]
    if isinstance(structure, list | tuple):
        listed = [_packed(entry, entries) for entry in structure]
        if hasattr(structure, "_fields"):
            return type(structure)(*listed)
        return type(structure)(listed) if isinstance(structure, tuple) else listed
    return next(entries)


def assert_same_structure(
    nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Compares two structures.

    Raises:
        TypeError: where one has a list and the other a dict, or the like.
        ValueError: where they have other keys or lengths.
    """
    if is_nested(nest1) != is_nested(nest2):
        raise ValueError(f"The structures differ: {nest1!r} and {nest2!r}.")
    if not is_nested(nest1):
        return
    if check_types and type(nest1) is not type(nest2):
        raise TypeError(f"The structures differ: {type(nest1).__name__} and {type(nest2).__name__}.")
    keys = [sorted(x) if isinstance(x, Mapping) else list(range(len(x))) for x in (nest1, nest2)]
    if keys[0] != keys[1]:
        raise ValueError(f"The structures differ: {keys[0]} and {keys[1]}.")
    for key in keys[0]:
        assert_same_structure(nest1[key], nest2[key], check_types)


def map_structure(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """A structure of what a function makes of the entries of one or several structures.

    Raises:
        ValueError, TypeError: where the structures differ.
    """
    check_types = kwargs.pop("check_types", True)
    kwargs.pop("expand_composites", None)
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types)
    rows = zip(*(flatten(s) for s in structure), strict=True)
    return pack_sequence_as(structure[0], [func(*row) for row in rows])


__all__ = ["assert_same_structure", "flatten", "is_nested", "map_structure", "pack_sequence_as"]
