"""Graphs as functions on arrays: the one place where K.function, K.eval and Model.predict come to run.

A graph runs on onnxruntime. A session has its weights folded in ("frozen") and is rebuilt when they changed;
where they are found changed again and again, as in a loop that alternates training and prediction, the
weights become inputs of the session ("live"), which costs more per call and nothing per change. Operators
that onnxruntime lacks (gradients, batch normalisation by batch statistics) make a graph run on PyTorch, and
so do device scopes that put its layers on more than one device.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import kcompile_runtime

from ... import onnx_io
from ...ir import (
    KCOMPILE_DOMAIN,
    Graph,
    Names,
    Parameter,
    Value,
    as_str,
    assign_all,
    changing,
    evaluate_with,
    foreign_nodes,
    read_by,
    steadily,
    unchanging,
)
from ...onnx_io.kernels import FLOAT32_ONLY
from .fixed_scales import rounds, with_fixed_scales

CALLS_TO_FREEZE = 16
"""A live session freezes after so many calls without a change; a frozen one must serve as many."""


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
        self._flat = graph
        if states:
            new = [value for _, value in graph.updates]
            self._flat = graph.with_inputs([*graph.inputs, *states], [*graph.outputs, *new])
        self._parameters = [p for p in self._flat.parameters if p not in states]
        self._torch = not runs_on_onnxruntime(self._flat)
        # onnxruntime's own operators want to see weights when a session is made
        self._foreign = bool(foreign_nodes(self._flat))
        self._rounds = rounds(self._flat)
        self._module: Any = None
        self._lock = threading.Lock()
        self._run: Any = None
        self._versions: tuple[int, ...] = ()
        self._calls = 0
        self._rebuilt = False

    @property
    def has_session(self) -> bool:
        """Whether onnxruntime runs it, not PyTorch."""
        return not self._torch

    def __call__(self, arrays: Sequence[Any] = ()) -> list[np.ndarray]:
        """Runs once.

        Args:
            arrays: one per input of the graph.

        Returns:
            One array per output.

        Raises:
            ValueError: if the number of arrays is wrong, or one does not fit its input.
        """
        arrays = self._checked(arrays)
        if not self._flat.outputs:
            return []
        if self._torch:
            return self._on_torch(arrays)
        if not self._states:
            return steadily(lambda: self.executor().run(arrays))
        with changing():
            results = self.executor().run([*arrays, *(p.storage.array for p in self._states)])
            count = len(self.graph.outputs)
            assign_all(zip(self._states, results[count:], strict=True))
        return results[:count]

    def predict(self, arrays: Sequence[Any], batch_size: int | None = None) -> list[np.ndarray]:
        """Runs over any number of samples, in batches.

        Args:
            arrays: one (samples, ...) per input of the graph.
            batch_size: samples per run; chosen by size by default, all at once where the graph carries
                states.

        Returns:
            One array (samples, ...) per output. States have been carried from batch to batch.

        Raises:
            ValueError: if the number of arrays is wrong, or one does not fit its input.
        """
        if not self._torch and not self._states:
            arrays = self._checked(arrays)
            given = arrays[0] if len(arrays) == 1 else arrays
            results = steadily(lambda: self.executor().predict(given, batch_size))
            return results if isinstance(results, list) else [results]
        arrays = self._checked(arrays)
        samples = len(arrays[0])
        size = batch_size or (samples if self._states else 32) or 1
        parts = [self([a[i : i + size] for a in arrays]) for i in range(0, max(samples, 1), size)]
        return (
            parts[0] if len(parts) == 1 else [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]
        )

    def _checked(self, arrays: Sequence[Any]) -> list[np.ndarray]:
        if len(arrays) != len(self.graph.inputs):
            expected = ", ".join(self._names[: len(self.graph.inputs)]) or "none"
            raise ValueError(f"{len(self.graph.inputs)} inputs expected ({expected}); {len(arrays)} given.")
        return [a if type(a) is np.ndarray and a.dtype != object else _dense(a) for a in arrays]

    def _on_torch(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        from ...torch_bridge import lower, run

        with self._lock:
            if self._module is None:
                self._module, self.mode = lower(self.graph, self._device()), "torch"
        fitting = [_fitting(a, v, n) for a, v, n in zip(arrays, self.graph.inputs, self._names, strict=False)]
        with changing() if self._states else unchanging():
            return list(run(self._module, *fitting, update=True))

    def _device(self) -> Any:
        """Where torch computes what no device scope has placed."""
        if not on_several_devices(self.graph):
            return "cpu"
        from ...torch_bridge.devices import default_device

        return default_device()

    def executor(self) -> kcompile_runtime.Executor:
        """The kcompile_runtime.Executor of the graph, up to date with the weights.

        Ask anew before each use: weights may have changed. States come after the graph's inputs and outputs.

        Raises:
            ValueError: if the graph needs PyTorch.
        """
        if self._torch:
            raise ValueError("this graph has operators that onnxruntime lacks; call it instead.")
        with self._lock:
            return self._current()

    def _current(self) -> Any:
        versions = tuple([p.storage.version for p in self._parameters])
        self._calls += 1
        if self._run is None:
            self._freeze(versions)
        elif versions != self._versions:
            served, self._calls = self._calls - 1, 0
            if self.mode == "live":
                self._refresh(versions)
            elif self._rebuilt and served < CALLS_TO_FREEZE and not (self._foreign or self._rounds):
                self._go_live(versions)
            else:
                self._freeze(versions)
                self._rebuilt = True
        elif self.mode == "live" and self._calls >= CALLS_TO_FREEZE:
            self._freeze(versions)
            self._rebuilt, self._calls = False, 0
        return self._run

    def _freeze(self, versions: tuple[int, ...]) -> None:
        graph = with_fixed_scales(self._flat, numbers_of) if self._rounds else self._flat
        made = onnx_io.build_session_model(graph, weights="external", input_names=self._names)
        self._run = kcompile_runtime.Executor.from_model(made.model, made.initializers)
        self._versions, self.mode = versions, "frozen"

    def _go_live(self, versions: tuple[int, ...]) -> None:
        made = onnx_io.build_session_model(self._flat, weights="inputs", input_names=self._names)
        self._run = kcompile_runtime.LiveExecutor(made.model, made.initializers)
        self._versions, self.mode = versions, "live"

    def _refresh(self, versions: tuple[int, ...]) -> None:
        """Makes a live session see the weights: it reads their storage, current once read."""
        for parameter in self._parameters:
            parameter.storage.array  # noqa: B018
        self._versions = versions


def numbers_of(graph: Graph) -> list[np.ndarray]:
    """The outputs of a graph that reads weights alone."""
    return compile_graph(graph)([])


def numbers(value: Value) -> np.ndarray:
    """The numbers of a value that depends on no input, with the weights as they are, in test mode.

    What is asked for a second time is kept ready to run, for as long as the value lives.

    Returns:
        an array of the caller's own.

    Raises:
        GraphError: if it depends on an input.
    """
    kept = value.__dict__.get("_evaluation")
    run = kept or _evaluation(value)
    result = run()
    if kept is None:
        value.__dict__["_evaluation"] = run if "_evaluation" in value.__dict__ else None
    return result if result.flags.owndata else np.array(result)


def computed_by(values: Sequence[Value], run: Callable[[], list[np.ndarray]]) -> None:
    """Says that ``run`` computes the numbers of values, one array for each, as their graphs do, by something
    that is ready to run."""
    for i, value in enumerate(values):
        value.__dict__["_ready"] = (run, i)


def _evaluation(value: Value) -> Callable[[], np.ndarray]:
    ready = _ready_below(value)
    compiled = None if len(ready) == 1 and ready[0] is value else compile_graph(Graph([value], ready))

    def run() -> np.ndarray:
        results: dict[Any, list[np.ndarray]] = {}
        found = []
        for known in ready:
            source, index = known.__dict__["_ready"]
            if source not in results:
                results[source] = source()
            found.append(results[source][index])
        return found[0] if compiled is None else compiled(found)[0]

    return run


def _ready_below(value: Value) -> list[Value]:
    """The values nearest to a value, among those that it is computed from, that ``computed_by`` knows; none
    where gradients are taken through them."""
    found: dict[Value, None] = {}
    seen: set[Value] = set()
    stack = [value]
    while stack:
        known = stack.pop()
        if known in seen:
            continue
        seen.add(known)
        if "_ready" in known.__dict__:
            found[known] = None
        elif known.node is not None:
            if known.node.op_type == "Gradient":
                return []
            stack.extend(read_by(known.node))
    return list(found)


evaluate_with(numbers)


def _fitting(array: Any, value: Value, name: str) -> np.ndarray:
    array = np.asarray(array)
    if array.dtype != value.dtype:
        array = array.astype(value.dtype)
    fits = (
        value.dims is None
        or len(value.dims) == array.ndim
        and all(not isinstance(d, int) or d == n for d, n in zip(value.dims, array.shape, strict=True))
    )
    if not fits:
        raise ValueError(f"input {name!r}: expected shape {value.shape}, found {array.shape}.")
    return array


def runs_on_onnxruntime(graph: Graph) -> bool:
    """Whether onnxruntime has all operators of the graph, those in bodies too, and one device is enough."""
    return not on_several_devices(graph) and not any(_needs_torch(node) for node in all_nodes(graph))


def on_several_devices(graph: Graph) -> bool:
    """Whether device scopes have put the nodes on more than one device.

    Where none of them named a GPU there is one device; else what is not placed is on the first GPU.
    """
    named = {node.device for node in graph.nodes}
    on_gpus = {device for device in named if device is not None and device.startswith("gpu")}
    return bool(on_gpus) and len({device or "gpu:0" for device in named}) > 1


def all_nodes(graph: Graph) -> Iterator[Any]:
    """The nodes of the graph and of the bodies in it."""
    for node in graph.nodes:
        yield node
        for body in graph.bodies(node).values():
            yield from all_nodes(body)


def _needs_torch(node: Any) -> bool:
    if node.domain == KCOMPILE_DOMAIN:
        return True
    given = {v.dtype.name for v in node.inputs if v is not None}
    if "bfloat16" in given and node.op_type != "Cast":  # most kernels of onnxruntime for CPUs lack it
        return True
    if "float64" in given and node.op_type in FLOAT32_ONLY:
        return True
    return node.op_type == "BatchNormalization" and bool(node.attributes.get("training_mode"))


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, with a number behind those that came before."""
    given = Names()
    return [given.unique(name) for name in names]


def _dense(array: Any) -> np.ndarray:
    array = array.toarray() if hasattr(array, "toarray") else np.asarray(array)
    return as_str(array) if array.dtype == object else array


def as_numbers(array: np.ndarray) -> Any:
    """What sessions of TensorFlow gave: an array, or one of numpy's scalars where there are no axes."""
    return array[()] if array.ndim == 0 else array
