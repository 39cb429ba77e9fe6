"""Which layer an operator is of that onnxruntime runs: its optimisations rename, fuse and add operators."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from .quantizing import layer_of

_CHANNELS = "_nchwc"  # after the name of what a convolution or pooling writes, in onnxruntime's own layout
_MOST_FUSED = 8


class Origins:
    """The nodes of a model, as operators of its optimised form lead back to them.

    Args:
        model: as it is in the file; its weights are not looked at.
        optimized: as onnxruntime runs it.
    """

    def __init__(self, model: onnx.ModelProto, optimized: onnx.ModelProto) -> None:
        self._names = {node.name for node in model.graph.node if node.name}
        self._makers = {name: node for node in model.graph.node for name in node.output if name}
        self._written = {node.name: list(node.output) for node in optimized.graph.node}

    def layer(self, name: str, op_type: str) -> str:
        """The path of the layer of an operator; of one that was fused from several layers' the first's."""
        return layer_of(self._source(name, op_type))

    def _source(self, name: str, op_type: str) -> str:
        plain = name.removeprefix("fused ")
        while plain:
            if plain in self._names:
                return plain
            plain = plain.rpartition("/")[0]
        for written in self._tensors(name):
            maker = self._makers.get(written)
            if maker is not None:
                return self._first(maker, op_type)
        return name

    def _tensors(self, name: str) -> Iterator[str]:
        """What the operator writes, by its name or in the optimised model."""
        yield name.removesuffix(_CHANNELS)
        yield from self._written.get(name, ())

    def _first(self, maker: onnx.NodeProto, op_type: str) -> str:
        """What was fused begins with a node of its own type; where there is none near, it is the last."""
        node = maker
        for _ in range(_MOST_FUSED):
            if node.op_type == op_type:
                return node.name
            before = [self._makers[name] for name in node.input if name in self._makers]
            if not before:
                break
            node = before[0]
        return maker.name
