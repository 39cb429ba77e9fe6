"""Pictures of models by pydot and Graphviz."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from typing import Any

from ...atomic import replacing
from ...optional import optional
from .. import registry, rules
from ..legacy.old_names import answer_old_names
from .layer_utils import _output_shape, model_nodes
from .messages import harmless
from .summary_table import class_title, layers_in_range, shape_title, trains


def _pydot() -> Any:
    with optional("pydot", "Drawing a model"):
        import pydot
    return pydot


def is_model(layer: Any) -> bool:
    """Whether the layer is a model."""
    return registry.is_a(layer, "layer", "Model")


def is_wrapped_model(layer: Any) -> bool:
    """Whether the layer is a Wrapper (TimeDistributed, Bidirectional) around a model."""
    return _is_wrapper(layer) and is_model(layer.layer)


def _is_wrapper(layer: Any) -> bool:
    return registry.is_a(layer, "layer", "Wrapper")


def add_edge(dot: Any, src: str, dst: str) -> None:
    """Add the edge unless it is there."""
    if not dot.get_edge(src, dst):
        dot.add_edge(_pydot().Edge(src, dst))


@rules.with_arguments
def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 96,
    subgraph: bool = False,
    show_dtype: bool = False,
    layer_range: Any = None,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> Any:
    """The model's layers as a ``pydot.Dot`` graph.

    Args:
        model: a Keras model.
        show_shapes: write input and output shapes into the boxes.
        show_layer_names: write the names beside the classes.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: draw the layers of nested models, framed.
        dpi: resolution of the picture.
        subgraph: return a ``pydot.Cluster`` to put into another graph.
        show_dtype: write the types of layers; with one of these four, boxes are as in tf.keras 2.
        layer_range: names, or patterns of names, of the first and the last layer to draw.
        show_layer_activations: write the activations of layers that have one.
        show_trainable: write T for layers that train, NT for others.

    Raises:
        ImportError: pydot is not installed. ValueError: for a ``layer_range`` that names no layers.
    """
    style = _Style(
        show_shapes, show_layer_names, rankdir, expand_nested, dpi,
        show_dtype, show_layer_activations, show_trainable,
    )  # fmt: skip
    return _drawn(model, style, subgraph, layer_range)


@dataclass(frozen=True)
class _Style:
    """What a drawing says of layers, and how it lies."""

    shows_shapes: bool
    shows_names: bool
    direction: str
    expands: bool
    dpi: int
    shows_dtype: bool
    shows_activations: bool
    shows_trainable: bool

    @property
    def said_later(self) -> tuple[bool, bool, bool]:
        """What tf.keras 2 adds to labels."""
        return self.shows_dtype, self.shows_activations, self.shows_trainable

    def label(self, layer: Any, nested: Any, in_range: bool) -> Any:
        """The label of a layer's box; a layer within a range has that of tf.keras 2."""
        if any(self.said_later) or in_range:
            return _later_label(layer, self.shows_shapes, self.shows_names, *self.said_later)
        return _label(layer, self.shows_shapes, self.shows_names, name_inner=nested is None)


def _drawn(model: Any, style: _Style, subgraph: bool, layer_range: Any = None) -> Any:
    pydot = _pydot()
    dot = _empty_cluster(pydot, model) if subgraph else _empty_graph(pydot, style)
    if not getattr(model, "built", True) and type(model).__name__ == "Sequential":
        model.build()
    nodes = model_nodes(model)
    drawn = _drawn_layers(model, nodes) if layer_range is None else layers_in_range(model, layer_range)
    for layer in drawn:
        nested = _nested_model(layer) if style.expands else None
        if nested is not None:
            dot.add_subgraph(_drawn(nested, style, subgraph=True))
        if nested is not layer:
            dot.add_node(pydot.Node(_box(layer), label=style.label(layer, nested, layer_range is not None)))
        if nested is not None and nested is not layer:
            for entry in _entries(nested):
                add_edge(dot, _box(layer), entry)
    kept = None if layer_range is None else {id(layer) for layer in drawn}
    _add_edges(dot, nodes, style.expands, kept)
    return dot


def _empty_cluster(pydot: Any, model: Any) -> Any:
    dot = pydot.Cluster(style="dashed", graph_name=re.sub(r"\W", "_", model.name))
    dot.set("label", _quoted(_text(model.name)))
    dot.set("labeljust", "l")
    return dot


def _empty_graph(pydot: Any, style: _Style) -> Any:
    dot = pydot.Dot()
    dot.set("rankdir", style.direction)
    dot.set("concentrate", True)
    dot.set("dpi", style.dpi)
    dot.set_node_defaults(shape="record")
    return dot


def _add_edges(dot: Any, nodes: list[Any], expands: bool, kept: set[int] | None) -> None:
    """An edge for each tensor that a layer is called on; between the layers with these ids, if not None."""
    for node in nodes:
        layer = node.outbound_layer
        sources = zip(node.inbound_layers, node.tensor_indices, strict=True)
        for position, (inbound, index) in enumerate(sources):
            if kept is not None and not {id(inbound), id(layer)} <= kept:
                continue
            source = _exit(inbound, index) if expands else _box(inbound)
            add_edge(dot, source, _entry(layer, position) if expands else _box(layer))


