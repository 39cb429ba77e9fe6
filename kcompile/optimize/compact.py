"""What a quantised file says twice, or need not say, left out: no number that it computes changes.

Beside its integers, a channel needs the scale of its weights and a bias. onnxruntime's tools also write the
scale of the bias, which is that of the weights times that of the input, zero points that are zero, and long
names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from kcompile.ir import Names

from ..onnx_io.bodies import all_bodies, all_nodes
from .quantizing import layer_of

_ROUNDING = ("QuantizeLinear", "DequantizeLinear")
_PRODUCTS = ("Conv", "ConvTranspose", "Gemm")
#: What the tools put before and behind the names of weights: a normalisation is folded in, integers.
_PREFIXES, _SUFFIX = ("ConvBnFusion_BN_B_", "ConvBnFusion_W_"), "_quantized"
_PRODUCT = "_product"  # behind the name of the scale that is computed
_NODE_BYTES = 64
"""A node that computes a scale takes about so many; smaller scales are written."""


def compact(model: onnx.ModelProto) -> None:
    """Makes a quantised model smaller, in place; it computes the very same numbers.

    Zero points of zero are left out where the operator takes them for granted, and so are biases of zero.
    Scales of biases are computed: onnxruntime does so when it loads the file, before it chooses kernels.
    Equal scales and zero points are one. Names of what lies between two layers are short; those of layers and
    of weights stay.
    """
    if any(node.op_type in _ROUNDING for node in model.graph.node):
        nodes = _Compact(model.graph).nodes()
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        _drop_unread(model.graph)
        _shorten_names(model.graph)


class _Compact:
    """The nodes of a graph without zeros, and with scales of biases computed."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self.stored = {tensor.name: tensor for tensor in graph.initializer}
        self.makers = {name: node for node in graph.node for name in node.output if name}

    def nodes(self) -> list[onnx.NodeProto]:
        products: list[onnx.NodeProto] = []
        self._share_scales()
        self._drop_zero_points()
        for node in self.graph.node:
            if node.op_type in _PRODUCTS and len(node.input) == 3:
                products.extend(self._shorter_bias(node))
        return [*products, *self.graph.node]

    def _drop_zero_points(self) -> None:
        """Of biases, and those of each channel, but where onnxruntime's kernel (QGemm) wants as many as there
        are scales. Activations keep theirs, by which onnxruntime finds pairs that vanish."""
        strict = {node.input[1] for node in self.graph.node if node.op_type == "Gemm"}
        for node in _of_constants(self.graph):
            if len(node.input) < 3 or node.output[0] in strict or not self._is_zero(node.input[2]):
                continue
            zeros = self.stored[node.input[2]]
            if zeros.dims or zeros.data_type == onnx.TensorProto.INT32:
                del node.input[2]

    def _share_scales(self) -> None:
        """Equal scales and zero points are one tensor."""
        first: dict[tuple[object, ...], str] = {}
        for node in self.graph.node:
            for i in range(1, len(node.input)) if node.op_type in _ROUNDING else ():
                tensor = self.stored.get(node.input[i])
                if tensor is not None:
                    key = tensor.data_type, tuple(tensor.dims), numpy_helper.to_array(tensor).tobytes()
                    node.input[i] = first.setdefault(key, tensor.name)

    def _is_zero(self, name: str) -> bool:
        return name in self.stored and not numpy_helper.to_array(self.stored[name]).any()

    def _shorter_bias(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """Leaves out a bias of 0; gives what computes the scale of another one."""
        made = [self.makers.get(name) for name in node.input]
        x, weight, bias = (each if each and each.op_type == "DequantizeLinear" else None for each in made)
        if x is None or weight is None or bias is None or bias.input[0] not in self.stored:
            return
        if self.stored[bias.input[0]].data_type != onnx.TensorProto.INT32:
            return
        if self._is_zero(bias.input[0]):
            del node.input[2]
        elif self._is_product(x.input[1], weight.input[1], bias.input[1]):
            bias.input[1] = f"{bias.output[0]}{_PRODUCT}"
            yield helper.make_node("Mul", [x.input[1], weight.input[1]], [bias.input[1]], node.name)

    def _is_product(self, *scales: str) -> bool:
        """Whether the third is what the others give, and takes more space than the node that computes it."""
        if any(name not in self.stored for name in scales):
            return False
        of_x, of_weight, of_bias = (numpy_helper.to_array(self.stored[name]) for name in scales)
        return of_bias.nbytes > _NODE_BYTES and np.array_equal(of_x * of_weight, of_bias)


def _drop_unread(graph: onnx.GraphProto) -> None:
    """Constants that nobody reads any more with their readers, and the types of what constants become: they
    follow from theirs."""
    readers = _of_constants(graph)
    constant = {node.output[0] for node in readers} - {value.name for value in graph.output}
    own = {_plain(node.input[0]) for node in readers}
    unread = constant - _read(graph)
    _remove(graph.node, lambda node: bool(unread.intersection(node.output)))
    read = _read(graph)
    _remove(graph.initializer, lambda tensor: tensor.name not in read)
    _remove(graph.value_info, lambda info: info.name in constant | own)


def _of_constants(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    stored = {tensor.name for tensor in graph.initializer}
    return [node for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in stored]


def _read(graph: onnx.GraphProto) -> set[str]:
    read = {name for node in all_nodes(graph.node) for name in node.input}
    return read.union(value.name for inner in (graph, *all_bodies(graph)) for value in inner.output)


def _remove(field: Any, unwanted: Callable[[Any], bool]) -> None:
    for i in reversed(range(len(field))):
        if unwanted(field[i]):
            del field[i]


def _shorten_names(graph: onnx.GraphProto) -> None:
    """Numbers what lies between layers; weights are called as in the source, and nodes tell their layer."""
    between, given = _between(graph), {value.name for value in graph.input}
    weights = [node.input[0] for node in _of_constants(graph) if node.input[0] not in given]
    names = Names(_names(graph) - {*between, *weights})
    new = {name: names.unique(f"{kind}{i}") for i, (name, kind) in enumerate(between.items())}
    new |= {name: names.unique(_plain(name)) for name in dict.fromkeys(weights)}
    makers = {name: node.name for node in graph.node for name in node.output}
    for node in graph.node:
        read, written = node.input[:1], node.output[0]
        if node.op_type in _ROUNDING:
            layer = layer_of(makers.get(read[0], new.get(read[0], read[0])))
        elif written.endswith(_PRODUCT) and written in new:
            layer = layer_of(node.name)
        else:
            continue
        node.name = makers[written] = names.unique(f"{layer}/{new.get(written, written)}")
    for node in all_nodes(graph.node):
        for field in (node.input, node.output):
            for i, name in enumerate(field):
                field[i] = new.get(name, name)
    for each in (*graph.initializer, *graph.value_info):
        each.name = new.get(each.name, each.name)


def _between(graph: onnx.GraphProto) -> dict[str, str]:
    """What QuantizeLinear and DequantizeLinear read and write beside numbers and weights -> a letter."""
    outer = {value.name for value in (*graph.input, *graph.output)}
    scales = {n.output[0] for n in graph.node if n.op_type == "Mul" and n.output[0].endswith(_PRODUCT)}
    stored = {tensor.name for tensor in graph.initializer}
    found: dict[str, str] = {}
    for node in (node for node in graph.node if node.op_type in _ROUNDING):
        read = zip(node.input[1:], "sz", strict=False)
        found |= {name: kind for name, kind in read if name in stored or name in scales}
        found[node.output[0]] = node.op_type[0].lower()
    return {name: kind for name, kind in found.items() if name not in outer}


def _names(graph: onnx.GraphProto) -> set[str]:
    """All that name a tensor or a node, in bodies too."""
    inner = [value for each in (graph, *all_bodies(graph)) for value in (*each.input, *each.initializer)]
    nodes = list(all_nodes(graph.node))
    return {
        *(value.name for value in inner),
        *(name for node in nodes for name in (node.name, *node.input, *node.output)),
    }


def _plain(name: str) -> str:
    """The name of weights before the tools changed it."""
    name = name.removesuffix(_SUFFIX)
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name
