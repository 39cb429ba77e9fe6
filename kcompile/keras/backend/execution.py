"""Graphs as functions on arrays: the one place where K.function, K.eval and Model.predict come to run.

A graph runs on onnxruntime. A session has its weights folded in ("frozen") and is rebuilt when they changed; where
they are found changed again and again, as in a loop that alternates training and prediction, the weights
become inputs of the session ("live"), which costs more per call and nothing per change. Operators that onnxruntime
lacks (gradients, batch normalisation by batch statistics) make a graph run on PyTorch.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...ir import KCOMPILE_DOMAIN, Graph, Parameter, Value

CALLS_TO_FREEZE = 16
"""A live session freezes after so many calls without a change; a frozen one that served fewer was rebuilt in vain."""


def compile_graph(graph: Graph, input_names: Sequence[str] | None = None) -> CompiledGraph:
    """A function of arrays for a graph.

    Args:
        graph: what to compute; its updates are written to their parameters after each call.
        input_names: names by which messages call the inputs; the values' own by default.

    Returns:
        A callable that takes a list of arrays, one per graph input, and returns the list of output arrays.
    """
    return CompiledGraph(graph, input_names)


class CompiledGraph:
    """A graph ready to run; made by compile_graph.

    Attributes:
        graph: as given.
        mode: "frozen", "live" or "torch": how the last call ran; None before the first.
    """

    def __init__(self, graph: Graph, input_names: Sequence[str] | None = None) -> None:
        self.graph = graph
        self.mode: str | None = None
        states = [parameter for parameter, _ in graph.updates]
        names = [v.name for v in graph.inputs] if input_names is None else list(input_names)
        self._names = _distinct([*names, *(p.name for p in states)])
        self._states: list[Parameter] = states
        # states are fed and fetched: the graph that runs reads them as inputs and returns their new values
        self._flat = Graph(
            [*graph.outputs, *(new for _, new in graph.updates)],
            [*graph.inputs, *states],
            phase=graph.phase,
            frozen=graph.frozen,
        )
        self._parameters = [p for p in self._flat.parameters if p not in states]
        self._torch = not runs_on_onnxruntime(self._flat)
        self._lock = threading.Lock()
        self._run: Any = None
        self._versions: tuple[int, ...] = ()
        self._weights: dict[str, Parameter] = {}
        self._calls = 0
        self._rebuilt = False

    def __call__(self, arrays: Sequence[Any] = ()) -> list[np.ndarray]:
        """Runs once.

        Raises:
            ValueError: if the number of arrays is wrong, or one does not fit its input.
        """
        if len(arrays) != len(self.graph.inputs):
            expected = ", ".join(self._names[: len(self.graph.inputs)]) or "none"
            raise ValueError(f"{len(self.graph.inputs)} inputs expected ({expected}); {len(arrays)} given.")
        feed = [*(_dense(a) for a in arrays), *(p.storage.array for p in self._states)]
        results = list(self.executor().run(feed))
        count = len(self.graph.outputs)
        for parameter, new in zip(self._states, results[count:], strict=True):
            parameter.assign(new)
        return results[:count]

    def executor(self) -> Any:
        """What runs the graph, up to date with the weights.

        A kcompile_runtime.Executor (or, on PyTorch, an object with its ``run``). Model.predict calls ``predict`` of it;
        ask anew before each use, weights may have changed. States come after the inputs and outputs.
        """
        with self._lock:
            return self._current()

    def _current(self) -> Any:
        versions = tuple([p.storage.version for p in self._parameters])
        self._calls += 1
        if self._torch:
            if self._run is None:
                self.mode = "torch"
                self._run = _TorchRun(self._flat, self._names)
            return self._run
        if self._run is None:
            self._freeze(versions)
        elif versions != self._versions:
            served, self._calls = self._calls - 1, 0
            if self.mode == "live":
                self._refresh(versions)
            elif self._rebuilt and served < CALLS_TO_FREEZE:
                self._go_live(versions)
            else:
                self._freeze(versions)
                self._rebuilt = True
        elif self.mode == "live" and self._calls >= CALLS_TO_FREEZE:
            self._freeze(versions)
            self._rebuilt, self._calls = False, 0
        return self._run

    def _freeze(self, versions: tuple[int, ...]) -> None:
        from kcompile_runtime import Executor

        from ...onnx_io import build_session_model

        made = build_session_model(self._flat, weights="external", input_names=self._names)
        self._run = Executor.from_model(made.model, made.initializers)
        self._versions, self.mode = versions, "frozen"

    def _go_live(self, versions: tuple[int, ...]) -> None:
        from kcompile_runtime import LiveExecutor

        from ...onnx_io import build_session_model

        made = build_session_model(self._flat, weights="inputs", input_names=self._names)
        self._run = LiveExecutor(made.model, made.initializers)
        self._weights = made.parameters
        self._versions, self.mode = versions, "live"

    def _refresh(self, versions: tuple[int, ...]) -> None:
        """Makes a live session see the weights: reading a storage fetches it, and other memory orders are copied."""
        for name, parameter in self._weights.items():
            array = parameter.storage.array
            if not array.flags.c_contiguous:
                self._run.bind(name, np.ascontiguousarray(array))
        self._versions = versions


class _TorchRun:
    """A graph on PyTorch, with the ``run`` of an Executor."""

    def __init__(self, graph: Graph, names: Sequence[str]) -> None:
        from ...torch_bridge import run_graph

        self._graph, self._names, self._call = graph, names, run_graph(graph)

    def run(self, arrays: Sequence[Any]) -> list[np.ndarray]:
        return self._call([_fitting(a, v, n) for a, v, n in zip(arrays, self._graph.inputs, self._names, strict=True)])


def _fitting(array: Any, value: Value, name: str) -> np.ndarray:
    array = np.asarray(array)
    if array.dtype != value.dtype:
        array = array.astype(value.dtype)
    fits = value.shape is None or len(value.shape) == array.ndim and all(
        not isinstance(d, int) or d == n for d, n in zip(value.shape, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"input {name!r}: expected shape {value.shape}, found {array.shape}.")
    return array


def runs_on_onnxruntime(graph: Graph) -> bool:
    """Whether onnxruntime has every operator of the graph, bodies of control flow included."""
    return not any(_needs_torch(node) for node in all_nodes(graph))


def all_nodes(graph: Graph) -> Iterator[Any]:
    """The nodes of the graph and of the bodies in it."""
    for node in graph.nodes:
        yield node
        for body in graph.bodies(node).values():
            yield from all_nodes(body)


def _needs_torch(node: Any) -> bool:
    if node.domain == KCOMPILE_DOMAIN:
        return True
    return node.op_type == "BatchNormalization" and bool(node.attributes.get("training_mode"))


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, with a number behind those that came before."""
    seen: set[str] = set()
    found = []
    for name in names:
        unique, number = name, 1
        while unique in seen:
            unique, number = f"{name}_{number}", number + 1
        seen.add(unique)
        found.append(unique)
    return found


def _dense(array: Any) -> np.ndarray:
    return array.toarray() if hasattr(array, "toarray") else np.asarray(array)
