"""The DAG of layers between inputs and outputs: found, ordered, written as configuration and read back."""

from __future__ import annotations

import json
import warnings
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np

from ...ir import Value
from .. import rules
from ..utils.generic_utils import get_custom_objects, unpack_singleton
from ..utils.living import class_name
from ..utils.messages import harmless
from .layer import Layer
from .layer_configs import deserialize
from .node import Node, keras_history, replace_tensors
from .operation_layers import CLASSES, OperationLayer, from_file


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


# --- configuration ------------------------------------------------------------------------------------------


def network_config(network: Layer) -> dict[str, Any]:
    """The DAG as plain data, in Keras's own form.

    Raises:
        ValueError: if the outputs need a layer that was taken off ``network.layers``.
    """
    check_listed(network)
    kept_nodes = dict.fromkeys(network._network_nodes)
    new_index: dict[tuple[Layer, int], int] = {}
    for layer in network.layers:
        kept = [i for i, node in enumerate(layer._inbound_nodes) if node in kept_nodes]
        new_index.update({(layer, old): new for new, old in enumerate(kept, _has_own_node(layer))})
    layers = []
    for layer in network.layers:
        nodes = [node for node in layer._inbound_nodes if node in kept_nodes and not _is_source(node)]
        calls = [_node_config(node, new_index) for node in nodes]
        layers.append(_operation_config(layer, nodes, calls) or _layer_config(layer, calls))

    def coordinates(tensors: list[Value]) -> list[list[Any]]:
        places = [keras_history(tensor) for tensor in tensors]
        return [[h.layer.name, new_index[h.layer, h.node_index], h.tensor_index] for h in places]

    return {
        "name": network.name,
        **trainable_config(network),
        "layers": layers,
        "input_layers": _named(network._input_keys, network.input_names, coordinates(network.inputs)),
        "output_layers": _named(network._output_keys, network.output_names, coordinates(network.outputs)),
    }


def check_listed(network: Layer) -> None:
    """Sees that all layers that the outputs need are among ``network.layers``, which anybody may change, as
    the list of outputs."""
    if network._output_coordinates != [tuple(keras_history(tensor)) for tensor in network.outputs]:
        network.outputs = list(network.outputs)
    listed = {id(layer) for layer in network.layers}
    for layer in network._mapped_layers:
        if id(layer) not in listed:
            raise ValueError(
                f"The model {network.name} cannot be written: its outputs need the layer {layer.name!r}, "
                "which was taken off model.layers. Set model.outputs to tensors of the layers that are left, "
                "such as [model.layers[-1].output], or make a new Model(model.input, ...)."
            )


def _named(keys: list[str] | None, names: list[str], entries: list[Any]) -> Any:
    """The entries by name, in the order of the keys, where the network was given a dict."""
    by_name = dict(zip(names, entries, strict=True))
    return entries if keys is None else {key: by_name[key] for key in keys}


def _layer_config(layer: Layer, calls: list[Any]) -> dict[str, Any]:
    return {
        "name": layer.name,
        "class_name": class_name(layer),
        "config": layer.get_config(),
        **rules.said_of(layer),
        "inbound_nodes": calls,
    }


def _operation_config(layer: Layer, nodes: list[Node], calls: list[Any]) -> dict[str, Any] | None:
    """A function between layers as a layer of Keras, where there is one, or else in the words of tf.keras
    2; None for layers proper."""
    if not isinstance(layer, OperationLayer):
        return None
    if len(nodes) == 1:
        same = layer.layer_config(nodes[0].input_tensors)
        if same is not None:
            return {"name": layer.name, **same, "inbound_nodes": calls}
        whole = layer.operation == "Mean" and any(x.dtype.kind != "f" for x in nodes[0].input_tensors)
        # of integers TensorFlow's mean is one
        written = None if whole else layer.tf_config([place[:3] for place in calls[0]])
        if written is not None:
            return {"name": layer.name, **written}
    return {**_layer_config(layer, calls), "class_name": "Operation"}


def trainable_config(network: Layer) -> dict[str, bool]:
    """What Keras 2 forgets and ignores: that a whole model is frozen. Without it training could not be
    resumed."""
    return {} if network.trainable else {"trainable": False}


