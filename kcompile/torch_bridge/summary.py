"""TensorBoard event files through ``torch.utils.tensorboard``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..optional import optional

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class GraphNode(NamedTuple):
    """One box of TensorBoard's graph: its name, what it is, the names it is fed by, its output shape."""

    name: str
    op: str
    inputs: tuple[str, ...]
    shape: tuple[int | None, ...] | None


def summary_writer(log_dir: str) -> SummaryWriter:
    """A ``SummaryWriter`` on ``log_dir``, which is created.

    Raises:
        ImportError: torch or tensorboard is not installed.
    """
    with optional("tensorboard", "The TensorBoard callback"):
        from torch.utils.tensorboard import SummaryWriter
    return SummaryWriter(log_dir)


def summary_metadata() -> Any:
    """An empty ``SummaryMetadata``: which plugin of TensorBoard reads a record, and what it is told.

    Raises:
        ImportError: tensorboard is not installed.
    """
    with optional("tensorboard", "A record's metadata"):
        from tensorboard.compat.proto.summary_pb2 import SummaryMetadata
    return SummaryMetadata()


def summary_message(value: Any = None) -> Any:
    """A ``Summary`` of entries, each a message or a dict of its fields.

    Raises:
        ImportError: tensorboard is not installed.
    """
    with optional("tensorboard", "tf.Summary"):
        from tensorboard.compat.proto.summary_pb2 import Summary
    return Summary(value=value)


def write_tensor(writer: SummaryWriter, tag: str, array: np.ndarray, step: int, metadata: Any) -> None:
    """A tensor for the plugin that its metadata name; text as an array of objects."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.util.tensor_util import make_tensor_proto

    value = Summary.Value(tag=tag, tensor=make_tensor_proto(array), metadata=metadata)
    writer._get_file_writer().add_summary(Summary(value=[value]), step)


def write_histogram(writer: SummaryWriter, tag: str, values: np.ndarray, step: int) -> None:
    """The distribution of the finite values; nothing if there are none (TensorBoard has no bin for NaN)."""
    finite = values[np.isfinite(values)]
    if finite.size:
        writer.add_histogram(tag, finite, step)


def write_graph(writer: SummaryWriter, nodes: Iterable[GraphNode]) -> None:
    """Write a graph of layers for TensorBoard's Graphs page."""
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.config_pb2 import RunMetadata
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.node_def_pb2 import NodeDef
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.versions_pb2 import VersionDef

    def definition(node: GraphNode) -> Any:
        proto = NodeDef(name=node.name, op=node.op, input=list(node.inputs))
        if node.shape is not None:
            dims = [TensorShapeProto.Dim(size=-1 if size is None else size) for size in node.shape]
            shapes = AttrValue.ListValue(shape=[TensorShapeProto(dim=dims)])
            proto.attr["_output_shapes"].CopyFrom(AttrValue(list=shapes))
        return proto

    graph = GraphDef(node=[definition(node) for node in nodes], versions=VersionDef(producer=22))
    writer._get_file_writer().add_graph((graph, RunMetadata()))
