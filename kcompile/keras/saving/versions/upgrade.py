"""A model's configuration in the one dialect that constructors know, by the program that wrote it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...rules import KERAS_2
from ..dtype_policies import in_one_type
from ..unknown_objects import check_known
from . import keras1, tf_keras
from .writer import Writer

Entry = dict[str, Any]
#: What turns the entry of a layer in a file, by the program that wrote the file.
_ENTRIES: dict[str, Callable[[Entry], Entry]] = {"tf_keras": tf_keras.upgrade_entry}


def upgrade(config: Any, writer: Writer, custom_objects: Mapping[str, Any]) -> Any:
    """What ``get_config`` writes here, with ``"rules"`` where the program computes otherwise than Keras 2.3.

    Args:
        config: ``{"class_name": ..., "config": ...}``; it is not changed.
        writer: who wrote it.
        custom_objects: the user's classes and functions by name.

    Raises:
        ValueError: for classes and functions that are not known, and for what has no counterpart.
    """
    if writer.program == "keras_1":
        config = keras1.upgrade(config)
    check_known(config, custom_objects)
    config = in_one_type(config)
    if writer.program in _ENTRIES:
        config = _walked(config, _ENTRIES[writer.program])
    return config if writer.rules is KERAS_2 else {**config, "rules": writer.rules.name}


def _walked(value: Any, step: Callable[[Entry], Entry]) -> Any:
    """The value with ``step`` of each mapping in it, the innermost first."""
    if isinstance(value, list):
        return [_walked(entry, step) for entry in value]
    if not isinstance(value, Mapping):
        return value
    return step({key: _walked(entry, step) for key, entry in value.items()})
