"""Weights of a model by the way that leads to each: attributes, names of layers, places in lists."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from ...ir import Parameter
from .weighted_layer import _OWN_LISTS, WeightedLayer

_HOLDERS = (Parameter, WeightedLayer, list, tuple, dict)


def weight_paths(model: Any) -> dict[str, Parameter]:
    """Each weight by the shortest way to it: ``dense.kernel``, ``blocks.0.kernel``."""
    found: dict[str, Parameter] = {}
    seen = {id(model)}
    waiting: deque[tuple[str, Any]] = deque([("", model)])
    while waiting:
        path, owner = waiting.popleft()
        for name, member in _members(owner):
            if id(member) in seen:
                continue
            seen.add(id(member))
            inner = f"{path}.{name}".lstrip(".")
            if isinstance(member, Parameter):
                found[inner] = member
            else:
                waiting.append((inner, member))
    return found


def _members(owner: Any) -> Iterator[tuple[str, Any]]:
    """What may hold weights, by its name in the owner."""
    if isinstance(owner, list | tuple):
        pairs: Any = ((str(i), member) for i, member in enumerate(owner))
    elif isinstance(owner, dict):
        pairs = ((str(key), member) for key, member in owner.items())
    else:
        pairs = _members_of_layer(owner)
    return ((name, member) for name, member in pairs if isinstance(member, _HOLDERS))


def _members_of_layer(layer: Any) -> Iterator[tuple[str, Any]]:
    """Its own weights by the names that they were given, the layers of a network by theirs, attributes."""
    named = {value: name for name, value in vars(layer).items() if isinstance(value, Parameter)}
    for weight in (*layer._trainable_weights, *layer._non_trainable_weights):
        made_here = "/" in weight.name
        yield (weight.name.rpartition("/")[2] if made_here else named.get(weight, weight.name)), weight
    if "_network_nodes" in vars(layer):
        for inner in layer.layers if layer._is_graph_network or hasattr(layer, "_stacked_layers") else ():
            yield inner.name, inner
    for name, value in vars(layer).items():
        if name not in _OWN_LISTS and not name.startswith("_self_"):
            yield name, value
