"""Channels of one tensor brought to like ranges before it is quantised as a whole.

What one layer writes to a channel is divided by a number, by which the next layer multiplies its weights for
that channel: the model computes the same, and a channel of small numbers keeps more of its 8 bits (Nagel et
al., "Data-free quantization through weight equalization and bias correction", 2019; for what normalisation
writes Xiao et al., "SmoothQuant", 2022).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from .running import Runner
from .samples import Samples

#: What passes a positive factor of each channel on.
_HOMOGENEOUS = ("AveragePool", "GlobalAveragePool", "Identity", "LeakyRelu", "MaxPool", "Relu")
_BEFORE = ("Conv", "Gemm", "MatMul", "LayerNormalization")
_AFTER = ("Conv", "Gemm", "MatMul")
_SAMPLES = 32
_SPREAD = 1e3  # factors stay within so much of one another's middle


@dataclass(frozen=True)
class Part:
    """An array of a layer that is scaled by channels.

    Attributes:
        name: of the initializer.
        axis: of the channels.
        repeats: how many of its entries belong to one channel.
    """

    name: str
    axis: int
    repeats: int = 1


@dataclass(frozen=True)
class Pair:
    """Two neighbours.

    Attributes:
        tensor: what lies between them.
        axis: of its channels.
        before: arrays that are divided.
        after: arrays that are multiplied.
    """

    tensor: str
    axis: int
    before: tuple[Part, ...]
    after: tuple[Part, ...]


def equalized(prepared: onnx.ModelProto, samples: Samples) -> onnx.ModelProto | None:
    """The model with like ranges in the channels between its layers; None where it has no such layers.

    Args:
        prepared: the float32 model.
        samples: ranges are taken of a few of them.
    """
    model = unshared(prepared)
    found = pairs(model)
    if not found:
        return None
    ranges = _channel_ranges(prepared, found, samples.subset(_SAMPLES))
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for pair in found:
        factor = _factors(
            ranges[pair.tensor], [numpy_helper.to_array(stored[p.name]) for p in pair.after], pair
        )
        for part in pair.before:
            _multiply(stored[part.name], 1 / factor, part)
        for part in pair.after:
            _multiply(stored[part.name], factor, part)
    return model


def unshared(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which each node has vectors of its own: equal ones, zeros above all, were made one."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    vectors = {i.name: i for i in copy.graph.initializer if len(i.dims) == 1}
    taken: set[str] = set()
    for node in copy.graph.node:
        for i, name in enumerate(node.input):
            if name in vectors and name in taken:
                node.input[i] = f"{name}.{len(taken)}"
                own = copy.graph.initializer.add()
                own.CopyFrom(vectors[name])
                own.name = node.input[i]
            taken.add(node.input[i])
    return copy


def pairs(model: onnx.ModelProto) -> list[Pair]:
    """All neighbours of which the first is read by the second alone."""
    graph = _Graph(model.graph)
    found = []
    for tensor, readers in graph.readers.items():
        if tensor in graph.outputs or any(n.op_type not in _AFTER or n.input[0] != tensor for n in readers):
            continue
        after = [graph.part_after(node) for node in readers]
        before = graph.before(tensor)
        if before and all(after):
            axes = {1 if node.op_type != "MatMul" else -1 for node in readers}
            if len(axes) == 1:
                parts = tuple(part for part in after if part)
                found.append(Pair(tensor, axes.pop(), before, parts))
    return found


class _Graph:
    """Who writes and reads what."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.writer = {output: node for node in graph.node for output in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.outputs = {output.name for output in graph.output}
        uses = Counter(name for node in graph.node for name in node.input)
        self.own = {
            tensor.name: tensor
            for tensor in graph.initializer
            if tensor.data_type == onnx.TensorProto.FLOAT and uses[tensor.name] == 1
        }

    def before(self, tensor: str) -> tuple[Part, ...]:
        """The arrays that make the channels of a tensor; none where that is not known."""
        node = self.writer.get(tensor)
        while node is not None and node.op_type in _HOMOGENEOUS:
            tensor = node.input[0]
            if tensor in self.outputs or len(self.readers[tensor]) != 1:
                return ()
            node = self.writer.get(tensor)
        if node is None:
            return ()
        if node.op_type == "Add":
            return self._biased_matrix(node)
        return self._parts_before(node) if node.op_type in _BEFORE else ()

    def _biased_matrix(self, add: onnx.NodeProto) -> tuple[Part, ...]:
        biases = [name for name in add.input if name in self.own and len(self.own[name].dims) == 1]
        others = [name for name in add.input if name not in biases]
        matrix = self.writer.get(others[0]) if len(biases) == len(others) == 1 else None
        if matrix is None or matrix.op_type != "MatMul" or len(self.readers[others[0]]) != 1:
            return ()
        if others[0] in self.outputs:
            return ()
        parts = self._parts_before(matrix)
        return (*parts, Part(biases[0], 0)) if parts else ()

    def _parts_before(self, node: onnx.NodeProto) -> tuple[Part, ...]:
        arrays = list(node.input[1:])
        if not arrays or any(name not in self.own for name in arrays):
            return ()
        if node.op_type == "MatMul":
            return (Part(arrays[0], 1),) if len(self.own[arrays[0]].dims) == 2 else ()
        if node.op_type == "LayerNormalization":
            last = all(len(self.own[name].dims) == 1 for name in arrays)
            return tuple(Part(name, 0) for name in arrays) if last else ()
        if node.op_type == "Gemm":
            if any(len(self.own[name].dims) != 1 for name in arrays[1:]):
                return ()
            plain = Part(arrays[0], 0 if _attribute(node, "transB", 0) else 1)
            return (plain, *(Part(name, 0) for name in arrays[1:]))
        return tuple(Part(name, 0) for name in arrays)

    def part_after(self, node: onnx.NodeProto) -> Part | None:
        """The array of a reader that its input's channels go into."""
        if len(node.input) < 2 or node.input[1] not in self.own:
            return None
        name, dims = node.input[1], self.own[node.input[1]].dims
        if node.op_type == "MatMul":
            return Part(name, 0) if len(dims) == 2 else None
        if node.op_type == "Gemm":
            return (
                None
                if _attribute(node, "transA", 0)
                else Part(name, 1 if _attribute(node, "transB", 0) else 0)
            )
        group = _attribute(node, "group", 1)
        if group == 1:
            return Part(name, 1)
        return Part(name, 0, dims[0] // group) if dims[1] == 1 else None


def _attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), default)