def _node_config(node: Node, new_index: dict[tuple[Layer, int], int]) -> list[list[Any]]:
    def place(tensor: Value) -> list[Any]:
        layer, node_index, tensor_index = keras_history(tensor)
        return [layer.name, new_index[layer, node_index], tensor_index]

    arguments = serializable_arguments(node, place)
    return [
        [layer.name, new_index[layer, index], tensor_index, arguments]
        for layer, index, tensor_index in zip(
            node.inbound_layers, node.node_indices, node.tensor_indices, strict=True
        )
    ]


def serializable_arguments(node: Node, place: Callable[[Value], Any]) -> dict[str, Any]:
    """The keyword arguments of a call, without those that a file cannot hold.

    Args:
        place: what stands for a tensor of a layer.
    """
    kept: dict[str, Any] = {}
    for key, value in replace_tensors(node.arguments, place).items():
        if isinstance(value, np.ndarray | np.generic):
            value = value.tolist()
        try:
            json.dumps(value)
        except TypeError:
            warnings.warn(
                f"Layer {node.outbound_layer.name} was passed the argument {key!r}, which cannot be written "
                f"to a file ({type(value).__name__}) and will be missing when the model is loaded.",
                stacklevel=2,
            )
            continue
        kept[key] = value
    return kept


#: Layers of tf.keras's files that belong to a model though no output depends on them.
_ENDS = ("AddLoss", "AddMetric")
#: What makes a layer of an entry in a network's configuration.
_ENTRY = ("class_name", "config", "rules", "masks")


def network_from_config(
    config: dict[str, Any], custom_objects: dict[str, Any] | None = None
) -> tuple[Any, Any, str | None, list[Value]]:
    """Makes the layers of a configuration and calls them on each other.

    Returns:
        inputs, outputs (single ones unpacked), the name, and what AddLoss and AddMetric of tf.keras return,
        which need not lie between inputs and outputs.

    Raises:
        ValueError: if the configuration names an unknown class, or calls refer to what is not in it.
    """
    layers: dict[str, Layer] = {}
    waiting: list[tuple[Layer, Call]] = []
    own = {**get_custom_objects(), **(custom_objects or {})}
    known = {**CLASSES, **(custom_objects or {})}
    for layer_config in config["layers"]:
        layer_config = from_file(layer_config, own)
        layer = deserialize({key: layer_config[key] for key in _ENTRY if key in layer_config}, known)
        name = layer_config.get("name", layer.name)
        if name in layers:
            raise ValueError(f"The configuration has two layers named {name!r}.")
        layers[name] = layer
        waiting.extend((layer, _call_from(call)) for call in layer_config["inbound_nodes"])
    own_counted = all(place.own_counted for _, call in waiting for place in call.places())
    _replay(waiting, layers)

    def tensors(coordinates: Any) -> Any:
        if isinstance(coordinates, dict):
            return {key: tensors(place) for key, place in coordinates.items()}
        if coordinates and isinstance(coordinates[0], str):
            return _tensor_at(layers, Place(*coordinates[:3])._replace(own_counted=own_counted))
        return unpack_singleton([tensors(place) for place in coordinates])

    ends = [
        tensor
        for layer in layers.values()
        if type(layer).__name__ in _ENDS
        for node in layer._inbound_nodes
        for tensor in node.output_tensors
    ]
    return tensors(config["input_layers"]), tensors(config["output_layers"]), config.get("name"), ends


class Place(NamedTuple):
    """Output ``tensor_index`` of the ``node_index``-th node of a layer, as a configuration names a tensor.

    Attributes:
        own_counted: whether node 0 of a nested model is its own inputs, as in Keras 2; Keras 3 counts its
            calls alone.
    """

    layer: str
    node_index: int
    tensor_index: int
    own_counted: bool = True


@dataclass
class Call:
    """One call of a layer in a configuration: arguments, with a Place where a tensor goes."""

    inputs: Any
    arguments: dict[str, Any]

    def places(self) -> list[Place]:
        """The tensors that must exist before the call."""
        found: list[Place] = []
        _replace_places([self.inputs, self.arguments], found.append)
        return found


def _call_from(call: Any) -> Call:
    """A call as Keras 2 writes it, ``[[layer, node, tensor, kwargs], ...]``, or Keras 3, by args and
    kwargs."""
    if isinstance(call, dict):
        args, kwargs = _with_places(call.get("args", [])), _with_places(call.get("kwargs", {}))
        several = len(args) > 1 and all(isinstance(arg, Place) for arg in args)  # attention(query, value)
        if len(args) != 1 and not several:
            raise ValueError(
                f"Layers are called on one argument besides keywords; the configuration has {args}."
            )
        kwargs = {k: v for k, v in kwargs.items() if v is not None}
        return Call(args if several else args[0], kwargs)
    places = [Place(*place[:3]) for place in call]
    arguments = (call[-1][3] if call and len(call[-1]) > 3 else None) or {}
    return Call(unpack_singleton(places), {k: _tensor_argument(v) for k, v in arguments.items()})