def _drawn_layers(model: Any, nodes: list[Any]) -> list[Any]:
    """The model's layers, and before them the input layers that Sequential does not list."""
    layers = list(model.layers)
    listed = {id(layer) for layer in layers}
    hidden = {
        id(node.outbound_layer): node.outbound_layer
        for node in nodes
        if id(node.outbound_layer) not in listed
    }
    return [*hidden.values(), *layers]


def _nested_model(layer: Any) -> Any:
    if is_model(layer):
        return layer
    return layer.layer if is_wrapped_model(layer) else None


def _box(layer: Any) -> str:
    return str(id(layer))


def _entries(model: Any) -> list[str]:
    return [_box(tensor._keras_history[0]) for tensor in model.inputs]


def _entry(layer: Any, position: int) -> str:
    """The box that input number ``position`` of a layer leads to; of a nested model, its input layer."""
    if not is_model(layer):
        return _box(layer)
    entries = _entries(layer)
    return entries[min(position, len(entries) - 1)]


def _exit(layer: Any, tensor_index: int) -> str:
    """The box that output number ``tensor_index`` of a layer comes from; of a nested model, a layer in it."""
    nested = _nested_model(layer)
    if nested is None:
        return _box(layer)
    outputs = nested.outputs
    history = outputs[min(tensor_index, len(outputs) - 1)]._keras_history
    return _exit(history[0], history[2])


def _label(layer: Any, show_shapes: bool, show_layer_names: bool, name_inner: bool) -> str:
    name, kind = _text(layer.name), type(layer).__name__
    if name_inner and _is_wrapper(layer):
        name, kind = f"{name}({_text(layer.layer.name)})", f"{kind}({type(layer.layer).__name__})"
    label = f"{name}: {kind}" if show_layer_names else kind
    if not show_shapes:
        return _quoted(label)
    shapes = f"{{{{{_input_shape(layer)}}}|{{{_output_shape(layer)}}}}}"
    return _quoted(f"{label}\n|{{input:|output:}}|{shapes}")


def _later_label(
    layer: Any,
    show_shapes: bool,
    show_layer_names: bool,
    show_dtype: bool,
    activations: bool,
    trainable: bool,
) -> str:
    """What stands in a box of tf.keras 2."""
    name, label = _text(layer.name), class_title(layer)
    if _is_wrapper(layer):
        name, label = f"{name}({_text(layer.layer.name)})", f"{label}({class_title(layer.layer)})"
    activation = getattr(layer, "activation", None)
    if activations and activation is not None:
        label = f"{{{label}|{_text(getattr(activation, '__name__', type(activation).__name__))}}}"
    if show_layer_names:
        label = f"{name}|{label}"
    if show_dtype:
        label = f"{label}|{layer.dtype}"
    if show_shapes:
        inputs, outputs = (shape_title(layer, found) for found in (_input_shape(layer), _output_shape(layer)))
        label = f"{{{label}}}|{{input:|output:}}|{{{{{inputs}}}|{{{outputs}}}}}"
    if trainable:
        label = f"{'T' if trains(layer) else 'NT'}|{label}"
    return _quoted(label)


def _input_shape(layer: Any) -> Any:
    try:
        return layer.input_shape
    except AttributeError:
        return "multiple"


def _text(name: str) -> str:
    """A name as text of a box: none of its characters draws a line, ends a string or names a picture."""
    return re.sub(r'([\\{}|<>"])', r"\\\1", harmless(name))


def _quoted(label: str) -> str:
    """The label as Graphviz's string, where pydot might take it for one already, or for HTML."""
    return f'"{label}"' if re.search(r'[\\<>"]', label) else label


@rules.with_arguments
def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 96,
    show_dtype: bool = False,
    layer_range: Any = None,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> Any:
    """Draw the model into a file; its ending says the format (png by default; dot needs no Graphviz).

    The other arguments are those of ``model_to_dot``.

    Returns:
        In Jupyter the picture as an ``IPython.display.Image``, else None.

    Raises:
        ImportError: pydot is not installed. OSError: Graphviz's ``dot`` is not installed.
    """
    style = _Style(
        show_shapes, show_layer_names, rankdir, expand_nested, dpi,
        show_dtype, show_layer_activations, show_trainable,
    )  # fmt: skip
    dot = _drawn(model, style, False, layer_range)
    path = os.fspath(to_file)
    kind = os.path.splitext(path)[1][1:] or "png"
    if kind in ("dot", "gv"):
        picture = dot.to_string().encode("utf-8")
    else:
        try:
            picture = dot.create(format=kind)
        except FileNotFoundError as error:
            raise OSError(
                "`pydot` failed to call GraphViz. Please install GraphViz "
                "(https://www.graphviz.org/) and ensure "
                f"that its executables are in the $PATH, or write the graph itself to a .dot file. ({error})"
            ) from error
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(picture)
    if kind in ("png", "jpg", "jpeg", "gif") and "IPython" in sys.modules:
        from IPython import display

        return display.Image(filename=path)
    return None


answer_old_names(__name__)
registry.register(globals())
