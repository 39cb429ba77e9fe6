"""All fusions in their order."""

from __future__ import annotations

from collections import Counter
from typing import Literal, get_args

import onnx
import onnx_ir as oir

from ...onnx_io.reading import normalized
from .activations import fuse_activations
from .attention import CONTRIB, fuse_attention
from .einsums import einsums_to_products
from .graph_editing import Editor
from .normalization import fuse_normalization
from .projections import fuse_projections
from .read_steps import compute_read_steps
from .softmax import fuse_softmax

Target = Literal["cpu", "cuda", "web"]
TARGETS: tuple[str, ...] = get_args(Target)


def rewritten(model: onnx.ModelProto, target: Target) -> tuple[onnx.ModelProto, dict[str, int]]:
    """The model with fused operators, and how many of each there are; the model itself is not changed."""
    from onnx_ir.passes import common

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph_model = oir.from_proto(normalized(copy))
    _infer(graph_model)
    editor = Editor(graph_model.graph)
    counts: Counter[str] = Counter()
    einsums_to_products(editor)
    counts["Softmax"] = fuse_softmax(editor)
    counts.update(fuse_normalization(editor))
    counts.update(fuse_activations(editor))
    _infer(graph_model)
    # onnxruntime-web's kernels for WebGPU add nothing to scores; those for WebAssembly are the CPU's
    counts["MultiHeadAttention"] = fuse_attention(editor, biased=target != "web")
    common.RemoveUnusedNodesPass()(graph_model)
    counts["computed for fewer steps"] = compute_read_steps(editor)
    counts["Attention"] = fuse_projections(editor)
    counts["MultiHeadAttention"] -= counts["Attention"]
    common.RemoveUnusedNodesPass()(graph_model)
    _merge_equal(graph_model)
    graph_model.graph.opset_imports.setdefault(CONTRIB, 1)
    return oir.to_proto(graph_model), {name: count for name, count in counts.items() if count}


def _infer(model: oir.Model) -> None:
    from onnx_ir.passes import common

    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.ShapeInferencePass(strict_mode=False)(model)


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


__all__ = ["TARGETS", "Target", "rewritten"]
