"""Steps that users write, in several processes: each computes the whole graph on its shard of a batch and
puts together with the others what ``partition`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from ...ir import Graph, Parameter, changing
from .. import weights
from ..arrays import torch_dtype
from ..lowered_modules import apply_updates, refresh
from ..training import place
from .collectives import gathered
from .divided_lowering import lower_divided
from .launched import broadcast, join
from .packing import PackedGraph, pack, unpack
from .partition import divides
from .pool import Pool
from .pooled import PooledStep
from .splitting import ranges


@dataclass(frozen=True)
class Part:
    """Which samples of a batch a process has.

    Attributes:
        first: number of the first.
        rows: how many; 0 where one is computed that does not count.
        samples: how many the batch has.
    """

    first: int
    rows: int
    samples: int


def parts(
    tensors: Sequence[Tensor], world: int, among: Sequence[bool] | None = None
) -> list[tuple[Part, list[Tensor]]]:
    """Each process's part of a batch.

    Args:
        among: for each tensor whether it is divided by its first axis; all if nothing is said.

    Raises:
        ValueError: where those have no axis, no samples, or different numbers of them.
    """
    among = [True] * len(tensors) if among is None else among
    divided = [x for x, is_divided in zip(tensors, among, strict=True) if is_divided]
    sizes = {x.shape[0] if x.ndim else None for x in divided}
    samples = sizes.pop() if len(sizes) == 1 else None
    if not samples:
        shapes = ", ".join(str(tuple(x.shape)) for x in divided)
        raise ValueError(
            f"A batch is divided over {world} devices by the first axis, which all its tensors must have of "
            f"one size, at least 1; their shapes are {shapes}."
        )
    found = []
    for start, stop in ranges(samples, world):
        rows = slice(start, stop) if stop > start else slice(0, 1)
        own = [x[rows] if is_divided else x for x, is_divided in zip(tensors, among, strict=True)]
        found.append((Part(start, stop - start, samples), own))
    return found


class DividedStep:
    """One process's part of a step.

    Args:
        graph: outputs and updates of the whole step.
        device: where this process computes.
        rank: of this process in the default group of torch.distributed, which must exist.
    """

    def __init__(self, graph: Graph, device: torch.device | str, rank: int) -> None:
        self.device = weights.canonical_device(device)
        self.module, self._partition, self._share = lower_divided(graph, self.device, rank)
        self._divided = [self._partition.is_divided(graph.resolve(value)) for value in graph.outputs]

    def __call__(self, part: Part, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The outputs for the whole batch; updates are applied."""
        refresh(self.module)
        self._share.value = part.rows / part.samples
        with torch.no_grad():
            results = self.module(*tensors)
            outputs = tuple(
                gathered(x, part.first, part.rows, part.samples) if divided else x.detach().clone()
                for x, divided in zip(results, self._divided, strict=False)
            )
        with changing():
            apply_updates(self.module, results[len(outputs) :])
        return outputs


@dataclass(frozen=True)
class PackedStep:
    """A graph for another process, with what optimizers read beside it."""

    graph: PackedGraph

    def made(self, parameters: Mapping[int, Parameter], device: str, rank: int) -> DividedStep:
        """The step over the parameters of this process."""
        return DividedStep(unpack(self.graph, parameters.__getitem__), device, rank)


class PoolOwnStep(PooledStep):
    """A step that users write, its batch divided over devices of this machine; called as ``OwnStep`` is.

    Args:
        graph: outputs and updates.
        devices: torch's names; the first is this process's, each other one gets a worker process.
    """

    def __init__(self, graph: Graph, devices: Sequence[str]) -> None:
        self._graph = graph
        self._among = [divides(value) for value in graph.inputs]
        super().__init__(devices, graph.inputs, _parameters(graph))

    @property
    def module(self) -> fx.GraphModule:
        """What this process computes."""
        self._ready()
        module: fx.GraphModule = self._own.module
        return module

    def _shards(self, tensors: list[Tensor]) -> list[tuple[Any, list[Tensor]]]:
        return [*parts(tensors, len(self.devices), self._among)]

    def _sent(self, pool: Pool) -> DividedStep:
        numbered = {pool.number_of(parameter): parameter for parameter in self._parameters}
        step = PackedStep(pack(self._graph, pool.number_of))
        pool.send("program", self._key, step)
        with pool.watched():  # of the same data, so that all put things together in the same order
            return step.made(numbered, self.devices[0], 0)


class LaunchedOwnStep:
    """A step that users write on a batch that every process of torchrun has, of which each computes its part.

    Args:
        graph: outputs and updates.
        rank, world: this process, and how many there are.
    """

    def __init__(self, graph: Graph, rank: int, world: int) -> None:
        self.rank, self.world = rank, world
        self._dtypes = [torch_dtype(value.dtype) for value in graph.inputs]
        self._among = [divides(value) for value in graph.inputs]
        device = join(rank, world)
        broadcast(_parameters(graph), rank, device)
        self._step = DividedStep(graph, device, rank)
        self.module = self._step.module

    def __call__(self, *inputs: Any) -> tuple[Tensor, ...]:
        """The outputs for the whole batch; the same in all processes."""
        part, own = parts([torch.as_tensor(x) for x in inputs], self.world, self._among)[self.rank]
        device = self._step.device
        return self._step(part, [place(x, device, t) for x, t in zip(own, self._dtypes, strict=True)])


def divided_step(devices: Sequence[str], launch: Any = None) -> Callable[[Graph], Any]:
    """What makes steps for these devices, or for processes that torchrun started."""
    if devices:
        return lambda graph: PoolOwnStep(graph, devices)
    return lambda graph: LaunchedOwnStep(graph, launch.rank, launch.world)


def _parameters(graph: Graph) -> list[Parameter]:
    """Everything that must be alike in all processes before a step."""
    found = list(graph.parameters)
    for node in graph.nodes:
        rule = node.attributes.get("rule")
        if rule is not None:
            found += [x for x in rule.settings.values() if isinstance(x, Parameter)]
            found += [rule.iterations, *(slot for slots in rule.slots.values() for slot in slots)]
            found += node.attributes["params"]
    return list(dict.fromkeys(found))
