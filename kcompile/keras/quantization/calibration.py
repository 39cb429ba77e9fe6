"""calibrate: the ranges of activations, found on samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...ir import Graph, Parameter, Value, op
from ..backend.execution import compile_graph
from ..training.model import Model
from .quantize_wrapper import QuantizeWrapper
from .ranges import ActivationRange

_BATCH = 32


def calibrate(model: Model, data: Any) -> None:
    """Sets the ranges of a prepared model by what its activations hold on samples, with rounded weights.

    A range is the mean of the least and of the largest numbers of batches of 32. Training goes on from there.

    Args:
        model: what ``prepare`` gave.
        data: an array, a list of them, or a dict by name of input; axis 0 counts samples.

    Raises:
        ValueError: for a model that is not prepared, arrays that are not one for each input, or of different
            numbers of samples, or of none, or that are not finite.
    """
    if not any(isinstance(layer, QuantizeWrapper) for layer in model._flat_layers):
        raise ValueError(f"The model {model.name} has no ranges to set: it is not what prepare() gives.")
    graph = Graph(model.outputs, model.inputs, phase="inference")
    rounded = _rounded_by(graph, _ranges_of(model))
    arrays = _arrays(model, data)
    if not rounded:  # of weights alone
        return
    limits = [limit for x in rounded.values() for limit in _limits(x)]
    found = graph.with_inputs(graph.inputs, limits, _bypassing(graph, rounded))
    run = compile_graph(found, model.input_names)
    batches = np.array([[float(x) for x in run(batch)] for batch in _batches(arrays)])
    for i, its in enumerate(rounded):
        low, high = batches[:, 2 * i : 2 * i + 2].mean(axis=0)
        its.assign(float(low), float(high), len(batches))


def _ranges_of(model: Model) -> dict[Parameter, ActivationRange]:
    """The ranges of a model, each by its weights."""
    found: dict[Parameter, ActivationRange] = {}
    for layer in model._flat_layers:
        if isinstance(layer, QuantizeWrapper):
            for its in layer.activation_ranges:
                found.update(dict.fromkeys(its.weights, its))
    return found


def _rounded_by(graph: Graph, ranges: Mapping[Parameter, ActivationRange]) -> dict[ActivationRange, Value]:
    """What each range rounds in a graph."""
    found: dict[ActivationRange, Value] = {}
    for node in graph.nodes:
        if node.op_type == "QuantizeLinear":
            x, scale, *_ = graph.operands(node)
            assert x is not None and scale is not None
            for weight in Graph([scale]).parameters:
                if weight in ranges:
                    found[ranges[weight]] = x
    return found


def _bypassing(graph: Graph, rounded: Mapping[ActivationRange, Value]) -> dict[Value, Value]:
    """The rounded values, and what is read in their place: the same, not rounded."""
    sources = set(rounded.values())
    found: dict[Value, Value] = {}
    for node in graph.nodes:
        integers = graph.operands(node)[0] if node.op_type == "DequantizeLinear" else None
        if integers is not None and integers.node is not None:
            source = graph.operands(integers.node)[0]
            if source in sources:
                assert source is not None
                found[node.outputs[0]] = source
    return found


def _limits(x: Value) -> tuple[Value, Value]:
    flat = op.Reshape(x, [-1])
    return op.ReduceMin(flat, keepdims=0), op.ReduceMax(flat, keepdims=0)


def _arrays(model: Model, data: Any) -> list[np.ndarray]:
    names = model.input_names
    if isinstance(data, Mapping):
        missing = [name for name in names if name not in data]
        if missing:
            raise ValueError(f"There are no samples for the input {missing[0]!r}; found {', '.join(data)}.")
        given = [data[name] for name in names]
    else:
        given = list(data) if isinstance(data, list | tuple) else [data]
    if len(given) != len(names):
        raise ValueError(
            f"The model {model.name} has the inputs {', '.join(names)}; samples are {len(given)} arrays."
        )
    arrays = [np.asarray(x, value.dtype) for x, value in zip(given, model.inputs, strict=True)]
    counts = {len(array) if array.ndim else 0 for array in arrays}
    if len(counts) != 1 or counts == {0}:
        raise ValueError(
            f"Samples lie on axis 0, as many of each array, at least one; found {sorted(counts)}."
        )
    for name, array in zip(names, arrays, strict=True):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"The samples for {name!r} have numbers that are NaN or infinite.")
    return arrays


def _batches(arrays: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    for start in range(0, len(arrays[0]), _BATCH):
        yield [array[start : start + _BATCH] for array in arrays]
