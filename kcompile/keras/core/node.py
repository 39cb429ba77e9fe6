"""The layer DAG: one Node per call of a layer, and what a layer says of its calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, cast

from ...ir import Value
from .. import registry, rules
from ..utils.generic_utils import to_list, unpack_singleton
from ..utils.nested import leaves, packed
from .call_frames import CallFrame


class KerasHistory(NamedTuple):
    """Where a tensor comes from: output ``tensor_index`` of the ``node_index``-th call of ``layer``."""

    layer: Any  # a Layer, which stands on this module
    node_index: int
    tensor_index: int


class KerasFields(TypedDict, total=False):
    """What Keras 2 says of its tensors; programs read it as attributes of the tensor."""

    _keras_history: KerasHistory
    _keras_mask: Value | None
    _keras_shape: tuple[int | None, ...] | None
    _uses_learning_phase: bool


def keras_fields(tensor: Value) -> KerasFields:
    """What the front end keeps with a tensor."""
    return cast(KerasFields, tensor.annotations)


def keras_history(tensor: Value) -> KerasHistory:
    """Where a tensor that a layer made comes from."""
    return keras_fields(tensor)["_keras_history"]


class Node:
    """One call of a layer: an edge bundle of the layer DAG.

    Attributes:
        outbound_layer: the layer that was called.
        inbound_layers, node_indices, tensor_indices: where each input tensor comes from.
        input_tensors, output_tensors: values; input_masks, output_masks: values or None.
        input_shapes, output_shapes: static shapes with None for unknown sizes.
        arguments: keyword arguments of the call.
        nesting: how ``call`` takes the inputs, None for each, where they are a nest; else None.
        updates, losses, metrics: what was added during the call.
        inference_updates: what the call assigned to in prediction, too.
    """

    def __init__(
        self,
        outbound_layer: CalledLayer,
        input_tensors: list[Value],
        output_tensors: list[Value],
        input_masks: list[Value | None],
        output_masks: list[Value | None],
        arguments: dict[str, Any] | None = None,
        frame: CallFrame | None = None,
        nesting: Any = None,
    ) -> None:
        frame = frame or CallFrame()
        self.outbound_layer = outbound_layer
        self.input_tensors = input_tensors
        self.output_tensors = output_tensors
        self.input_masks = input_masks
        self.output_masks = output_masks
        self.arguments = arguments or {}
        self.nesting = nesting
        self.updates, self.losses, self.metrics = frame.updates, frame.losses, frame.metrics
        self.inference_updates = frame.inference_updates
        histories = [keras_history(tensor) for tensor in input_tensors]
        self.inbound_layers = [h.layer for h in histories]
        self.node_indices = [h.node_index for h in histories]
        self.tensor_indices = [h.tensor_index for h in histories]
        for layer in dict.fromkeys(self.inbound_layers):
            layer._outbound_nodes.append(self)
        index = len(outbound_layer._inbound_nodes)
        outbound_layer._inbound_nodes.append(self)
        annotate(output_tensors, output_masks, input_tensors)
        for i, tensor in enumerate(output_tensors):
            keras_fields(tensor)["_keras_history"] = KerasHistory(outbound_layer, index, i)

    @classmethod
    def own(cls, layer: CalledLayer, inputs: list[Value], outputs: list[Value]) -> Node:
        """What an input layer or a network has before any call: its own tensors, whose history stays as it
        is."""
        node = cls.__new__(cls)
        node.outbound_layer = layer
        node.inbound_layers, node.node_indices, node.tensor_indices = [], [], []
        node.input_tensors, node.output_tensors = list(inputs), list(outputs)
        node.input_masks = [getattr(tensor, "_keras_mask", None) for tensor in inputs]
        node.output_masks = [getattr(tensor, "_keras_mask", None) for tensor in outputs]
        node.arguments, node.nesting = {}, None
        node.updates, node.losses, node.metrics, node.inference_updates = [], [], [], []
        return node

    @property
    def inbound_nodes(self) -> list[Node]:
        """The calls that made the input tensors, in the order of the inputs."""
        return [
            layer._inbound_nodes[i] for layer, i in zip(self.inbound_layers, self.node_indices, strict=True)
        ]

    @property
    def keyword_tensors(self) -> list[Value]:
        """The tensors of layers among the keyword arguments, a mask or a scale, in their order."""
        found: list[Value] = []
        replace_tensors(self.arguments, lambda tensor: found.append(tensor))
        return found

    @property
    def input_shapes(self) -> list[tuple[int | None, ...] | None]:
        """Static shapes of the inputs."""
        return [static_shape(tensor) for tensor in self.input_tensors]

    @property
    def output_shapes(self) -> list[tuple[int | None, ...] | None]:
        """Static shapes of the outputs."""
        return [static_shape(tensor) for tensor in self.output_tensors]

    def get_config(self) -> dict[str, Any]:
        """Names and indices in place of layers."""
        return {
            "outbound_layer": self.outbound_layer.name,
            "inbound_layers": [layer.name for layer in self.inbound_layers],
            "node_indices": self.node_indices,
            "tensor_indices": self.tensor_indices,
        }


@dataclass(frozen=True, eq=False)
class UnrecordedCall:
    """A layer's call on tensors that no layer made: it becomes a Node if a Model is made of its outputs."""

    layer: CalledLayer
    inputs: list[Value]
    outputs: list[Value]
    input_masks: list[Value | None]
    output_masks: list[Value | None]
    arguments: dict[str, Any]
    frame: CallFrame
    nesting: Any = None

    @property
    def origins(self) -> list[Value]:
        """The tensors that it was called on, those among its other arguments included."""
        among = tensors_in(self.arguments) + unlayered_in(self.arguments)
        return list(dict.fromkeys([*self.inputs, *among]))

    def record(self) -> None:
        """Makes the Node."""
        self.layer._unrecorded_calls = [call for call in self.layer._unrecorded_calls if call is not self]
        masks = self.input_masks, self.output_masks
        Node(self.layer, self.inputs, self.outputs, *masks, self.arguments, self.frame, self.nesting)


