"""Model configs as JSON text, in the form of Keras's ``Model.to_json``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from kcompile.formats.archive import BACKEND, KERAS_VERSION, Archive, FileFormatError
from kcompile.ir import DType

if TYPE_CHECKING:
    from kcompile.formats.registry import Source, Target

#: The largest config that is parsed. Parsed JSON takes up to some 25 times the memory of its text.
MAX_CONFIG_BYTES = 16 * 2**20
#: The deepest nesting that is accepted. A nested model adds five levels, so real configs stay far below.
MAX_DEPTH = 200


def read(source: Source, lazy: bool = False) -> Archive:
    """Read a JSON file (see :func:`loads`)."""
    return loads(source.read_text(MAX_CONFIG_BYTES), source.name)


def write(archive: Archive, target: Target) -> None:
    """Write the archive's config as JSON (see :func:`dumps`)."""
    text = dumps(archive)
    target.write(text.encode("utf-8"))


def dumps(archive: Archive, **kwargs: Any) -> str:
    """The config as Keras's ``to_json`` writes it: class_name, config, keras_version, backend.

    Args:
        archive: its ``config`` and ``metadata`` are used, weights are not.
        **kwargs: passed to ``json.dumps`` (``indent=2`` ...).

    Raises:
        ValueError: the archive has no config.
        TypeError: the config holds something that JSON cannot say.
    """
    kwargs.setdefault("default", plain)
    return json.dumps(with_versions(archive), **kwargs)


def loads(text: str | bytes, name: str = "JSON config") -> Archive:
    """Read what ``to_json`` of Keras 1, Keras 2, tf.keras or this package wrote.

    Raises:
        FileFormatError: not JSON, not a model config, nested over 200 levels, or over 16 MiB.
    """
    return from_config(parse(text, name), name, "json")


def parse(text: str | bytes, name: str) -> Any:
    """Parse JSON text of bounded size and depth. ``name`` says in errors where the text is from."""
    if len(text) > MAX_CONFIG_BYTES:
        raise FileFormatError(
            name, f"the config has {len(text)} bytes, more than the {MAX_CONFIG_BYTES} allowed."
        )
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise FileFormatError(name, f"the config is nested more than {MAX_DEPTH} levels deep.") from error
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, an integer of too many digits
        raise FileFormatError(name, f"not valid JSON ({error}); is the file truncated?") from error
    check_depth(value, name)
    return value


def check_depth(value: Any, name: str) -> None:
    """Refuse nesting that would exhaust the stack of whoever walks the config by recursion."""
    level, depth = [value], 0
    while level:
        if depth > MAX_DEPTH:
            raise FileFormatError(name, f"the config is nested more than {MAX_DEPTH} levels deep.")
        depth += 1
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(v for v in item.values() if isinstance(v, (dict, list)))
            elif isinstance(item, list):
                below.extend(v for v in item if isinstance(v, (dict, list)))
        level = below


def from_config(value: Any, name: str, format_name: str) -> Archive:
    """The archive of a parsed config file; keys other than the two versions stay in ``config``."""
    value = check_model_config(value, name)
    metadata: dict[str, Any] = {"format": format_name}
    config = dict(value)
    for key in ("keras_version", "backend"):
        found = config.pop(key, None)
        if found is not None and not isinstance(found, str):
            raise FileFormatError(name, f"'{key}' is expected to be text, found {type(found).__name__}.")
        metadata[key] = found
    if metadata["keras_version"] is None and isinstance(config.get("module"), str):
        metadata["keras_version"] = "3.0.0"  # Keras 3's text says no version, but the module of each class
    return Archive(config=config, metadata=metadata)


def check_model_config(value: Any, name: str) -> dict[str, Any]:
    """Check the two fields that every model config has. Keras 1 stores a Sequential's config as a list."""
    if not isinstance(value, dict):
        raise FileFormatError(
            name, f"expected a model config, a mapping with 'class_name' and 'config'; found {_kind(value)}."
        )
    if not isinstance(value.get("class_name"), str) or not isinstance(value.get("config"), (dict, list)):
        keys = ", ".join(repr(key) for key in list(value)[:8]) or "none"
        raise FileFormatError(
            name,
            "expected a model config with 'class_name' (text) and 'config' (a mapping or list); "
            f"found the keys: {keys}.",
        )
    return value


def with_versions(archive: Archive) -> dict[str, Any]:
    """The config followed by keras_version and backend, as to_json and to_yaml write it."""
    if archive.config is None:
        raise ValueError("The archive holds weights alone: there is no config to write as text.")
    value = dict(archive.config)
    for key, default in (("keras_version", KERAS_VERSION), ("backend", BACKEND)):
        found = archive.metadata.get(key, default)
        if found is not None:
            value[key] = found
    return value


def plain(value: Any) -> Any:
    """JSON form of what configs may hold besides JSON's own types: numpy values, and types by their name."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.dtype | DType):
        return value.name
    if isinstance(value, type):
        return value.__name__
    raise TypeError(f"Not JSON serializable: {value!r} of type {type(value).__name__}")


def plain_or_named(value: Any) -> Any:
    """As :func:`plain`, and objects with ``get_config`` by class and config, functions by name.

    Keras's HDF5 writer accepts these two in the model's and in the training config (an optimizer, a loss
    function).
    """
    if hasattr(value, "get_config") and not isinstance(value, type):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    name = getattr(value, "__name__", None)
    if callable(value) and name:
        return name
    return plain(value)


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
