"""Passes over a model before it is written. They work on onnx_ir's model, in place.

Ours are those that know about Keras and onnxruntime: transposes.py, reshapes.py, layout.py, precision.py,
integers.py. The others are onnx_ir's own.
No weight is merged with another of equal value, and BatchNormalization is never fused into its neighbours,
unless they are products of integers; then it stays in the file beside. A file must be able to come back as
the model that it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx_ir as oir

# Two of these are two draws, also where their inputs are equal.
_RANDOM = {"Bernoulli", "Dropout"}


def count_transposes(model: oir.Model) -> int:
    """How many Transposes of computed tensors the main graph has; those of constants run once."""
    return sum(n.op_type == "Transpose" and not _is_initializer(n.inputs[0]) for n in model.graph)


def stops_at_channels(model: oir.Model) -> bool:
    """Whether transposes could be sunk further by ``Sinking.THROUGH_CHANNELS``."""
    from .transposes import stops_at_channels

    return stops_at_channels(model)


def _is_initializer(value: oir.Value | None) -> bool:
    return value is not None and value.const_value is not None


class Sinking(IntEnum):
    """How far transposes are sunk."""

    NOT = 0
    PLAIN = 1
    THROUGH_CHANNELS = 2  # operators that mix channels are rewritten for the other layout


def optimize(model: oir.Model, weights: Iterable[str], sinking: Sinking = Sinking.PLAIN) -> dict[str, Any]:
    """Merges equal nodes and reshapes, sinks transposes, folds the layout of weights, removes what is unused.

    Args:
        model: with ``const_value`` for every initializer.
        weights: names of the initializers that are weights.
        sinking: of transposes.

    Returns:
        how weights were laid out, for the metadata entry ``kcompile.weights`` (see layout.py).
    """
    from onnx_ir.passes import common

    from .integers import store_integers
    from .layout import fold_layout
    from .precision import compute_in_float32
    from .reshapes import merge_reshapes
    from .transposes import sink_transposes, transposes_to_reshapes

    def merge() -> None:
        if all(node.op_type not in _RANDOM for node in model.graph.all_nodes()):
            common.CommonSubexpressionEliminationPass()(model)

    fold_constants(model, set(weights))
    merge()
    merge_reshapes(model)
    if sinking:
        sink_transposes(model, through_channels=sinking is Sinking.THROUGH_CHANNELS)
    common.RemoveUnusedNodesPass()(model)
    merge()
    layouts = fold_layout(model, weights)
    transposes_to_reshapes(model)
    merge_reshapes(model)
    compute_in_float32(model)
    common.RemoveUnusedNodesPass()(model)
    store_integers(model, set(weights), layouts)
    _tell_outputs_apart(model)
    return layouts


def _tell_outputs_apart(model: oir.Model) -> None:
    """Gives each output of a body a value of its own: onnxruntime loses a state that shares it."""
    import onnx_ir as oir

    for graph in model.graphs():
        if graph is model.graph:
            continue
        seen: set[oir.Value] = set()
        for i, value in enumerate(graph.outputs):
            if value in seen:
                copied = oir.node("Identity", [value])
                copied.outputs[0].name = f"{value.name}/output_{i}"
                copied.outputs[0].type, copied.outputs[0].shape = value.type, value.shape
                graph.append(copied)
                graph.outputs[i] = copied.outputs[0]
            seen.add(value)


def fold_constants(model: oir.Model, weights: set[str]) -> None:
    """Computes what depends on constants and known sizes only; weights stay as they are, whatever reads them.

    Args:
        weights: names of the initializers that are weights.

    onnxscript is imported only where there is something of the kind.
    """

    def is_constant(value: oir.Value | None) -> bool:
        return value is None or (_is_initializer(value) and value.name not in weights)

    def should_fold(node: oir.Node) -> bool | None:
        """None leaves it to the folder, which looks at the sizes of inputs."""
        return None if all(map(is_constant, node.inputs)) and not _grows(node) else False

    nodes = list(model.graph)
    if not any(
        node.op_type == "Shape" or (node.inputs and all(map(is_constant, node.inputs))) for node in nodes
    ):
        return
    from onnx_ir.passes import common
    from onnxscript import optimizer

    optimizer.fold_constants(model, should_fold=should_fold)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    _remove_identities(model)


# The folder computes before it looks at the size of what it got.
_MAX_FOLDED_ELEMENTS = 512 * 512
_MAY_GROW = frozenset(
    "AffineGrid BlackmanWindow CenterCropPad Col2Im ConstantOfShape Expand EyeLike Gather GatherND "
    "HammingWindow HannWindow MaxUnpool MelWeightMatrix OneHot Pad Range Resize Tile Upsample".split()
)


def _grows(node: oir.Node) -> bool:
    """Whether the result may be larger than what is worth storing, as far as shapes tell."""
    for output in node.outputs:
        if output.shape is not None and output.shape.is_static():
            if math.prod(output.shape.numpy()) > _MAX_FOLDED_ELEMENTS:
                return True
        elif node.op_type in _MAY_GROW:
            return True
    return False


def _remove_identities(model: oir.Model) -> None:
    """Lets what reads an Identity read its input.

    An output of a graph keeps its Identity unless the graph itself computes the input, and returns it once:
    a value of the graph around cannot become the output of two branches, nor a weight take its name.
    """
    for node in list(model.graph.all_nodes()):
        if node.op_type != "Identity" or node.domain or node.inputs[0] is None:
            continue
        source, output = node.inputs[0], node.outputs[0]
        if output.is_graph_output():
            maker = source.producer()
            if maker is None or maker.graph is not node.graph or source.is_graph_output():
                continue
            source.name, output.name = output.name, None
        if source.shape is None:
            source.shape = output.shape
        output.replace_all_uses_with(source, replace_graph_outputs=True)
        assert node.graph is not None
        node.graph.remove(node, safe=True)


__all__ = ["Sinking", "count_transposes", "fold_constants", "optimize", "stops_at_channels"]