class OldName:
    """An attribute as Keras 2.0 and 2.1 called it, which has been private since.

    What a program sets under that name is its own.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else getattr(owner, self._name)


def _at_a_call(attribute: str, what: str, doc: str) -> Callable[[CalledLayer, int], Any]:
    """A method: what the node of a call has, by the call's number."""

    def read(self: CalledLayer, node_index: int) -> Any:
        return self._get_node_attribute_at_index(node_index, attribute, what)

    read.__name__ = f"get_{what.replace(' ', '_')}_at"
    read.__qualname__ = f"Layer.{read.__name__}"
    read.__doc__ = f"{doc} of the node_index-th call."
    return read


def _where_called_once(attribute: str, what: str, doc: str) -> Any:
    """A property: what the node of the only call has."""
    return property(
        lambda self: self._of_the_only_call(attribute, what), doc=f"{doc}, where the layer was called once."
    )


class CalledLayer:
    """A layer as its nodes know it: inputs and outputs by the number of the call, or as attributes.

    ``get_..._at`` raises RuntimeError for a layer that was never called and ValueError for a call that it has
    not; the attributes raise AttributeError where there is no answer or more than one.
    """

    name: str
    _inbound_nodes: list[Node]
    _outbound_nodes: list[Node]
    _unrecorded_calls: list[UnrecordedCall]
    #: The number of the node of the first call: a network between tensors has one before that.
    _first_call = 0

    if TYPE_CHECKING:  # layers keep weights and arguments as attributes of any name

        def __getattr__(self, name: str) -> Any: ...

    def _get_node_attribute_at_index(self, node_index: int, attribute: str, what: str) -> Any:
        if not self._inbound_nodes:
            raise RuntimeError(f"The layer {self.name} has never been called and thus has no defined {what}.")
        if node_index >= len(self._inbound_nodes):
            raise ValueError(
                f"Asked to get {what} of {self.name} at node {node_index}, "
                f"but the layer has only {len(self._inbound_nodes)} inbound nodes."
            )
        return unpack_singleton(list(getattr(self._inbound_nodes[node_index], attribute)))

    def _of_the_only_call(self, attribute: str, what: str) -> Any:
        if len(self._inbound_nodes) > 1:
            raise AttributeError(
                f'Layer {self.name} has multiple inbound nodes, hence the notion of "layer {what}" is '
                f"ill-defined. Use get_{what.replace(' ', '_')}_at(node_index) instead."
            )
        if not self._inbound_nodes:
            raise AttributeError(f"Layer {self.name} has no inbound nodes: it has never been called.")
        return self._get_node_attribute_at_index(0, attribute, what)

    get_input_at = _at_a_call("input_tensors", "input", "Input tensor(s)")
    get_output_at = _at_a_call("output_tensors", "output", "Output tensor(s)")
    get_input_mask_at = _at_a_call("input_masks", "input mask", "Mask(s) of the inputs")
    get_output_mask_at = _at_a_call("output_masks", "output mask", "Mask(s) of the outputs")
    get_input_shape_at = _at_a_call("input_shapes", "input shape", "Shape(s) of the inputs")
    get_output_shape_at = _at_a_call("output_shapes", "output shape", "Shape(s) of the outputs")
    input = _where_called_once("input_tensors", "input", "Input tensor(s)")
    output = _where_called_once("output_tensors", "output", "Output tensor(s)")
    input_mask = _where_called_once("input_masks", "input mask", "Mask(s) of the inputs")
    output_mask = _where_called_once("output_masks", "output mask", "Mask(s) of the outputs")

    @property
    def input_shape(self) -> Any:
        """Shape(s) of the inputs, where all calls agree."""
        return self._common_shape("input_shapes", "input shape")

    @property
    def output_shape(self) -> Any:
        """Shape(s) of the outputs, where all calls agree."""
        return self._common_shape("output_shapes", "output shape")

    def _common_shape(self, attribute: str, what: str) -> Any:
        if not self._inbound_nodes:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined {what}."
            )
        found = [getattr(node, attribute) for node in self._inbound_nodes]
        if any(shapes != found[0] for shapes in found):
            raise AttributeError(
                f"The layer {self.name} has multiple inbound nodes with different {what}s; "
                f"use get_{what.replace(' ', '_')}_at(node_index)."
            )
        return unpack_singleton(list(found[0]))


