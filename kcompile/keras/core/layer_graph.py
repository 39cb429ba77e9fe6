"""The DAG of layers between inputs and outputs: found, and put in Keras's order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from ...ir import Value
from ..utils.messages import harmless
from ..utils.nested import NESTS, leaves, mapped
from .layer import Layer
from .node import Node, keras_history


@dataclass
class LayerMap:
    """What lies between inputs and outputs.

    Attributes:
        layers: in Keras's order (by depth from the inputs, then by first visit from the outputs), which is
            the order of weights in files.
        nodes: calls in an order in which they can be emitted.
        nodes_by_depth, layers_by_depth: the same, by the longest distance to an output.
    """

    layers: list[Layer]
    nodes: list[Node]
    nodes_by_depth: dict[int, list[Node]]
    layers_by_depth: dict[int, list[Layer]]


def map_layers(inputs: list[Value], outputs: list[Value], name: str) -> LayerMap:
    """Walks back from the outputs along the layer calls.

    Raises:
        ValueError: if an output depends on an Input that is not among the inputs, or layer names repeat.
    """
    visited, first_visit = _walk_back(inputs, outputs)
    node_depths, layer_depths = _depths(visited, first_visit, inputs)
    nodes_by_depth: dict[int, list[Node]] = {}
    for node in visited:
        nodes_by_depth.setdefault(node_depths[node], []).append(node)
    layers_by_depth: dict[int, list[Layer]] = {}
    for layer, depth in layer_depths.items():
        layers_by_depth.setdefault(depth, []).append(layer)
    for layers in layers_by_depth.values():
        layers.sort(key=first_visit.__getitem__)
    layers = [layer for depth in sorted(layers_by_depth, reverse=True) for layer in layers_by_depth[depth]]
    nodes = [node for depth in sorted(nodes_by_depth, reverse=True) for node in nodes_by_depth[depth]]
    _check_connected(inputs, nodes, name)
    _check_names(layers, name)
    return LayerMap(layers, nodes, nodes_by_depth, layers_by_depth)


def calls_between(inputs: list[Value], outputs: list[Value]) -> list[Node]:
    """The calls on which outputs depend, as far as inputs do not give what they need, each behind those that
    it needs."""
    return _walk_back(inputs, outputs)[0]


def _walk_back(inputs: list[Value], outputs: list[Value]) -> tuple[list[Node], dict[Layer, int]]:
    """Nodes in post-order and the order of first visit of layers; without recursion, cycles are errors."""
    given = set(inputs)
    finished: dict[Node, None] = {}
    in_progress: set[Node] = set()
    first_visit: dict[Layer, int] = {}
    stack: list[tuple[Node, bool]] = [(_node_of(tensor), False) for tensor in reversed(outputs)]
    while stack:
        node, leaving = stack.pop()
        if leaving:
            in_progress.discard(node)
            finished[node] = None
            continue
        if node in finished:
            continue
        if node in in_progress:
            raise ValueError(f"The layer graph has a cycle through the layer {node.outbound_layer.name!r}.")
        first_visit.setdefault(_layer_of(node), len(first_visit))
        in_progress.add(node)
        stack.append((node, True))
        if _is_source(node) or all(tensor in given for tensor in node.output_tensors):
            continue
        needed = node.input_tensors + node.keyword_tensors
        stack.extend((_node_of(tensor), False) for tensor in reversed(needed))
    return list(finished), first_visit


def _depths(
    visited: list[Node], first_visit: dict[Layer, int], inputs: list[Value]
) -> tuple[dict[Node, int], dict[Layer, int]]:
    """The longest distance of nodes and layers to an output; a shared layer is as deep as its deepest
    call."""
    given = set(inputs)
    node_depths: dict[Node, int] = {}
    layer_depths: dict[Layer, int] = {}
    for node in reversed(visited):
        depth = max(node_depths.setdefault(node, 0), layer_depths.get(_layer_of(node), 0))
        node_depths[node] = layer_depths[_layer_of(node)] = depth
        if _is_source(node) or all(tensor in given for tensor in node.output_tensors):
            continue
        for inbound in [*node.inbound_nodes, *map(_node_of, node.keyword_tensors)]:
            node_depths[inbound] = max(depth + 1, node_depths.get(inbound, 0))
    for tensor in inputs:  # an input that nothing reads still belongs to the model
        node = _node_of(tensor)
        if node not in node_depths:
            node_depths[node] = layer_depths[_layer_of(node)] = 0
            first_visit[_layer_of(node)] = -1
            visited.append(node)
    return node_depths, layer_depths


def _node_of(tensor: Value) -> Node:
    layer, node_index, _ = keras_history(tensor)
    return layer._inbound_nodes[node_index]


def _layer_of(node: Node) -> Layer:
    return cast(Layer, node.outbound_layer)


def _is_source(node: Node) -> bool:
    return not node.inbound_layers


def _check_connected(inputs: list[Value], nodes: list[Node], name: str) -> None:
    known = set(inputs)
    seen: list[str] = []
    for node in nodes:
        if _is_source(node) and not all(tensor in known for tensor in node.output_tensors):
            among = harmless(", ".join(tensor.name for tensor in inputs))
            raise ValueError(
                f"Graph disconnected in model {name}: the input {node.outbound_layer.name!r} is needed but "
                f"is not among the inputs ({among}). Layers reached without issue: {seen}."
            )
        for tensor in node.input_tensors + node.keyword_tensors:
            if tensor not in known:
                raise ValueError(
                    f"Graph disconnected in model {name}: cannot obtain value for tensor {tensor!r} at layer "
                    f"{node.outbound_layer.name!r}. Layers reached without issue: {seen}."
                )
        known.update(node.output_tensors)
        seen.append(node.outbound_layer.name)


def _check_names(layers: Iterable[Layer], name: str) -> None:
    seen: set[str] = set()
    for layer in layers:
        if layer.name in seen:
            raise ValueError(
                f"The name {layer.name!r} is used by two layers of the model {name}. All layer names should "
                "be unique; give one of them another name=."
            )
        seen.add(layer.name)


# --- inputs and outputs as they are given -------------------------------------------------------------------


def keys_of(tensors: Any, what: str) -> list[str] | None:
    """The names that a dict gives; None where it is none."""
    if not isinstance(tensors, dict):
        return None
    wrong = [key for key in tensors if not isinstance(key, str) or not key]
    if wrong or not tensors:
        raise ValueError(f"The {what} of a Model are named by text in a dict; found {list(tensors)!r}.")
    return list(tensors)


def plain_keys(tensors: Any, what: str) -> list[str] | None:
    """The names that a dict of tensors gives them; None where it is none, or has nests in it."""
    keys = keys_of(tensors, what)
    return None if keys is None or any(isinstance(x, NESTS) for x in tensors.values()) else keys


def flat_like(nesting: Any, given: Any) -> list[Any]:
    """What was given for the inputs of a model made of nested ones, flat, in their order.

    Args:
        nesting: None for each input.
        given: such a nest (lists and tuples are one), or a flat list of all.

    Raises:
        ValueError: for other keys or lengths, naming what was expected.
    """
    count = len(leaves(nesting))
    if count == 1 and not isinstance(given, NESTS):
        return [given]
    if isinstance(given, list | tuple) and len(given) == count and not any(map(_holds_arrays, given)):
        return list(given)
    return _flat_like(nesting, given)


def _holds_arrays(nest: Any) -> bool:
    return isinstance(nest, NESTS) and any(hasattr(x, "shape") for x in leaves(nest))


def _flat_like(nesting: Any, given: Any) -> list[Any]:
    if nesting is None:
        return [given]
    if isinstance(nesting, dict):
        if not isinstance(given, dict) or nesting.keys() - given.keys():
            keys = ", ".join(map(repr, nesting))
            found = ", ".join(map(repr, given)) if isinstance(given, dict) else type(given).__name__
            raise ValueError(f"The inputs of the model are a dict with the keys {keys}; found {found}.")
        return [x for key in sorted(nesting) for x in _flat_like(nesting[key], given[key])]
    if not isinstance(given, list | tuple) or len(given) != len(nesting):
        found = f"{len(given)}" if isinstance(given, list | tuple) else type(given).__name__
        raise ValueError(f"The inputs of the model have a list of {len(nesting)} in them; found {found}.")
    pairs = zip(nesting, given, strict=True)
    return [x for inner, entry in pairs for x in _flat_like(inner, entry)]


def tensor_list(tensors: Any, what: str) -> list[Value]:
    tensors = leaves(tensors)
    for tensor in tensors:
        if not isinstance(tensor, Value):
            raise ValueError(
                f"The {what} of a Model must be tensors; found {tensor!r} ({type(tensor).__name__})."
            )
    return tensors


def nesting_of(tensors: Any, keeps_tuples: bool) -> Any:
    """How tensors lie in lists, tuples and dicts: None stands for each of them; None alone for one tensor,
    and for a plain list or a dict of tensors.

    Args:
        keeps_tuples: whether a plain tuple is a nest, too, as tf.keras has it; else it is a list.
    """
    if not isinstance(tensors, NESTS):
        return None
    entries = tensors.values() if isinstance(tensors, dict) else tensors
    if not any(isinstance(entry, NESTS) for entry in entries) and not isinstance(tensors, tuple):
        return None
    if keeps_tuples:
        return mapped(tensors, lambda _: None)
    return _with_lists(tensors) if any(isinstance(entry, NESTS) for entry in entries) else None


def _with_lists(tensors: Any) -> Any:
    if isinstance(tensors, dict):
        return {key: _with_lists(entry) for key, entry in tensors.items()}
    return [_with_lists(entry) for entry in tensors] if isinstance(tensors, list | tuple) else None


def check_ends(name: str, inputs: list[Value], outputs: list[Value]) -> None:
    if len(set(inputs)) != len(inputs):
        raise ValueError(
            f"The list of inputs passed to the model {name} is redundant: all inputs should only appear "
            f"once. Found: {[tensor.name for tensor in inputs]}."
        )
    for what, tensors in (("Input", inputs), ("Output", outputs)):
        for tensor in tensors:
            if not hasattr(tensor, "_keras_history"):
                raise ValueError(
                    f"{what} tensors to the model {name} must be the output of a layer; found {tensor!r}. "
                    "Make inputs with Input(), and wrap what reads variables, or has loops or phases of its "
                    "own, in a Lambda layer."
                )
