"""A network's layer DAG as configuration: written in Keras 2's words, and made anew from them."""

from __future__ import annotations

import json
import warnings
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...ir import Value
from .. import rules
from ..utils.generic_utils import get_custom_objects, unpack_singleton
from ..utils.living import class_name
from ..utils.nested import mapped
from .layer import Layer
from .layer_configs import deserialize
from .node import Node, as_nested, keras_history, replace_tensors
from .operation_layers import CLASSES, OperationLayer, from_file


def network_config(network: Layer) -> dict[str, Any]:
    """The DAG as plain data, in Keras's own form.

    Raises:
        ValueError: if the outputs need a layer that was taken off ``network.layers``.
    """
    check_listed(network)
    places = Places(network)
    layers = []
    for layer in network.layers:
        nodes = places.calls(layer)
        calls = [_node_config(node, places) for node in nodes]
        layers.append(_operation_config(layer, nodes, calls) or _layer_config(layer, calls))
    inputs, outputs = map(places.of, network.inputs), map(places.of, network.outputs)
    return {
        "name": network.name,
        **trainable_config(network),
        "layers": layers,
        "input_layers": as_nested(
            by_key(network._input_keys, network.input_names, list(inputs)), network._input_nesting
        ),
        "output_layers": by_key(network._output_keys, network.output_names, list(outputs)),
    }


class Places:
    """What names a tensor in a network's configuration: ``[layer, node, tensor]``, the nodes of a layer
    counted as far as they belong to the network.

    Args:
        counts_calls_alone: whether node 0 of a network inside is its first call, as in Keras 3, and not its
            own inputs and outputs.
    """

    def __init__(self, network: Layer, counts_calls_alone: bool = False) -> None:
        self._kept = dict.fromkeys(network._network_nodes)
        self._numbers: dict[tuple[Layer, int], int] = {}
        for layer in network.layers:
            kept = [i for i, node in enumerate(layer._inbound_nodes) if node in self._kept]
            first = 0 if counts_calls_alone else layer._first_call
            self._numbers.update({(layer, old): new for new, old in enumerate(kept, first)})

    def of(self, tensor: Value) -> list[Any]:
        """The place of a tensor that a layer made."""
        return self.at(*keras_history(tensor))

    def at(self, layer: Layer, node_index: int, tensor_index: int) -> list[Any]:
        """The place of an output of a layer's node."""
        return [layer.name, self._numbers[layer, node_index], tensor_index]

    def calls(self, layer: Layer) -> list[Node]:
        """The calls of a layer that belong to the network."""
        return [node for node in layer._inbound_nodes if node in self._kept and node.inbound_layers]


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


def by_key(keys: list[str] | None, names: list[str], entries: list[Any]) -> Any:
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


def _node_config(node: Node, places: Places) -> Any:
    arguments = serializable_arguments(node, places.of)
    sources = zip(node.inbound_layers, node.node_indices, node.tensor_indices, strict=True)
    inbound = [places.at(*source) for source in sources]
    if node.nesting is not None:
        return {"inputs": as_nested(inbound, node.nesting), "arguments": arguments}
    return [[*place, arguments] for place in inbound]


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


def called_as_in_keras_3(config: Any) -> bool:
    """Whether a configuration says what its layers were called on as Keras 3's ``get_config`` does."""
    layers = config.get("layers") if isinstance(config, Mapping) else None
    if not isinstance(layers, list):
        return False
    calls = [
        call for layer in layers if isinstance(layer, Mapping) for call in layer.get("inbound_nodes") or ()
    ]
    return any(isinstance(call, Mapping) and "args" in call for call in calls)


def network_from_config(
    config: dict[str, Any], custom_objects: dict[str, Any] | None = None
) -> tuple[Any, Any, str | None, list[Value]]:
    """Makes the layers of a configuration and calls them on each other.

    A call is a list of ``[layer, node, tensor, arguments]``, or ``{"inputs": ..., "arguments": ...}`` where
    the inputs are more than a tensor or a list of several. Node 0 of a network in the configuration is its
    own inputs and outputs, unless ``"counts_calls_alone"`` says that it is the first call.

    Returns:
        inputs, outputs (single ones unpacked), the name, and what AddLoss and AddMetric of tf.keras return,
        which need not lie between inputs and outputs.

    Raises:
        ValueError: if the configuration names an unknown class, or calls refer to what is not in it.
    """
    replay = _Replay(config.get("counts_calls_alone", False))
    own = {**get_custom_objects(), **(custom_objects or {})}
    known = {**CLASSES, **(custom_objects or {})}
    for layer_config in config["layers"]:
        layer_config = from_file(layer_config, own)
        layer = deserialize({key: layer_config[key] for key in _ENTRY if key in layer_config}, known)
        replay.add(layer_config.get("name", layer.name), layer, layer_config["inbound_nodes"])
    replay.run()
    ends = [
        tensor
        for layer in replay.layers.values()
        if type(layer).__name__ in _ENDS
        for node in layer._inbound_nodes
        for tensor in node.output_tensors
    ]
    inputs, outputs = (replay.tensors(config[key]) for key in ("input_layers", "output_layers"))
    return inputs, outputs, config.get("name"), ends


