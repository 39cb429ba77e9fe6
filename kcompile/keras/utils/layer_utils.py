"""Walks over a model's layers: its summary, its source inputs, conversions of its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .. import registry
from .conv_utils import convert_kernel
from .generic_utils import to_list
from .interactive import print_msg
from .summary_table import (
    SummaryTable,
    class_title,
    harmless_lines,
    layers_in_range,
    memory,
    shape_title,
    trains,
)


def count_params(weights: Iterable[Any]) -> int:
    """Number of scalars in the weights, each weight counted once."""
    unique = {id(weight): weight for weight in weights}
    return sum(int(np.prod(tuple(weight.shape), dtype=np.int64)) for weight in unique.values())


def model_nodes(model: Any) -> list[Any]:
    """The layer calls (Node objects) that lead from a functional model's inputs to its outputs.

    Calls of the same layers that belong to other models are left out. Empty for a model without symbolic
    outputs.
    """
    inputs = to_list(getattr(model, "inputs", None) or [], allow_tuple=True)
    outputs = to_list(getattr(model, "outputs", None) or [], allow_tuple=True)
    stop = {id(tensor) for tensor in inputs}
    found: dict[int, Any] = {}
    pending = [tensor for tensor in [*reversed(outputs), *inputs] if hasattr(tensor, "_keras_history")]
    while pending:
        tensor = pending.pop()
        layer, node_index, _ = tensor._keras_history
        node = layer._inbound_nodes[node_index]
        if id(node) in found:
            continue
        found[id(node)] = node
        if id(tensor) not in stop and node.inbound_layers:
            pending.extend(reversed(node.input_tensors))
    return list(found.values())


def connections_among(layer: Any, relevant: set[int]) -> list[tuple[str, int, int]]:
    """``(layer name, node index, tensor index)`` of every tensor that feeds ``layer`` in the calls whose ids
    are ``relevant``."""
    return [
        (inbound.name, node_index, tensor_index)
        for node in layer._inbound_nodes
        if id(node) in relevant
        for inbound, node_index, tensor_index in zip(
            node.inbound_layers, node.node_indices, node.tensor_indices, strict=True
        )
    ]


def _is_chain(model: Any, nodes: list[Any]) -> bool:
    """Whether the calls form one line through layers that are each called once."""
    if type(model).__name__ == "Sequential" or not nodes:
        return True
    producers = [
        (id(layer), index)
        for node in nodes
        for layer, index in zip(node.inbound_layers, node.node_indices, strict=True)
    ]
    starts = sum(1 for node in nodes if not node.inbound_layers)
    relevant = {id(node) for node in nodes}
    shared = any(sum(id(node) in relevant for node in layer._inbound_nodes) > 1 for layer in model.layers)
    one_input_each = all(len(node.inbound_layers) <= 1 for node in nodes)
    return starts <= 1 and not shared and one_input_each and len(set(producers)) == len(producers)


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: list[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> None:
    """Print a table of the model's layers, as Keras 2.3; with one of the last three arguments as tf.keras 2.

    Args:
        model: the model; its layers must be built.
        line_length: width in characters, 65 for a chain of layers, else 98.
        positions: where each column ends, relative (last <= 1) or in characters; by default [.45, .85, 1.]
            for a chain, [.33, .55, .67, 1.] with the column "Connected to".
        print_fn: called with each line, to the standard output by default.
        expand_nested: show the layers of models that are layers, framed.
        show_trainable: add a column that says which layers train.
        layer_range: names, or patterns of names, of the first and the last layer to show.

    Raises:
        ValueError: for a ``layer_range`` that names no layers.
    """
    show = harmless_lines(print_msg if print_fn is None else print_fn)
    if expand_nested or show_trainable or layer_range is not None:
        _print_later_summary(model, line_length, positions, show, expand_nested, show_trainable, layer_range)
        return
    nodes = model_nodes(model)
    chain = _is_chain(model, nodes)
    columns = ["Layer (type)", "Output Shape", "Param #"]
    if chain:
        width, ends = line_length or 65, positions or [0.45, 0.85, 1.0]
    else:
        width, ends = line_length or 98, positions or [0.33, 0.55, 0.67, 1.0]
        columns.append("Connected to")
    if ends[-1] <= 1:
        ends = [int(width * end) for end in ends]

    show(f'Model: "{model.name}"')
    show("_" * width)
    show(_row(columns, ends))
    show("=" * width)
    layers = list(model.layers)
    relevant = {id(node) for node in nodes}
    for i, layer in enumerate(layers):
        fields = [f"{layer.name} ({type(layer).__name__})", _output_shape(layer), layer.count_params()]
        sources = [] if chain else connections_among(layer, relevant)
        first, *others = [f"{name}[{n}][{t}]" for name, n, t in sources] or [""]
        show(_row(fields if chain else [*fields, first], ends))
        for connection in others:
            show(_row(["", "", "", connection], ends))
        show(("=" if i == len(layers) - 1 else "_") * width)
    trainable = count_params(model.trainable_weights)
    frozen = count_params(model.non_trainable_weights)
    show(f"Total params: {trainable + frozen:,}")
    show(f"Trainable params: {trainable:,}")
    show(f"Non-trainable params: {frozen:,}")
    show("_" * width)


def _row(fields: Sequence[Any], ends: Sequence[float]) -> str:
    """A line of the table, whose columns end there."""
    line = ""
    for field, end in zip(fields, ends, strict=False):
        # A field that filled its column gives up its last character to keep the columns apart.
        line = (line[:-1] + " " if line else "") + str(field)
        line = line[: int(end)].ljust(int(end))
    return line


def _print_later_summary(
    model: Any,
    line_length: int | None,
    positions: list[float] | None,
    show: Callable[[str], Any],
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Any,
) -> None:
    """As tf.keras 2 prints it."""
    nodes = model_nodes(model)
    chain, relevant = _is_chain(model, nodes), {id(node) for node in nodes}
    columns = ["Layer (type)", "Output Shape", "Param #", *([] if chain else ["Connected to"])]
    width = line_length or (65 if chain else 98)
    ends = list(positions or ([0.45, 0.85, 1.0] if chain else [0.3, 0.6, 0.7, 1.0]))
    if ends[-1] <= 1:
        ends = [int(width * end) for end in ends]
    if show_trainable:
        width += 11
        ends.append(width)
        columns.append("Trainable")

    def fields(layer: Any) -> list[str]:
        found = [f"{layer.name} ({class_title(layer)})", shape_title(layer, _output_shape(layer))]
        found.append(str(layer.count_params()))
        if not chain:
            found.append(str([f"{name}[{n}][{t}]" for name, n, t in connections_among(layer, relevant)]))
        return [*found, *(["Y" if trains(layer) else "N"] if show_trainable else [])]

    def nested(layer: Any) -> list[Any] | None:
        return list(layer.layers) if expand_nested and getattr(layer, "layers", None) else None

    table = SummaryTable(show, width, [int(end) for end in ends], fields, nested)
    show(f'Model: "{model.name}"')
    show("_" * width)
    table.row(columns)
    show("=" * width)
    table.layers(layers_in_range(model, layer_range))
    show("=" * width)
    every = [*model.trainable_weights, *model.non_trainable_weights]
    for title, weights in (
        ("Total", every),
        ("Trainable", model.trainable_weights),
        ("Non-trainable", model.non_trainable_weights),
    ):
        show(f"{title} params: {count_params(weights)} ({memory(weights)})")
    show("_" * width)


def _output_shape(layer: Any) -> Any:
    try:
        return layer.output_shape
    except AttributeError:  # called never, or with several shapes
        return "multiple"


def convert_all_kernels_in_model(model: Any) -> None:
    """Flip every convolution kernel of the model: from Theano's convention to ours, and back."""
    for layer in model.layers:
        if type(layer).__name__ not in ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"):
            continue
        weights = layer.get_weights()
        weights[0] = convert_kernel(weights[0])
        layer.set_weights(weights)


