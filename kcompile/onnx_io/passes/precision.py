"""A model in float64 for onnxruntime, which lacks that type in some kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernels import FLOAT32_ONLY

if TYPE_CHECKING:
    import onnx_ir as oir

_NARROW = "/float32"


def compute_in_float32(model: oir.Model) -> None:
    """Puts casts around the operators that onnxruntime has in float32 only; inputs, outputs and weights of
    the model stay float64."""
    import onnx_ir as oir

    for graph in model.graphs():
        narrow: dict[oir.Value, oir.Value] = {}
        for node in list(graph):
            if node.domain or node.op_type not in FLOAT32_ONLY:
                continue
            for i, value in enumerate(node.inputs):
                if value is not None and value.dtype == oir.DataType.DOUBLE:
                    if value not in narrow:
                        narrow[value] = _cast_before(node, value)
                    node.replace_input_with(i, narrow[value])
            for output in node.outputs:
                if output.name and output.dtype == oir.DataType.DOUBLE:
                    narrow[_cast_after(node, output)] = output


def _cast_before(node: oir.Node, value: oir.Value) -> oir.Value:
    """``value`` in float32."""
    import onnx_ir as oir

    cast = oir.node("Cast", [value], {"to": int(oir.DataType.FLOAT)})
    result = cast.outputs[0]
    result.name, result.shape = f"{value.name}{_NARROW}", value.shape
    result.type = oir.TensorType(oir.DataType.FLOAT)
    assert node.graph is not None
    node.graph.insert_before(node, cast)
    return result


def _cast_after(node: oir.Node, output: oir.Value) -> oir.Value:
    """Makes ``output`` float32, and gives its old name and readers to a cast of it, which is returned."""
    import onnx_ir as oir

    graph = node.graph
    assert graph is not None
    readers = list(output.uses())
    cast = oir.node("Cast", [output], {"to": int(oir.DataType.DOUBLE)})
    wide = cast.outputs[0]
    wide.name, wide.type, wide.shape = output.name, output.type, output.shape
    output.name, output.type = f"{output.name}{_NARROW}", oir.TensorType(oir.DataType.FLOAT)
    for reader, i in readers:
        reader.replace_input_with(i, wide)
    for i, value in enumerate(graph.outputs):
        if value is output:
            graph.outputs[i] = wide
    graph.insert_after(node, cast)
    return wide
