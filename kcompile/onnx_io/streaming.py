"""The bytes of a model in one file, weight after weight, so that they never lie in memory all at once.

A file in the ONNX format is a ``ModelProto`` in protobuf's wire format: each field is a key (number and type)
and a value, and what contains others is preceded by its length. Numbers of fields are those of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import onnx

from kcompile_runtime.wire import varint_bytes

if TYPE_CHECKING:
    import onnx_ir as oir

_MODEL_GRAPH, _GRAPH_INITIALIZER, _TENSOR_RAW_DATA = 7, 5, 9
_LENGTH_DELIMITED = 2


def model_pieces(skeleton: onnx.ModelProto, tensors: Mapping[str, oir.TensorProtocol]) -> Iterator[bytes]:
    """The model with the tensors as its first initializers, in pieces to be written one after the other.

    Args:
        skeleton: the model without them, also as inputs.
        tensors: by name; 2 GB in all at most.
    """
    around = onnx.ModelProto()
    around.CopyFrom(skeleton)
    around.ClearField("graph")
    small = skeleton.graph.SerializeToString()
    heads = {name: _head(name, tensor) for name, tensor in tensors.items()}
    total = len(small) + sum(len(head) + _raw_size(tensors[name]) for name, head in heads.items())
    yield around.SerializeToString() + _key(_MODEL_GRAPH) + varint_bytes(total)
    for name, tensor in tensors.items():
        yield heads[name]
        if _raw_size(tensor):
            yield tensor.tobytes()
    yield small


def _head(name: str, tensor: oir.TensorProtocol) -> bytes:
    """An initializer up to its data; all of it where the data are texts, which have no raw form."""
    import onnx_ir as oir

    if tensor.dtype == oir.DataType.STRING:
        content = oir.serde.serialize_tensor(tensor).SerializeToString()
        return _key(_GRAPH_INITIALIZER) + varint_bytes(len(content)) + content
    proto = onnx.TensorProto(name=name, data_type=int(tensor.dtype), dims=tensor.shape.numpy())
    content = proto.SerializeToString() + _key(_TENSOR_RAW_DATA) + varint_bytes(tensor.nbytes)
    return _key(_GRAPH_INITIALIZER) + varint_bytes(len(content) + tensor.nbytes) + content


def _raw_size(tensor: oir.TensorProtocol) -> int:
    import onnx_ir as oir

    return 0 if tensor.dtype == oir.DataType.STRING else tensor.nbytes


def _key(number: int) -> bytes:
    return varint_bytes(number << 3 | _LENGTH_DELIMITED)
