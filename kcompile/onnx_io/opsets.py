"""Versions of the ONNX operator set other than the IR's own, by onnx's version converter."""

from __future__ import annotations

import onnx
from onnx import helper

from .. import ir
from .errors import ExportError

SUPPORTED = range(13, 26)
"""Opset versions that can be asked for. Some operators cannot be converted to the lowest of them."""


def check_opset(opset: int) -> None:
    """
    Raises:
        ExportError: if this opset version is not supported.
    """
    highest = min(SUPPORTED[-1], onnx.defs.onnx_opset_version())
    if isinstance(opset, bool) or not isinstance(opset, int) or not SUPPORTED[0] <= opset <= highest:
        raise ExportError(f"opset should be a version from {SUPPORTED[0]} to {highest}; got {opset!r}.")


def convert_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """The model in another version of the operator set, in the oldest IR version that goes with it.

    Args:
        model: names, metadata and the layers of its nodes are kept.
        opset: a supported version.

    Raises:
        ExportError: if an operator of the model has no counterpart in that version.
    """
    from onnx import version_converter

    try:
        converted = version_converter.convert_version(model, opset)
    except (RuntimeError, ValueError) as error:
        problem = " ".join(str(error).split())
        raise ExportError(
            f"The model cannot be written in opset {opset}: {problem[:300]}. Choose another; {ir.OPSET} always works."
        ) from error
    converted.ir_version = helper.find_min_ir_version_for(list(converted.opset_import), ignore_unknown=True)
    layers = {node.name: node.metadata_props for node in model.graph.node}
    for node in converted.graph.node:
        if not node.metadata_props and node.name in layers:
            node.metadata_props.extend(layers[node.name])
    return converted
