"""Passes over a model before it is written. They work on onnx_ir's model, in place.

Ours are those that know about Keras and onnxruntime: transposes.py, reshapes.py, layout.py, precision.py. The
others are onnx_ir's own.
BatchNormalization is never fused into its neighbours, and no weight is merged with another of equal value:
a file must be able to come back as the model that it was.
"""

from __future__ import annotations

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

    from .layout import fold_layout
    from .precision import compute_in_float32
    from .reshapes import merge_reshapes
    from .transposes import sink_transposes, transposes_to_reshapes

    def merge() -> None:
        if all(node.op_type not in _RANDOM for node in model.graph.all_nodes()):
            common.CommonSubexpressionEliminationPass()(model)

    _fold_constants(model, set(weights))
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


def _fold_constants(model: oir.Model, weights: set[str]) -> None:
    """Computes what depends on constants and known sizes only; weights stay as they are, whatever reads them.

    onnxscript is imported only where there is something of the kind.
    """

    def is_constant(value: oir.Value | None) -> bool:
        return value is None or (_is_initializer(value) and value.name not in weights)

    nodes = list(model.graph)
    if not any(
        node.op_type == "Shape" or (node.inputs and all(map(is_constant, node.inputs))) for node in nodes
    ):
        return
    from onnx_ir.passes import common
    from onnxscript import optimizer

    optimizer.fold_constants(
        model, should_fold=lambda node: None if all(map(is_constant, node.inputs)) else False
    )
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    makers = [value.producer() for value in model.graph.outputs]
    # an Identity that makes a weight an output stays: without it the weight would take the output's name
    if not any(node and node.op_type == "Identity" and _is_initializer(node.inputs[0]) for node in makers):
        common.IdentityEliminationPass()(model)


__all__ = ["Sinking", "count_transposes", "optimize", "stops_at_channels"]