def _tensor_argument(value: Any) -> Any:
    """A Place for a tensor among the keyword arguments of tf.keras, ``["layer", node, tensor]``."""
    if isinstance(value, list) and [type(entry) for entry in value] == [str, int, int]:
        return Place(*value)
    return value


def _with_places(value: Any) -> Any:
    """Keras 3's arguments with a Place for each tensor."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        return Place(*value["config"]["keras_history"])._replace(own_counted=False)
    if isinstance(value, dict):
        return {key: _with_places(entry) for key, entry in value.items()}
    return [_with_places(entry) for entry in value] if isinstance(value, list) else value


def _replace_places(value: Any, function: Callable[[Place], Any]) -> Any:
    """The value with ``function(place)`` for each Place in it."""
    if isinstance(value, Place):
        return function(value)
    if isinstance(value, dict):
        return {key: _replace_places(entry, function) for key, entry in value.items()}
    return [_replace_places(entry, function) for entry in value] if isinstance(value, list) else value


def _replay(waiting: list[tuple[Layer, Call]], layers: dict[str, Layer]) -> None:
    """Makes the calls in the order of the file, those whose inputs come later as soon as these exist.

    Raises:
        ValueError: for calls whose inputs never come to exist.
    """
    names = {layer: name for name, layer in layers.items()}
    left: dict[Layer, deque[Call]] = {}  # calls of one layer stay in order, as files refer to them by number
    blocked: dict[str, list[Layer]] = {}  # name of a layer -> those that wait for a call of it
    for layer, call in waiting:
        if layer not in left:
            if _try_call(layer, call, layers) is None:
                continue
        left.setdefault(layer, deque()).append(call)
    ready = deque(left)
    while ready:
        layer = ready.popleft()
        while left[layer]:
            missing = _try_call(layer, left[layer][0], layers)
            if missing is not None:
                blocked.setdefault(missing, []).append(layer)
                break
            left[layer].popleft()
            ready.extend(blocked.pop(names[layer], ()))
    for layer, calls in left.items():
        if calls:
            places = ", ".join(str(list(place[:3])) for place in calls[0].places())
            raise ValueError(
                f"The configuration is not a model: the layer {layer.name!r} is called on {places}, "
                "which nothing in it produces (or which depends on that layer itself)."
            )


def _try_call(layer: Layer, call: Call, layers: dict[str, Layer]) -> str | None:
    """Makes a call; where an input does not exist yet, the name of the layer that is to be called before."""
    places = call.places()
    for place in places:
        if place.layer not in layers:
            raise ValueError(
                f"The layer {layer.name!r} is called on {place.layer!r}, which is not in the configuration."
            )
        if _node_index(layers, place) >= len(layers[place.layer]._inbound_nodes):
            return place.layer
    if places:
        inputs, arguments = _replace_places(
            [call.inputs, call.arguments], lambda place: _tensor_at(layers, place)
        )
        layer(inputs, **arguments)
    return None


def _node_index(layers: dict[str, Layer], place: Place) -> int:
    return place.node_index + (not place.own_counted and _has_own_node(layers[place.layer]))


def _has_own_node(layer: Layer) -> bool:
    """Whether the layer is a model, whose calls Keras 2 counts from 1: 0 are its own inputs and outputs."""
    return hasattr(layer, "_network_nodes")


def _tensor_at(layers: dict[str, Layer], place: Place) -> Value:
    if place.layer not in layers:
        raise ValueError(f"The configuration refers to the layer {place.layer!r}, which is not in it.")
    nodes = layers[place.layer]._inbound_nodes
    index = _node_index(layers, place)
    if index >= len(nodes) or place.tensor_index >= len(nodes[index].output_tensors):
        raise ValueError(
            f"The configuration refers to output {place.tensor_index} of call {place.node_index} of the "
            f"layer {place.layer!r}, which does not exist."
        )
    return nodes[index].output_tensors[place.tensor_index]


__all__ = ["LayerMap", "map_layers", "network_config", "network_from_config"]