class Place(NamedTuple):
    """Output ``tensor_index`` of the ``node_index``-th node of a layer, as a configuration names a tensor."""

    layer: str
    node_index: int
    tensor_index: int


@dataclass
class Call:
    """One call of a layer in a configuration: arguments, with a Place where a tensor goes."""

    inputs: Any
    arguments: dict[str, Any]

    @classmethod
    def read(cls, call: Any) -> Call:
        """The call that an entry of ``inbound_nodes`` describes."""
        if isinstance(call, dict):
            return cls(_with_places(call["inputs"]), _with_places(call["arguments"]))
        places = [Place(*place[:3]) for place in call]
        arguments = (call[-1][3] if call and len(call[-1]) > 3 else None) or {}
        return cls(unpack_singleton(places), _with_places(arguments))

    def places(self) -> list[Place]:
        """The tensors that must exist before the call."""
        found: list[Place] = []
        _replace_places([self.inputs, self.arguments], found.append)
        return found


def _with_places(value: Any) -> Any:
    """The value with a Place for each ``[layer, node, tensor]`` in it."""
    return mapped(value, lambda entry: Place(*entry) if _names_place(entry) else entry, _names_place)


def _names_place(value: Any) -> bool:
    return isinstance(value, list) and [type(entry) for entry in value] == [str, int, int]


def _replace_places(value: Any, function: Callable[[Place], Any]) -> Any:
    """The value with ``function(place)`` for each Place in it."""
    return mapped(value, lambda entry: function(entry) if _is_place(entry) else entry, _is_place)


def _is_place(value: Any) -> bool:
    return isinstance(value, Place)


class _Replay:
    """The layers of a configuration, and their calls, made in the order of the file, those whose inputs come
    later as soon as these exist.

    Args:
        counts_calls_alone: whether node 0 of a network is its first call.
    """

    def __init__(self, counts_calls_alone: bool) -> None:
        self.layers: dict[str, Layer] = {}
        self._counts_calls_alone = counts_calls_alone
        self._waiting: list[tuple[str, Call]] = []

    def add(self, name: str, layer: Layer, calls: list[Any]) -> None:
        """A layer with its calls."""
        if name in self.layers:
            raise ValueError(f"The configuration has two layers named {name!r}.")
        self.layers[name] = layer
        self._waiting.extend((name, Call.read(call)) for call in calls)

    def run(self) -> None:
        """Makes the calls.

        Raises:
            ValueError: for calls whose inputs never come to exist.
        """
        left: dict[str, deque[Call]] = {}  # calls of one layer stay in order, as files number them
        blocked: dict[str, list[str]] = {}  # name of a layer -> those that wait for a call of it
        for name, call in self._waiting:
            if name not in left and self._try(name, call) is None:
                continue
            left.setdefault(name, deque()).append(call)
        ready = deque(left)
        while ready:
            name = ready.popleft()
            while left[name]:
                missing = self._try(name, left[name][0])
                if missing is not None:
                    blocked.setdefault(missing, []).append(name)
                    break
                left[name].popleft()
                ready.extend(blocked.pop(name, ()))
        for name, calls in left.items():
            if calls:
                places = ", ".join(str(list(place)) for place in calls[0].places())
                raise ValueError(
                    f"The configuration is not a model: the layer {self.layers[name].name!r} is called on "
                    f"{places}, which nothing in it produces (or which depends on that layer itself)."
                )

    def _try(self, name: str, call: Call) -> str | None:
        """Makes a call; where an input does not exist yet, the name of the layer to be called before."""
        layer, places = self.layers[name], call.places()
        for place in places:
            if place.layer not in self.layers:
                raise ValueError(
                    f"The layer {layer.name!r} is called on {place.layer!r}, which is not in the "
                    "configuration."
                )
            if self._node_index(place) >= len(self.layers[place.layer]._inbound_nodes):
                return place.layer
        if places:
            inputs, arguments = _replace_places([call.inputs, call.arguments], self._tensor_at)
            layer(inputs, **arguments)
        return None

    def tensors(self, places: Any) -> Any:
        """The tensors at ``[layer, node, tensor]``, at a list of them (one unpacked), or a dict by name."""
        if isinstance(places, dict):
            return {key: self.tensors(place) for key, place in places.items()}
        if places and isinstance(places[0], str):
            return self._tensor_at(Place(*places[:3]))
        return unpack_singleton([self.tensors(place) for place in places])

    def _node_index(self, place: Place) -> int:
        first = self.layers[place.layer]._first_call if self._counts_calls_alone else 0
        return place.node_index + first

    def _tensor_at(self, place: Place) -> Value:
        if place.layer not in self.layers:
            raise ValueError(f"The configuration refers to the layer {place.layer!r}, which is not in it.")
        nodes, index = self.layers[place.layer]._inbound_nodes, self._node_index(place)
        if index >= len(nodes) or place.tensor_index >= len(nodes[index].output_tensors):
            raise ValueError(
                f"The configuration refers to output {place.tensor_index} of call {place.node_index} of the "
                f"layer {place.layer!r}, which does not exist."
            )
        return nodes[index].output_tensors[place.tensor_index]
