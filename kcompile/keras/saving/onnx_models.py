"""Models of anyone's ONNX graphs."""

from __future__ import annotations

from typing import Any

from ...ir import Names
from ...onnx_io import FormatError
from ..core.input_layer import Input
from ..layers.onnx_graph import ONNXGraph, file_name
from ..training.model import Model
from ..utils.generic_utils import unpack_singleton


def model_from_graph(graph: Any, name: str | None = None, external_data: bool | None = None) -> Any:
    """A model of one ``ONNXGraph`` layer, with the graph's own inputs.

    Raises:
        kcompile.onnx_io.FormatError: for a graph without inputs or outputs, or with an input of unknown rank,
            which a Keras model cannot have.
    """
    layer = ONNXGraph(graph, external_data=external_data, name="graph")
    names = Names(["graph"])
    inputs: list[Any] = []
    if not layer.input_signature or not layer._template.outputs:
        missing = "outputs" if layer.input_signature else "inputs"
        raise FormatError(f"The ONNX graph has no {missing}: a Keras model computes outputs from inputs.")
    for value in layer.input_signature:
        if value.shape is None:
            raise FormatError(
                f"The input {value.name!r} of the ONNX graph has no known number of axes; a Keras model's "
                "inputs have one. Call an ONNXGraph layer on values of your own instead."
            )
        shape = [size if isinstance(size, int) else None for size in value.shape]
        unique = names.unique(file_name(value.name))
        inputs.append(Input(batch_shape=shape, dtype=value.dtype.name, name=unique))
    return Model(inputs, layer(unpack_singleton(list(inputs))), name=name)
