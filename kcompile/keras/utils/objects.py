"""Objects of Keras as plain data, in the words of Keras 3: ``keras.saving.serialize_keras_object``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import registry
from .generic_utils import (
    SafeModeScope,
    custom_object_scope,
    get_custom_objects,
    in_safe_mode,
    registered_name,
)
from .generic_utils import deserialize_keras_object as _of_kind
from .generic_utils import serialize_keras_object as _by_name


def get_registered_name(obj: Any) -> str:
    """The name under which a class or function was registered, else its own."""
    return registered_name(obj) or obj.__name__


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """The class or function of a name: registered, or in one of the mappings; None if there is none."""
    for known in (custom_objects or {}, get_custom_objects(), module_objects or {}):
        if name in known:
            return known[name]
    return None


def serialize_keras_object(obj: Any) -> Any:
    """An object with a configuration as ``{"module", "class_name", "config", "registered_name"}``.

    Numbers, text, lists and dicts come out as they are, with what is in them turned; functions that are
    built in as ``{"module", "class_name": "function", ...}``, others as their registered or own names.

    Raises:
        ValueError: for an object without ``get_config``.
    """
    if obj is None or isinstance(obj, str | bool | int | float):
        return obj
    if isinstance(obj, np.generic | np.ndarray):
        return obj.tolist()
    if isinstance(obj, list | tuple):
        return [serialize_keras_object(entry) for entry in obj]
    if isinstance(obj, Mapping):
        return {key: serialize_keras_object(entry) for key, entry in obj.items()}
    if hasattr(obj, "get_config"):
        kind = type(obj)
        own = not registry.is_built_in(kind)
        return {
            "module": None if own else _module_of(kind),
            "class_name": kind.__name__,
            "config": serialize_keras_object(obj.get_config()),
            "registered_name": get_registered_name(kind) if own else None,
        }
    if callable(obj) and hasattr(obj, "__name__"):
        if registry.is_named(obj):
            return {
                "module": "builtins",
                "class_name": "function",
                "config": obj.__name__,
                "registered_name": "function",
            }
        return get_registered_name(obj)
    raise ValueError(f"{obj!r} cannot be made plain data: {type(obj).__name__} has no get_config().")


def _module_of(obj: Any) -> str:
    """Where later versions of Keras show a built-in class or function."""
    kind = registry.kind_of_object(obj)
    if kind is None or obj.__name__ in ("Model", "Sequential"):
        return "keras"
    return registry.public_module(kind)


def serialized(obj: Any, use_legacy_format: bool) -> Any:
    """What a module's ``serialize`` gives: class and configuration alone, or those of
    ``serialize_keras_object``."""
    return _by_name(obj) if use_legacy_format else serialize_keras_object(obj)


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool | None = None, **kwargs: Any
) -> Any:
    """What ``serialize_keras_object`` was given.

    Args:
        config: plain data; anything but a mapping with a ``class_name`` comes out as it is.
        custom_objects: classes and functions of one's own by name; registered ones are known.
        safe_mode: False lets it run code from the data; None asks the surrounding ``SafeModeScope``.

    Raises:
        ValueError: for a name that nobody knows.
    """
    if isinstance(config, list | tuple):
        return [deserialize_keras_object(entry, custom_objects, safe_mode) for entry in config]
    if not isinstance(config, Mapping):
        return config
    if not isinstance(config.get("class_name"), str):
        return {
            key: deserialize_keras_object(entry, custom_objects, safe_mode) for key, entry in config.items()
        }
    is_function = config["class_name"] == "function"
    name = config["config"] if is_function else config.get("registered_name") or config["class_name"]
    if not isinstance(name, str):
        raise ValueError(f"The name of a function must be text; found {name!r}.")
    named = name if is_function else {"class_name": name, "config": config.get("config", {})}
    safe = in_safe_mode() if safe_mode is None else safe_mode
    with custom_object_scope(custom_objects), SafeModeScope(safe):
        kind = registry.kind_of(name, config.get("module"))
        if get_registered_object(name) is None and kind is not None:
            return registry.deserialize(kind, named)
        return _of_kind(named, {}, None, "object")


registry.register(globals())
