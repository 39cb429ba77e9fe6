"""Versions of the ONNX operator set other than the IR's own, by onnx's version converter."""

from __future__ import annotations

import os
import re

import onnx
from onnx import helper

from .. import ir
from .bodies import all_nodes
from .errors import ExportError

SUPPORTED = range(13, 26)
"""Opset versions that can be asked for. Some operators cannot be converted to the lowest of them."""


def supported_opsets() -> range:
    """Those of ``SUPPORTED`` that the installed onnx knows."""
    return range(SUPPORTED[0], min(SUPPORTED[-1], onnx.defs.onnx_opset_version()) + 1)


def opsets_of(path: str | os.PathLike[str]) -> dict[str, int]:
    """The versions of operator sets that a file asks for, by domain; "" is the standard one.

    Raises:
        OSError: the file cannot be read.
    """
    model = onnx.load(os.fspath(path), load_external_data=False)
    return {"" if i.domain == "ai.onnx" else i.domain: i.version for i in model.opset_import}


def check_opset(opset: int) -> None:
    """
    Raises:
        ExportError: if this opset version is not supported.
    """
    allowed = supported_opsets()
    if isinstance(opset, bool) or not isinstance(opset, int) or opset not in allowed:
        raise ExportError(f"opset should be a version from {allowed[0]} to {allowed[-1]}; got {opset!r}.")


# Operators for which onnx has no way down although their older versions say the same of what we write, with
# the attributes that the older versions lack. They are kept out of the converter's sight.
_UNCHANGED: dict[str, set[str]] = {
    **{
        name: set()
        for name in ("Add", "ConstantOfShape", "CumSum", "Div", "Identity", "Mul", "Pow", "Relu", "Sub")
    },
    "BatchNormalization": {"training_mode"},
    "Pad": set(),
    "Reshape": {"allowzero"},
    "Shape": {"start", "end"},
    "Split": set(),
}
_HIDDEN = "kcompile.unchanged"


def convert_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """The model in another version of the operator set, in the oldest IR version that goes with it.

    Args:
        model: names, metadata and the layers of its nodes are kept.
        opset: a supported version.

    Raises:
        ExportError: if an operator of the model has no counterpart in that version.
    """
    from onnx import shape_inference, version_converter

    layers = {node.name: node.metadata_props for node in model.graph.node}
    source = onnx.ModelProto()
    source.CopyFrom(model)
    if opset < ir.OPSET:
        for node in all_nodes(source.graph.node):
            if _is_unchanged(node):
                node.domain = _HIDDEN
        source.opset_import.add(domain=_HIDDEN, version=1)
    try:
        converted = version_converter.convert_version(source, opset)
    except (RuntimeError, ValueError, shape_inference.InferenceError) as error:
        raise ExportError(
            f"The model cannot be written in opset {opset}: {_explain(str(error), model)}. "
            f"Choose a higher one; {ir.OPSET} always works."
        ) from error
    standard = [entry for entry in converted.opset_import if entry.domain != _HIDDEN]
    del converted.opset_import[:]
    converted.opset_import.extend(standard)
    converted.ir_version = helper.find_min_ir_version_for(standard, ignore_unknown=True)
    for node in all_nodes(converted.graph.node):
        if node.domain == _HIDDEN:
            _reveal(node, opset)
        if not node.metadata_props and node.name in layers:
            node.metadata_props.extend(layers[node.name])
    return converted


def _is_unchanged(node: onnx.NodeProto) -> bool:
    newer = _UNCHANGED.get(node.op_type) if not node.domain else None
    if newer is None or any(a.name in newer and (a.i or a.name == "start") for a in node.attribute):
        return False
    if node.op_type == "Pad":  # axes came with 18, the mode "wrap" with 19
        return len(node.input) < 4 and all(a.s != b"wrap" for a in node.attribute)
    return True


def _reveal(node: onnx.NodeProto, opset: int) -> None:
    node.domain = ""
    if (
        node.op_type == "Split" and opset < 18
    ):  # equal parts, as many as there are outputs, unless told otherwise
        kept = [attribute for attribute in node.attribute if attribute.name != "num_outputs"]
        del node.attribute[:]
        node.attribute.extend(kept)


def _explain(problem: str, model: onnx.ModelProto) -> str:
    """The converter's complaint, with the first node that it is about."""
    match = re.search(r"No Adapter (?:From|To) Version \$?(\d+) for (\w+)", problem)
    if match is None:
        return " ".join(problem.split())[:300]
    nodes = [node.name for node in all_nodes(model.graph.node) if node.op_type == match[2]]
    return f"{match[2]} ({nodes[0] if nodes else 'unnamed'}) cannot be expressed there"
