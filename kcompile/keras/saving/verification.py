"""The proof that an exported file computes what its model does."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx

from kcompile_runtime import Executor

from ...ir import Graph, OperatorError
from ...onnx_io import ExportError, export
from ...onnx_io.comparing import Comparison, compare, difference, rounding_difference
from ...onnx_io.draws import Draws, DrawsError
from ..core.network import Network

_ROUNDING_INSIDE = 32
"""A model rounds at every operator, its inputs are rounded once."""


def verify_export(
    name: str,
    output_names: Sequence[str],
    graph: Graph,
    exported: str,
    tolerance: float,
    first_difference: Callable[[list[np.ndarray], float], str] | None = None,
) -> bool:
    """Compares onnxruntime on the exported file with the torch bridge on the graph.

    Random numbers that the model draws at inference are drawn once and given to both.

    Args:
        name, output_names: what messages call the model and its outputs.
        graph: what the file was made of.
        exported: path of the file.
        tolerance: largest difference allowed, relative to the largest value of an output; more where the
            graph computes in float16, whose last bit counts for so much.
        first_difference: says of inputs in which layer the difference arises.

    Returns:
        whether anything was compared; where not, a warning has said why.

    Raises:
        ExportError: naming the first layer whose output differs.
    """
    if importlib.util.find_spec("torch") is None:
        _warn("torch is not installed (pip install 'kcompile[train]')")
        return False
    try:
        draws = Draws(graph)
        reference = _Reference(graph, draws)
        executor = _executor_of_draws(exported, draws) if draws else Executor(exported)
    except (DrawsError, OperatorError) as error:  # the bridge has not all that onnxruntime has
        _warn(str(error))
        return False
    names = [info.name for info in executor.inputs] + [state.input for state in executor.states]

    def candidate(arrays: list[np.ndarray]) -> Sequence[np.ndarray]:
        if not draws:
            executor.reset_states()
            return executor.run(arrays)
        # what is drawn has an axis 0 that counts no samples: past the Executor's checks
        feed = dict(zip(names, [*arrays, *reference.drawn, *reference.zeros], strict=True))
        return executor.session.run([info.name for info in executor.outputs], feed)

    result = compare([graph], reference, candidate, same_draws=True)
    if result.failed is not None:
        raise ExportError(
            f"The exported model does not run where {name} does: {result.failed} Nothing was written."
        )
    if result.reason:
        _warn(result.reason)
        return False
    tolerance = max(tolerance, _ROUNDING_INSIDE * _last_bit(graph))
    if (bad := _first_wrong(result, tolerance, None if draws else reference)) is not None:
        culprit = ""
        if first_difference is not None and not draws:
            culprit = first_difference(result.inputs[bad], tolerance) + " "
        raise ExportError(
            f"The exported model differs from {name}: output {output_names[bad]!r} by "
            f"{result.worst[bad]:.2g} relative to its largest value (allowed {tolerance:.2g}). {culprit}"
            "Nothing was written."
        )
    blind = [name for name, value in zip(output_names, result.worst, strict=True) if value is None]
    if blind:
        _warn(f"on all inputs tried there is no number, only NaN, in the output {', '.join(blind)}")
    return len(blind) < len(result.worst)


def _first_wrong(result: Comparison, tolerance: float, reference: _Reference | None) -> int | None:
    """The first output that differs by more than is allowed; what rounding explains by a second run of the
    reference does not count, unless there is none: two runs that draw differ by more."""
    bad = (i for i, value in enumerate(result.worst) if value is not None and not value <= tolerance)
    if reference is not None:
        bad = (i for i in bad if not _is_rounding(result.worst[i], reference, result.inputs[i], i))
    return next(bad, None)


def _is_rounding(value: float | None, reference: _Reference, inputs: list[np.ndarray], output: int) -> bool:
    """Whether the last bits of the inputs alone move the output nearly as far."""
    return value is not None and value <= _ROUNDING_INSIDE * rounding_difference(reference, inputs)[output]


def _last_bit(graph: Graph) -> float:
    """What the last bit counts for in 1, in the narrowest type of numbers with a fraction."""
    types = {output.dtype for node in graph.nodes for output in node.outputs}
    return max((float(np.finfo(dtype).eps) for dtype in types if dtype.kind == "f"), default=0.0)


def _warn(reason: str) -> None:
    warnings.warn(f"The exported file is checked but not compared with the model: {reason}.", stacklevel=5)


class _Reference:
    """Runs the graph by PyTorch, from zero states (as the file starts, whatever the model stands at).

    Attributes:
        drawn: the random numbers of the last run, in the order of ``draws.given``.
        zeros: the states.
    """

    def __init__(self, graph: Graph, draws: Draws) -> None:
        from ...torch_bridge import lower

        states = [p for p, _ in graph.updates]
        inputs = [*graph.inputs, *states]
        given = graph.with_inputs([*inputs, *draws.given], replaced=draws.replaced)
        self.drawn: list[np.ndarray] = []
        self.zeros = [np.zeros(p.shape, p.dtype) for p in states]
        self._module = lower(given, placement=None)
        self._source = lower(graph.with_inputs(inputs, draws.samples), placement=None) if draws else None

    def __call__(self, arrays: list[np.ndarray]) -> Sequence[np.ndarray]:
        from ...torch_bridge import run

        arrays = [*arrays, *self.zeros]
        self.drawn = [] if self._source is None else list(run(self._source, *arrays))
        return run(self._module, *arrays, *self.drawn)


def _executor_of_draws(exported: str, draws: Draws) -> Any:
    """The exported file with its random numbers as inputs; its weights stay where they are."""
    model = onnx.load(exported, load_external_data=False)
    draws.as_inputs(model)
    path = f"{exported}.draws"
    try:
        with open(path, "wb") as file:
            file.write(model.SerializeToString())
        return Executor(path)
    finally:
        if os.path.exists(path):
            os.unlink(path)


def first_difference(model: Network, inputs: list[np.ndarray], tolerance: float) -> str:
    """A sentence that names the first layer, in the order of computation, whose output differs."""
    from ...torch_bridge import lower, run

    for node in model._network_nodes:
        if not node.inbound_layers:
            continue
        graph = Graph(node.output_tensors, model._feed_inputs, phase="inference", silent=True)
        names = [f"output_{i}" for i in range(len(node.output_tensors))]
        proto = export(graph, input_names=model._feed_input_names, output_names=names, check=False)
        assert proto is not None
        found = Executor(proto.SerializeToString()).run(inputs)
        expected = run(lower(graph), *inputs)
        if any(not difference(a, b) <= tolerance for a, b in zip(expected, found, strict=True)):
            layer = node.outbound_layer
            return f"The first layer that differs is {layer.name!r} ({type(layer).__name__})."
    return "Layer by layer there is no difference, so it arises between them."