def flat_outputs(outputs: Any, layer: Any) -> Any:
    """What ``call`` returned as a tensor or a list of them: those of lists within lists one after the other,
    and those of a dict in the order of its keys, as tf.keras and Keras 3 count them.

    Raises:
        ValueError: for keys that are no text, or entries that are no tensors.
    """
    if isinstance(outputs, list | tuple):
        return [tensor for entry in outputs for tensor in to_list(flat_outputs(entry, layer))]
    if not isinstance(outputs, dict):
        return outputs
    for key, value in outputs.items():
        is_nest = isinstance(value, list | tuple | dict) and bool(value)
        if not isinstance(key, str) or not (is_nest or isinstance(value, Value)):
            raise ValueError(
                f"{type(layer).__name__}.call of {layer.name!r} returned a dict whose entry {key!r} is "
                f"{type(value).__name__}; tensors by name were expected."
            )
    return [x for key in sorted(outputs) for x in to_list(flat_outputs(outputs[key], layer))]


def as_nested(entries: Any, nesting: Any) -> Any:
    """One entry for each input of a call, nested as ``call`` takes them; a list where it takes no nest."""
    return entries if nesting is None else packed(nesting, iter(to_list(entries)))


def nested_outputs(like: Any, tensors: Sequence[Value], layer: Any) -> Any:
    """Tensors, flat, as the caller of a layer gets them: nested as what ``call`` returned, ``like``.

    A plain list or tuple becomes a list, and the tensor itself where it holds one; not so of layers that
    users write, by tf.keras's rules.
    """
    if rules.of_layer(layer).keeps_nests and not registry.is_built_in(type(layer)):
        return packed(like, iter(tensors))
    is_plain = isinstance(like, list | tuple) and not any(isinstance(x, list | tuple | dict) for x in like)
    return unpack_singleton(list(tensors)) if is_plain else packed(like, iter(tensors))


