"""Attributes of layers that are set after the layers were called: ``layer.activation = relu``.

By the rules of tf.keras a model computes by what its layers say when it is called. Here the calls were
emitted once; those of a layer that changes are emitted anew, and their tensors stand for the new ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from ...ir import Value
from .. import rules
from ..utils.generic_utils import unpack_singleton
from .call_frames import current_frame
from .node import CalledLayer, Node, as_nested

#: By layer those that it lies within: models, wrappers, layers that hold others.
_around: WeakKeyDictionary[CalledLayer, WeakSet[CalledLayer]] = WeakKeyDictionary()
#: Of these a layer takes care by itself, or nothing that is computed depends on them.
_OF_NO_CALL = frozenset(
    "batch_input_shape built dtype dtype_policy input_spec name stateful supports_masking trainable".split()
)
_MISSING = object()


def lies_within(layer: CalledLayer, outer: CalledLayer) -> None:
    """Notes that calls of ``outer`` call ``layer``."""
    _around.setdefault(layer, WeakSet()).add(outer)
    vars(layer)["_lies_within"] = True


def changes(layer: CalledLayer, name: str, value: Any) -> bool:
    """Whether calls of the layer, which were made, would be others with an attribute of this value."""
    if name.startswith("_") or name in _OF_NO_CALL or hasattr(layer, "_network_nodes"):
        return False
    if current_frame() is not None or not rules.of_layer(layer).calls_anew:
        return False
    before = getattr(layer, name, _MISSING)
    if before is _MISSING or not (_is_setting(before) and _is_setting(value)):
        return False
    return before is not value and before != value


def _is_setting(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(_is_setting(entry) for entry in value)
    return value is None or callable(value) or isinstance(value, bool | int | float | str)


def emit_anew(layer: CalledLayer, name: str) -> None:
    """Emits the calls of a layer, and of what it lies within, as they are with an attribute that was set.

    Warns:
        UserWarning: where they cannot be emitted so; models compute as before then.
    """
    stood: list[tuple[Value, Any, int]] = []  # what was made where, before
    try:
        for outer in _outermost_last(layer, set()):
            outer._forget_calls()
            for node in outer._inbound_nodes[outer._first_call :]:
                _emit_anew(node, stood)
    except Exception as error:
        for value, made_by, index in reversed(stood):
            value.node, value.index = made_by, index
        warnings.warn(
            f"{layer.name}.{name} was set after the layer was called, and the models with it compute as "
            f"before: {error}",
            stacklevel=4,
        )


def _outermost_last(layer: CalledLayer, seen: set[CalledLayer]) -> Iterator[CalledLayer]:
    if layer in seen:
        return
    seen.add(layer)
    if hasattr(layer, "_inbound_nodes"):
        yield layer
    for outer in _around.get(layer, ()):
        yield from _outermost_last(outer, seen)


def _emit_anew(node: Node, stood: list[tuple[Value, Any, int]]) -> None:
    layer: Any = node.outbound_layer
    layer(as_nested(unpack_singleton(list(node.input_tensors)), node.nesting), **node.arguments)
    made = layer._inbound_nodes.pop()
    for inbound in dict.fromkeys(made.inbound_layers):
        inbound._outbound_nodes.remove(made)
    for old, new in zip(_tensors_of(node), _tensors_of(made), strict=True):
        if old is not None and new is not None:
            stood.append((old, old.node, old.index))
            old.stand_for(new)


def _tensors_of(node: Node) -> list[Value | None]:
    """What others may have of a call: outputs and their masks, updates, losses, values of metrics."""
    updates = [new for _, new in (*node.updates, *node.inference_updates)]
    metrics = [x for _, said in node.metrics for x in _values(said)]
    return [*node.output_tensors, *node.output_masks, *updates, *node.losses, *metrics]


def _values(said: Any) -> Iterable[Value]:
    return [said] if isinstance(said, Value) else [new for _, new in said]