def convert_dense_weights_data_format(
    dense: Any, previous_feature_map_shape: tuple[int, int, int], target_data_format: str = "channels_first"
) -> None:
    """Reorder the rows of a Dense layer that follows a Flatten, for the other ``data_format``.

    Args:
        dense: the Dense layer.
        previous_feature_map_shape: shape before the Flatten, in the target's format, e.g. (512, 7, 7).
        target_data_format: "channels_first" or "channels_last".

    Raises:
        ValueError: the shape does not fit the layer's kernel, or the format is unknown.
    """
    shape = tuple(previous_feature_map_shape)
    if target_data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            f'target_data_format must be "channels_first" or "channels_last", found {target_data_format!r}.'
        )
    weights = dense.get_weights()
    kernel = weights[0]
    if len(shape) != 3 or int(np.prod(shape)) != kernel.shape[0]:
        raise ValueError(
            f"Layer {dense.name!r} has {kernel.shape[0]} inputs, which is not a feature map of shape {shape}."
        )
    if target_data_format == "channels_first":
        channels, rows, columns = shape
        maps = kernel.reshape(rows, columns, channels, -1).transpose(2, 0, 1, 3)
    else:
        rows, columns, channels = shape
        maps = kernel.reshape(channels, rows, columns, -1).transpose(1, 2, 0, 3)
    weights[0] = np.ascontiguousarray(maps).reshape(kernel.shape)
    dense.set_weights(weights)


def get_source_inputs(tensor: Any, layer: Any = None, node_index: int | None = None) -> Any:
    """The input tensors that are needed to compute ``tensor``.

    Args:
        tensor: output of a layer.
        layer, node_index: the call it comes from; by default told by the tensor.

    Returns:
        List of input tensors, each once; ``tensor`` itself if no layer made it.

    Tensors of any shapes.
    """
    if not hasattr(tensor, "_keras_history"):
        return tensor
    if layer is None or node_index:
        layer, node_index, _ = tensor._keras_history
    if not layer._inbound_nodes:
        return [tensor]
    sources: dict[int, Any] = {}
    pending = [layer._inbound_nodes[node_index or 0]]
    seen = set()
    while pending:  # depth first, without recursion: models may be thousands of layers deep
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if not node.inbound_layers:
            own = node.input_tensors or node.output_tensors
            sources.update((id(source), source) for source in own)
        calls = zip(node.inbound_layers, node.node_indices, strict=True)
        pending.extend(reversed([inbound._inbound_nodes[index] for inbound, index in calls]))
    return list(sources.values())


registry.register(globals())
