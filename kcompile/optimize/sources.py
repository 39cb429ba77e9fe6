"""What is optimized: an ONNX model in memory, checked for what it has to be."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import onnx

from .. import onnx_io
from ..formats import detect
from ..onnx_io.bodies import all_nodes
from ..onnx_io.metadata import STATES
from ..onnx_io.reading import opset_of
from .errors import OptimizeError

#: The oldest operator set that has scales by channel.
OLDEST_OPSET = 13

_QUANTIZED = (
    "QLinear",
    "MatMulNBits",
    "MatMulBnb4",
    "GatherBlockQuantized",
    "DynamicQuantize",
    "QAttention",
    "QGemm",
)


def onnx_model(model: Any) -> onnx.ModelProto:
    """A model as ONNX, all its weights in it.

    Args:
        model: an ``onnx.ModelProto``, the path of a .onnx, .keras or .h5 file, or a Keras model.

    Raises:
        OSError, ValueError: the file cannot be read, or is no model.
        kcompile.onnx_io.ExportError: the Keras model cannot be exported.
    """
    if isinstance(model, onnx.ModelProto):
        return model
    if not isinstance(model, str | os.PathLike):
        return exported(model)
    if detect(model) == "onnx":
        return onnx_io.load(model)
    from ..keras.models import load_model

    return exported(load_model(model, compile=False))


def exported(model: Any) -> onnx.ModelProto:
    """A Keras model as ``model.export`` writes it, compared with PyTorch first."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.export(path)
        return onnx_io.load(path)


def check_quantizable(model: onnx.ModelProto) -> None:
    """
    Raises:
        OptimizeError: its weights are no longer float32, or its operator set is too old.
    """
    for node in all_nodes(model.graph.node):
        if node.op_type.startswith(_QUANTIZED) or node.op_type.endswith(
            ("QuantizeLinear", "quantizeLinear", "Integer")
        ):
            raise OptimizeError(
                f"The model is quantized already ({node.op_type} {node.name!r}): take the float32 file that "
                "it was made of."
            )
    types = {i.data_type for i in model.graph.initializer}
    for name in ("FLOAT16", "BFLOAT16"):
        if onnx.TensorProto.DataType.Value(name) in types:
            raise OptimizeError(
                f"The model has weights of {name.lower()} already: take the float32 file that it was made of."
            )
    opset = opset_of(model)
    if opset < OLDEST_OPSET:
        raise OptimizeError(
            f"The model is of opset {opset}, and scales by channel need {OLDEST_OPSET} or more: write it "
            "anew (kcompile compile OLD.onnx -o NEW.onnx)."
        )


def carries_states(model: onnx.ModelProto) -> bool:
    """Whether the model has inputs that the caller carries from run to run."""
    return STATES in onnx_io.get_metadata(model)
