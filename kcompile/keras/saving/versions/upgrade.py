"""A model's configuration in the one dialect that constructors know, by the program that wrote it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ...rules import KERAS_2
from ...utils.nested import each
from ..dtype_policies import set_type, widest_type
from ..unknown_objects import check_known
from . import keras1, keras3, tf_keras
from .writer import Writer

Step = Callable[[dict[str, Any]], Any]


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
    steps: list[Step] = [
        partial(set_type, wide=widest_type(config)),
        partial(_operation, custom_objects),
        keras3.upgrade_network,
    ]
    if writer.program == "tf_keras":
        steps.append(tf_keras.tell_zeros)
    config = _walked(config, steps)
    return config if writer.rules is KERAS_2 else {**config, "rules": writer.rules.name}


def upgrade_training(config: Mapping[str, Any], writer: Writer, of_keras_3: bool, source: str) -> Any:
    """compile()'s arguments as ``training_config`` writes them, with the rules that they follow.

    Args:
        config: what the file says of them.
        writer: who wrote it.
        of_keras_3: whether they are in the words of a ``.keras`` file.
        source: name of the file, for errors.

    Raises:
        ValueError: if what stands for the optimizer is none.
    """
    if of_keras_3:
        config = keras3.upgrade_training(config, source)
    config = _walked(config, [keras3.plain_numbers])
    return config if config.get("rules") else {**config, "rules": writer.rules.name}


def _operation(custom_objects: Mapping[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """The entry of a function between layers as OperationLayer: what it is, it says itself."""
    if "inbound_nodes" not in entry or entry.get("class_name") in custom_objects:
        return entry
    return keras3.upgrade_entry(tf_keras.upgrade_entry(entry))


def _walked(value: Any, steps: list[Step]) -> Any:
    """The value with each object in it as the steps turn it, the innermost first."""
    value = each(value, lambda entry: _walked(entry, steps))
    if isinstance(value, dict) and "class_name" in value:
        for step in steps:
            value = step(value)
    return value