def _channel_ranges(
    prepared: onnx.ModelProto, found: list[Pair], samples: Samples
) -> Mapping[str, np.ndarray]:
    """The largest magnitude in each channel of the tensors between the pairs."""
    runner = Runner(prepared, [pair.tensor for pair in found])
    largest: dict[str, np.ndarray] = {}
    for arrays in runner.batches(samples):
        for pair, array in zip(found, arrays, strict=True):
            axes = tuple(axis for axis in range(array.ndim) if axis != pair.axis % array.ndim)
            here = np.abs(array).max(axes)
            largest[pair.tensor] = np.maximum(here, largest.get(pair.tensor, here))
    return largest


def _factors(ranges: np.ndarray, weights: list[np.ndarray], pair: Pair) -> np.ndarray:
    """What each channel is divided by: half of its distance (as a power) from the others goes to the weights
    that read it; all of it where these have a scale for each channel anyway."""
    by_channel = all(p.axis == 0 and w.ndim > 2 for p, w in zip(pair.after, weights, strict=True))
    reading = np.max([_by_channel(w, part) for w, part in zip(weights, pair.after, strict=True)], axis=0)
    alive = (ranges > 0) & (reading > 0)
    if not alive.any():
        return np.ones_like(ranges)
    raw = np.where(alive, ranges if by_channel else np.sqrt(ranges / np.where(alive, reading, 1)), 1.0)
    middle = np.exp(np.log(raw[alive]).mean())
    return np.where(alive, np.clip(raw / middle, 1 / _SPREAD, _SPREAD), 1.0).astype(np.float32)


def _by_channel(array: np.ndarray, part: Part) -> np.ndarray:
    """The largest magnitude of the weights that read a channel."""
    magnitude = np.moveaxis(np.abs(array), part.axis, 0)
    flat = magnitude.reshape(len(magnitude), -1).max(1)
    return flat.reshape(-1, part.repeats).max(1)


def _multiply(tensor: onnx.TensorProto, factor: np.ndarray, part: Part) -> None:
    array = numpy_helper.to_array(tensor)
    shape = [1] * array.ndim
    shape[part.axis] = -1
    scaled = array * np.repeat(factor, part.repeats).reshape(shape).astype(array.dtype)
    tensor.CopyFrom(numpy_helper.from_array(scaled, tensor.name))
