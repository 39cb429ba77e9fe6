"""Where the time of a training step goes, by the nodes of the graph that it computes."""

from __future__ import annotations

import bisect
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, fx, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.autograd.profiler import profile, record_function

from .training import TrainStep

_STEP, _NODE, _OPTIMIZER = "kcompile step", "kcompile node: ", "kcompile optimizer"
_BACKWARD = "autograd::engine::evaluate_function: "
_SILENT = "6"
OTHER = "(gradients)"
"""Gradients of no single node: sums of several, and those that are kept with the weights."""


@dataclass
class NodeTime:
    """What one operator of the graph took in steps.

    Attributes:
        node: its path; empty for the optimizer.
        forward, backward: seconds of each step for computing it, and its gradients.
        kept: bytes that its forward pass keeps for the backward pass, weights left out.
    """

    node: str
    forward: list[float] = field(default_factory=list)
    backward: list[float] = field(default_factory=list)
    kept: int = 0


def profile_step(step: TrainStep, run: Callable[[], Any], repeats: int) -> list[NodeTime]:
    """The time of a step by the nodes of its graph, and of its optimizer.

    Forward, each node is computed by itself; what autograd computes for it is known by its number in torch's
    profile.

    Args:
        step: that ``run`` takes.
        run: takes one step.
        repeats: how often.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", _SILENT)  # else it says on stderr that it starts and stops
    with _recording(step) as recording:
        with saved_tensors_hooks(recording.keep, lambda tensor: tensor):
            run()
        with profile() as profiled:
            for _ in range(repeats):
                with record_function(_STEP):
                    run()
    times = _by_node(profiled.function_events or ())
    for node, kept in recording.kept.items():
        if node in times:
            times[node].kept = kept
    return list(times.values())


@contextmanager
def _recording(step: TrainStep) -> Iterator[_Recording]:
    """While it lasts, each node of the step's graph and its optimizer are ranges in torch's profile."""
    module, advance, used = step.module, step._advance, step._pass
    recording = _Recording(module)
    step.module = recording  # type: ignore[assignment]  # it is called as the module is
    step._pass = step._differentiated
    if advance is not None:

        def recorded() -> Any:
            with record_function(_OPTIMIZER):
                return advance()

        step._advance = recorded
    try:
        yield recording
    finally:
        step.module, step._advance, step._pass = module, advance, used


class _Recording(fx.Interpreter):
    """Runs a lowered module node by node.

    Attributes:
        meta: the module's.
        kept: bytes that nodes keep for the backward pass, by their paths.
    """

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.meta = module.meta
        self.kept: dict[str, int] = {}
        self._node = ""
        self._seen: set[int] = set()

    def __call__(self, *inputs: Any) -> Any:
        return self.run(*inputs)

    def run_node(self, n: fx.Node) -> Any:
        """The node's result."""
        if n.op in ("placeholder", "get_attr", "output"):
            return super().run_node(n)
        self._node = str(n.meta.get("node", n.name))
        with record_function(_NODE + self._node):
            return super().run_node(n)

    def keep(self, tensor: Tensor) -> Tensor:
        """Counts a tensor that autograd keeps, memory that several share once."""
        storage = tensor.untyped_storage()
        if not isinstance(tensor, nn.Parameter) and storage.data_ptr() not in self._seen:
            self._seen.add(storage.data_ptr())
            self.kept[self._node] = self.kept.get(self._node, 0) + storage.nbytes()
        return tensor


def _by_node(events: Sequence[Any]) -> dict[str, NodeTime]:
    steps = sorted(event.time_range.start for event in events if event.name == _STEP)
    found: dict[str, NodeTime] = {}
    node_of: dict[int, str] = {}

    def add(node: str, way: str, event: Any) -> None:
        times = getattr(found.setdefault(node, NodeTime(node)), way)
        times += [0.0] * (len(steps) - len(times))
        times[bisect.bisect_right(steps, event.time_range.start) - 1] += 1e-6 * event.cpu_time_total

    for event in events:  # in the order of their start: a node's own before autograd's for it
        if event.name.startswith(_NODE):
            add(event.name.removeprefix(_NODE), "forward", event)
        elif event.name == _OPTIMIZER:
            add("", "forward", event)
        elif event.name.startswith(_BACKWARD):
            add(node_of.get(event.sequence_nr, OTHER), "backward", event)
        elif event.sequence_nr >= 0 and (node := _enclosing(event)) is not None:
            node_of[event.sequence_nr] = node
    return found


def _enclosing(event: Any) -> str | None:
    """The node in whose range an event of torch lies."""
    outer = event.cpu_parent
    while outer is not None:
        if outer.name.startswith(_NODE):
            return str(outer.name.removeprefix(_NODE))
        outer = outer.cpu_parent
    return None
