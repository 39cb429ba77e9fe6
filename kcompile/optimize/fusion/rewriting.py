"""All fusions in their order."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import onnx
import onnx_ir as oir

from ...onnx_io import get_metadata
from ...onnx_io.metadata import CONFIG
from ...onnx_io.passes import count_transposes, fold_constants
from ...onnx_io.passes.transposes import sink_transposes, transposes_to_reshapes
from ...onnx_io.reading import normalized
from .activations import fuse_activations
from .attention import fuse_attention
from .biases import join_biases
from .einsums import einsums_to_products
from .forms import FOLDED, PACKED, SEPARATE, SKIP, STANDARD, THROUGH, WRITTEN, Forms, Target
from .graph_editing import Editor
from .names import CONTRIB
from .normalization import fuse_normalization
from .pads import fold_pads
from .projections import fuse_projections
from .read_steps import compute_read_steps
from .shapes import fold_shapes
from .softmax import fuse_softmax
from .sums import join_sums, keep_sums_apart

_STANDARD_OPSET, _STANDARD_IR = 23, 11
"""Of the first Attention of the standard. What lies between opset 21 and it only takes more types."""


class Rewritten(NamedTuple):
    """A model, and what was done to it.

    Attributes:
        model: the model.
        forms: how what has several forms is written.
        counts: how many operators of each kind stand for several nodes, and what else was done how often.
    """

    model: onnx.ModelProto
    forms: Forms
    counts: dict[str, int]


def rewritten(model: onnx.ModelProto, target: Target, forms: Forms | None = None) -> Rewritten:
    """The model with fused operators; the model itself is not changed.

    Args:
        target: what it is for.
        forms: by default the usual ones there.
    """
    from onnx_ir.passes import common

    forms = Forms.usual(target) if forms is None else forms
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph_model = oir.from_proto(normalized(copy))
    graph_model.graph.opset_imports.setdefault(CONTRIB, 1)
    _infer(graph_model)
    counts: Counter[str] = Counter()
    if forms.constants == FOLDED:
        counts.update(_fold(graph_model, _weights(model)))
    editor = Editor(graph_model.graph)
    counts["pads in convolutions"] = fold_pads(editor)
    einsums_to_products(editor)
    counts["Softmax"] = fuse_softmax(editor)
    counts.update(fuse_normalization(editor))
    counts.update(fuse_activations(editor))
    _infer(graph_model)
    _attend(graph_model, editor, target, forms, counts)
    if forms.sums == SKIP:
        counts.update(join_sums(editor))
    elif forms.sums == SEPARATE:
        counts["sums kept apart"] = keep_sums_apart(editor)
    if forms.biases != WRITTEN:
        counts.update(join_biases(editor))
    common.RemoveUnusedNodesPass()(graph_model)
    _merge_equal(graph_model)
    if forms.transposes != WRITTEN:
        counts["transposes removed"] = _sink(graph_model, forms.transposes == THROUGH)
    return Rewritten(
        oir.to_proto(graph_model), forms, {name: count for name, count in counts.items() if count}
    )


def _attend(model: oir.Model, editor: Editor, target: Target, forms: Forms, counts: Counter[str]) -> None:
    from onnx_ir.passes import common

    standard = forms.attention == STANDARD
    name = "Attention of opset 23" if standard else "MultiHeadAttention"
    if forms.attention != WRITTEN:
        # onnxruntime-web's kernels for WebGPU add nothing to scores; those for WebAssembly are the CPU's
        counts[name] = fuse_attention(editor, biased=target != "web", standard=standard)
    if standard and counts[name]:
        model.graph.opset_imports[""] = _STANDARD_OPSET
        model.ir_version = max(model.ir_version, _STANDARD_IR)
    common.RemoveUnusedNodesPass()(model)
    counts["computed for fewer steps"] = compute_read_steps(editor)
    if forms.attention == PACKED:
        counts["Attention"] = fuse_projections(editor)
        counts[name] -= counts["Attention"]
    common.RemoveUnusedNodesPass()(model)


def _infer(model: oir.Model) -> None:
    from onnx_ir.passes import common

    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.ShapeInferencePass(strict_mode=False)(model)


def _weights(model: onnx.ModelProto) -> set[str]:
    """The names of what a Keras model of the file is made of again; none where it is none."""
    if CONFIG not in get_metadata(model):
        return set()
    return {tensor.name for tensor in model.graph.initializer}


def _fold(model: oir.Model, weights: set[str]) -> dict[str, int]:
    """Computes what is known beforehand; returns how many nodes and shapes that spares."""
    from onnx_ir.passes import common

    before = len(model.graph)
    fold_constants(model, weights)
    shapes = fold_shapes(Editor(model.graph))
    common.RemoveUnusedNodesPass()(model)
    _infer(model)
    return {"nodes folded": before - len(model.graph), "shapes folded": shapes}


def _sink(model: oir.Model, through_channels: bool) -> int:
    """Moves transposes to where they vanish; returns how many fewer there are."""
    from onnx_ir.passes import common

    before = count_transposes(model)
    if not before:
        return 0
    sink_transposes(model, through_channels)
    common.RemoveUnusedNodesPass()(model)
    transposes_to_reshapes(model)
    return before - count_transposes(model)


_DRAWING = frozenset(
    (
        "Bernoulli",
        "Dropout",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    )
)


def _merge_equal(model: oir.Model) -> None:
    """Nodes that compute the same, but for models that draw random numbers: two draws differ."""
    from onnx_ir.passes import common

    if _DRAWING.isdisjoint(node.op_type for node in model.graph.all_nodes()):
        common.CommonSubexpressionEliminationPass()(model)


__all__ = ["Rewritten", "rewritten"]
