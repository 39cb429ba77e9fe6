"""What a model predicts with: the inputs that it takes, its graph in test mode, and what runs that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ...ir import Graph, Value, steadily
from ..backend.execution import CompiledGraph, compile_graph
from ..core.network import Network
from ..core.node import static_shape
from . import index_checks
from .arrays import ArraySpec


class Predictor:
    """Prediction with the outputs that a model has now; the graph is sliced once, when first asked for.

    Args:
        model: one that is not built yet predicts nothing.

    Attributes:
        outputs: the outputs that it predicts.
        specs: what the arrays for the inputs must be.
        text: what is computed of text among them before the graph runs; None for no text.
    """

    def __init__(self, model: Network) -> None:
        self._model = model
        self.outputs = None if model.outputs is None else list(model.outputs)
        pairs = zip(model._feed_input_names, model._feed_inputs, strict=True) if model.inputs else ()
        self.specs = [ArraySpec(name, static_shape(value), value.dtype) for name, value in pairs]
        self.text = model._text_stage

    @cached_property
    def graph(self) -> Graph:
        """The outputs in test mode, with the states of stateful layers as updates."""
        inputs, replaced = graph_inputs(self._model)
        return Graph(self.outputs, inputs, self._model.state_updates, "inference", replaced=replaced)

    @cached_property
    def compiled(self) -> CompiledGraph:
        """The graph as a function of arrays."""
        return compile_graph(self.graph, self.names)

    @cached_property
    def names(self) -> list[str]:
        """What messages call the inputs of the graph."""
        if self.text is None:
            return [spec.name for spec in self.specs]
        return [value.name if value.node is None else value.node.name for value in self.text.values]

    @cached_property
    def lookups(self) -> list[index_checks.Lookup]:
        """The tables that are looked up by elements of the inputs."""
        return index_checks.find_lookups(self.graph) if self.outputs and self.specs else []

    @cached_property
    def samples_first(self) -> bool:
        """Whether axis 0 of the inputs counts samples; a graph from an ONNX file may have it elsewhere."""
        return all(getattr(layer, "samples_first", True) for layer in self._model.layers)

    @cached_property
    def _is_direct(self) -> bool:
        if (
            len(self.specs) != 1
            or self.text is not None
            or self._model._output_keys
            or self._model._output_nesting
            or not self.samples_first
            or self.graph.updates
        ):
            return False
        if not self.compiled.has_session:
            return False
        # a GPU gives zeros for indices out of range
        return not self.lookups or self.compiled.executor().providers[0] == "CPUExecutionProvider"

    def takes(self, x: Any, batch_size: Any = None) -> bool:
        """Whether ``predict`` computes from a single array as it is what the model's does."""
        if not self._is_direct or type(x) is not np.ndarray or not self.specs[0].fits(x):
            return False
        return batch_size is None or type(batch_size) is int and batch_size > 0 and not self._fixed_size

    @cached_property
    def _fixed_size(self) -> int | None:
        """The number of samples of a batch, where the input fixes it."""
        return (self.specs[0].shape or (None,))[0]

    def predict(self, x: np.ndarray, batch_size: int | None = None) -> Any:
        """The outputs for what it ``takes``: the quick way for few samples."""
        try:
            return steadily(lambda: self.compiled.executor().predict(x, batch_size))
        except RuntimeError:
            self.check_indices([x])
            raise

    def check_indices(self, arrays: Sequence[Any]) -> None:
        """
        Raises:
            IndexRangeError: for an element of the inputs that is beyond a table.
        """
        if self.lookups:
            index_checks.check_inputs(self.lookups, self.names, arrays)


def graph_inputs(model: Network) -> tuple[list[Value], dict[Value, Value]]:
    """The inputs of the model's graph, and what they stand for (``Graph``'s ``replaced``).

    A model's own inputs have a batch axis and others without names; where they go into a graph from an ONNX
    file and nowhere else, they are read by values with the axes that the file names.
    """
    inputs = list(model._graph_inputs)
    nodes = [node for node in model._network_nodes if node.inbound_layers]
    signature = getattr(nodes[0].outbound_layer, "input_signature", None) if len(nodes) == 1 else None
    if signature is None or nodes[0].input_tensors != inputs:
        return inputs, {}
    named = [
        Value(value.dtype, declared.dims, value.name)
        for value, declared in zip(inputs, signature, strict=True)
    ]
    return list(named), dict(zip(inputs, named, strict=True))
