"""What each layer costs when it alone is computed in fewer bits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from ..progress import report
from .running import Runner
from .samples import Samples
from .scoring import sqnr

_SAMPLES = 8  # the order of layers is the same for more

Make = Callable[[Collection[str]], onnx.ModelProto]
"""A model in fewer bits but for the nodes of these names."""


@dataclass(frozen=True)
class Sensitivity:
    """Of a layer, with all others in float32.

    Attributes:
        layer: its name.
        operators: those of its nodes that have weights.
        sqnr: decibels of its output's numbers over its quantisation noise.
        change: root mean square change of the model's outputs, relative to the outputs themselves.
    """

    layer: str
    operators: tuple[str, ...]
    sqnr: float
    change: float


def sensitivities(
    prepared: onnx.ModelProto,
    layers: Mapping[str, Sequence[onnx.NodeProto]],
    alone: Callable[[Collection[str]], onnx.ModelProto],
    samples: Samples,
) -> list[Sensitivity]:
    """Every layer's, the most sensitive first.

    Args:
        prepared: the float32 model.
        layers: nodes of it by layer.
        alone: the model in which the nodes of these names, and no others, have few bits.
        samples: what it is run on; a few of them are.
    """
    samples = samples.subset(_SAMPLES)
    outputs = [output.name for output in prepared.graph.output]
    last = {layer: next(filter(None, nodes[-1].output)) for layer, nodes in layers.items()}
    names = list(dict.fromkeys([*outputs, *last.values()]))
    expected = dict(zip(names, Runner(prepared, names).outputs(samples), strict=True))
    found = []
    for i, (layer, nodes) in enumerate(layers.items()):
        report("measuring layers", i / len(layers))
        wanted = list(dict.fromkeys([*outputs, last[layer]]))
        runner = Runner(alone([node.name for node in nodes]), wanted)
        got = dict(zip(wanted, runner.outputs(samples), strict=True))
        operators = tuple(dict.fromkeys(node.op_type for node in nodes))
        of_layer = sqnr(expected[last[layer]], got[last[layer]])
        found.append(Sensitivity(layer, operators, of_layer, _change(outputs, expected, got)))
    return sorted(found, key=lambda one: -one.change)


def _change(
    outputs: Sequence[str], expected: Mapping[str, np.ndarray], got: Mapping[str, np.ndarray]
) -> float:
    """The largest relative change of an output; infinite where it is no number."""
    worst = max((-sqnr(expected[name], got[name]) for name in outputs), default=-np.inf)
    return float("inf") if np.isnan(worst) else float(10 ** (worst / 20))


def with_quantized_nodes(
    prepared: onnx.ModelProto, quantized: onnx.ModelProto, names: Collection[str]
) -> onnx.ModelProto:
    """The float32 model in which some nodes alone read what they read in the quantized one: weights and
    activations that went through QuantizeLinear and DequantizeLinear."""
    wanted = set(names)
    model = onnx.ModelProto()
    model.CopyFrom(prepared)
    producers = {output: node for node in quantized.graph.node for output in node.output}
    stored = {initializer.name: initializer for initializer in quantized.graph.initializer}
    readers = {node.name: node for node in quantized.graph.node if node.name in wanted}
    taken: dict[str, str] = {}
    for place in reversed(range(len(model.graph.node))):
        node = model.graph.node[place]
        if node.name not in readers:
            continue
        chain: list[onnx.NodeProto] = []
        for i, name in enumerate(readers[node.name].input):
            if i < len(node.input) and name != node.input[i]:
                node.input[i] = _copied(name, node.input[i], producers, stored, model.graph, chain, taken)
        for added in reversed(chain):
            model.graph.node.insert(place, added)
    return model


def _copied(
    name: str,
    plain: str,
    producers: Mapping[str, onnx.NodeProto],
    stored: Mapping[str, onnx.TensorProto],
    graph: onnx.GraphProto,
    chain: list[onnx.NodeProto],
    taken: dict[str, str],
) -> str:
    """Copies what makes ``name`` of ``plain``, or of integers in the file, and says how it is called here."""
    dequantize = producers.get(name)
    if dequantize is None or dequantize.op_type != "DequantizeLinear":
        return plain
    quantize = producers.get(dequantize.input[0])
    if quantize is None and dequantize.input[0] not in stored:
        return plain
    output = f"{name}.alone.{len(taken)}"
    made = _with_constants(dequantize, stored, graph, taken)
    if quantize is not None:
        first = _with_constants(quantize, stored, graph, taken)
        first.input[0], first.output[0], first.name = plain, f"{output}.integers", f"{output}.quantize"
        made.input[0] = first.output[0]
        chain.append(first)
    made.output[0], made.name = output, f"{output}.dequantize"
    chain.append(made)
    taken[output] = output
    return output


def _with_constants(
    node: onnx.NodeProto,
    stored: Mapping[str, onnx.TensorProto],
    graph: onnx.GraphProto,
    taken: dict[str, str],
) -> onnx.NodeProto:
    """A copy of a node, and copies of the constants that it reads."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    for i, name in enumerate(copy.input):
        if name not in stored:
            continue
        if name not in taken:
            taken[name] = f"{name}.alone.{len(taken)}"
            constant = graph.initializer.add()
            constant.CopyFrom(stored[name])
            constant.name = taken[name]
        copy.input[i] = taken[name]
    return copy
