"""What a configuration names and nobody knows, all of it at once, before anything is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from .. import registry
from ..core.operation_layers import CLASSES
from ..operations.node_defs import read_node_def
from ..operations.rows import OPERATIONS
from ..operations.tensorflow import FUNCTIONS
from ..operations.tensorflow_names import TF_FUNCTIONS
from ..operations.tensorflow_operators import NAMES
from ..utils.generic_utils import _find_object

_INNER = ("layer", "cell", "cells", "backward_layer", "forward_layer", "layers")
_KINDS = {"initializer": "initializer", "regularizer": "regularizer", "constraint": "constraint"}


def check_known(config: Mapping[str, Any], custom_objects: Mapping[str, Any]) -> None:
    """Refuses a configuration with several unknown classes or functions; of a single one, who makes it
    tells better.

    Raises:
        ValueError: listing them with the layers that have them, and what custom_objects would need.
    """
    named: dict[tuple[str, str], list[str]] = {}
    for kind, name, layer in _named(config, ""):
        named.setdefault((kind, name), []).append(layer)
    places = {key: layers for key, layers in named.items() if not _is_known(*key, custom_objects)}
    if len(places) < 2:
        return
    told = [f"{kind} {name!r} ({_some(layers)})" for (kind, name), layers in places.items()]
    own = [name for kind, name in places if kind not in ("function", "operator")]
    needed = ", ".join(f"{name!r}: ..." for name in dict.fromkeys(own))
    raise ValueError(
        f"The file names {len(places)} classes and functions that are not known here: {'; '.join(told)}."
        + (f" If they are your own, pass them by name: custom_objects={{{needed}}}." if own else "")
    )


def _some(layers: list[str]) -> str:
    names = [repr(name) for name in dict.fromkeys(layers)]
    return (
        ("layers " if len(names) > 1 else "layer ")
        + ", ".join(names[:4])
        + (", ..." if len(names) > 4 else "")
    )


def _named(entry: Any, owner: str) -> Iterator[tuple[str, str, str]]:
    """(kind, name, layer) of all that a layer or model names."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("class_name"), str):
        return
    config = entry.get("config")
    inner = config if isinstance(config, Mapping) else {}
    layer = str(inner.get("name") or entry.get("name") or owner)
    yield from _class(entry, inner, layer)
    for key, value in inner.items():
        kind = key.rsplit("_", 1)[-1]
        if key in _INNER:
            for below in value if isinstance(value, list) else [value]:
                yield from _named(below, layer)
        elif kind == "activation" and isinstance(value, str):
            yield "activation", value, layer
        elif kind in _KINDS and isinstance(value, Mapping) and isinstance(value.get("class_name"), str):
            yield _KINDS[kind], _registered(value), layer


def _class(entry: Mapping[str, Any], config: Mapping[str, Any], layer: str) -> Iterator[tuple[str, str, str]]:
    module, class_name = entry.get("module"), entry["class_name"]
    if isinstance(module, str) and module.startswith(("keras.src.ops.", "keras.ops")):
        yield "function", f"keras.ops {class_name}", layer
    elif class_name in ("TFOpLambda", "SlicingOpLambda"):
        yield "function", f"tf.{config.get('function')}", layer
    elif class_name == "TensorFlowOpLayer":
        with suppress(ValueError):
            yield "operator", read_node_def(config.get("node_def")).op, layer
    elif "inbound_nodes" in entry and class_name in OPERATIONS:
        return  # in an .h5 file of Keras 3
    else:
        yield "layer", _registered(entry), layer


def _registered(entry: Mapping[str, Any]) -> str:
    """The name by which custom_objects has it: the registered one, if that is more than the class's in a
    package."""
    return str(entry.get("registered_name") or "").rsplit(">", 1)[-1] or str(entry["class_name"])


def _is_known(kind: str, name: str, custom_objects: Mapping[str, Any]) -> bool:
    if kind == "function":
        return (
            name.removeprefix("keras.ops ") in OPERATIONS
            or name.removeprefix("tf.").removeprefix("compat.v1.") in {*TF_FUNCTIONS, *FUNCTIONS}
            or "TFOpLambda" in custom_objects
        )
    if kind == "operator":
        return name in NAMES or "TensorFlowOpLayer" in custom_objects
    known = registry.names(kind)
    if kind == "layer":
        known = {**known, **CLASSES}
    try:
        _find_object(name, known, custom_objects, kind)
    except ValueError:
        return False
    return True
