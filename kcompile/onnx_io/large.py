"""Models in memory of more than protobuf serializes: their size, and as what onnxruntime reads."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import onnx.shape_inference
from onnx import helper

from .reading import _tensors
from .saving import save_model, save_with_data
from .writing import MAX_INLINE_BYTES

_MUCH = 1 << 20
LIMIT = MAX_INLINE_BYTES
"""Bytes from which on weights go to a file of their own."""


def size_of(model: onnx.ModelProto) -> int:
    """Bytes of a model with its weights; of a large one without those of the names of its tensors."""
    weights = sum(_bytes_of(tensor) for tensor in _tensors(model))
    if weights <= LIMIT:
        return model.ByteSize()
    graph = model.graph
    others = [*graph.node, *graph.value_info, *graph.input, *graph.output, *model.metadata_props]
    return weights + sum(part.ByteSize() for part in others)


def is_large(model: onnx.ModelProto) -> bool:
    """Whether the model cannot be serialized in one piece."""
    return size_of(model) > LIMIT


def save(model: onnx.ModelProto, path: str | os.PathLike[str]) -> None:
    """Saves a model as a whole or not at all, the weights of a large one in a second file.

    Raises:
        FileNotFoundError, IsADirectoryError, OSError: as for ``save_model``.
    """
    if not is_large(model):
        save_model(model, path)
        return
    import onnx_ir as oir

    save_with_data(oir.from_proto(model), path)


@contextmanager
def readable(model: onnx.ModelProto) -> Iterator[bytes | str]:
    """What onnxruntime makes a session of: bytes, or the path of a file that is there for as long."""
    if not is_large(model):
        yield model.SerializeToString()
        return
    # on Windows the files that a session has open cannot be removed
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "model.onnx"
        save(model, path)
        yield str(path)


def without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of the same types and shapes, in which weights of more than a MiB are zeros that ConstantOfShape
    makes: for whoever looks at the graph alone."""
    graph = onnx.GraphProto(name=model.graph.name)
    for field in ("input", "output", "value_info"):
        getattr(graph, field).extend(getattr(model.graph, field))
    for tensor in model.graph.initializer:
        if _bytes_of(tensor) <= _MUCH or tensor.data_type != onnx.TensorProto.FLOAT:
            graph.initializer.append(tensor)
            continue
        shape = f"{tensor.name}/shape"
        graph.initializer.append(
            helper.make_tensor(shape, onnx.TensorProto.INT64, [len(tensor.dims)], tensor.dims)
        )
        graph.node.append(helper.make_node("ConstantOfShape", [shape], [tensor.name], f"{tensor.name}/zeros"))
    graph.node.extend(model.graph.node)
    made = onnx.ModelProto(graph=graph, ir_version=model.ir_version)
    made.opset_import.extend(model.opset_import)
    made.functions.extend(model.functions)
    made.metadata_props.extend(model.metadata_props)
    return made


def with_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the types and shapes of what lies between its nodes."""
    if not is_large(model):
        return onnx.shape_inference.infer_shapes(model)
    import onnx_ir as oir
    from onnx_ir.passes import common

    inferred = oir.from_proto(model)
    common.ShapeInferencePass(strict_mode=False)(inferred)
    return oir.to_proto(inferred)


def _bytes_of(tensor: onnx.TensorProto) -> int:
    if tensor.HasField("raw_data"):
        return len(tensor.raw_data)
    return (
        4 * (len(tensor.float_data) + len(tensor.int32_data))
        + 8 * (len(tensor.double_data) + len(tensor.int64_data) + len(tensor.uint64_data))
        + sum(map(len, tensor.string_data))
    )


__all__ = ["is_large", "readable", "save", "size_of", "with_shapes", "without_weights"]