def tensors_in(value: Any) -> list[Value]:
    """The tensors of layers in arguments, lists and dicts included."""
    found: list[Value] = []
    replace_tensors(value, found.append)
    return found


def unlayered_in(value: Any) -> list[Value]:
    """The tensors in arguments that no layer made, but come from what layers made."""
    if isinstance(value, Value):
        return [value] if not hasattr(value, "_keras_history") and _comes_from_layers(value) else []
    if isinstance(value, dict):
        value = list(value.values())
    return [x for entry in value for x in unlayered_in(entry)] if type(value) in (list, tuple) else []


def _comes_from_layers(value: Value) -> bool:
    seen, stack = {value}, [value]
    while stack:
        value = stack.pop()
        if hasattr(value, "_keras_history"):
            return True
        call = value.annotations.get("_unrecorded_call")
        read = call.inputs if call is not None else value.node.inputs if value.node is not None else ()
        for x in read:
            if x is not None and x not in seen:
                seen.add(x)
                stack.append(x)
    return False


def flat_masks(mask: Any, outputs: int) -> list[Any]:
    """What ``compute_mask`` returned as the mask of each output: a single one is that of all, and of lists
    within lists the masks count one after the other, as tf.keras counts them.

    Args:
        outputs: how many there are; masks beyond them are left out.
    """
    if not isinstance(mask, list | tuple):
        return [mask] * outputs
    found = leaves(mask)
    return [*found, *[None] * (outputs - len(found))][:outputs]


def replace_tensors(value: Any, function: Callable[[Value], Any]) -> Any:
    """Arguments with ``function(tensor)`` for each tensor of a layer in them, lists and dicts included."""
    if isinstance(value, Value):
        return function(value) if hasattr(value, "_keras_history") else value
    if isinstance(value, dict):
        return {key: replace_tensors(entry, function) for key, entry in value.items()}
    if type(value) in (list, tuple):
        return type(value)(replace_tensors(entry, function) for entry in value)
    return value


def same_tensors(some: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether two lists are of the very same tensors."""
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def annotate(outputs: Sequence[Value], masks: Sequence[Value | None], inputs: Sequence[Value]) -> None:
    """Says of outputs what Keras 2 says of its tensors: mask, shape, whether training makes a difference."""
    differs = any(getattr(x, "_uses_learning_phase", False) for x in inputs) or reaches_phase(outputs, inputs)
    for tensor, mask in zip_longest(outputs, masks[: len(outputs)]):  # a layer may give fewer masks
        fields = keras_fields(tensor)
        fields["_keras_mask"] = mask
        fields["_keras_shape"] = static_shape(tensor)
        fields["_uses_learning_phase"] = differs


def reaches_phase(outputs: Sequence[Value], inputs: Sequence[Value] = ()) -> bool:
    """Whether something between inputs and outputs differs between training and test."""
    given = {id(value) for value in inputs}
    seen: set[int] = set()
    stack = list(outputs)
    while stack:
        value = stack.pop()
        node = value.node
        if node is None or id(value) in given or id(node) in seen:
            continue
        if node.op_type == "Phase":
            return True
        seen.add(id(node))
        stack.extend(operand for operand in node.inputs if operand is not None)
    return False


def static_shape(value: Value) -> tuple[int | None, ...] | None:
    """The shape as Keras shows it: symbols are None; None for an unknown rank."""
    return value.shape


registry.register(globals())
