"""A step of a model on several devices, as the process sees it that trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ...ir import Graph, Parameter, UpdateRule, Value
from ..training import _check_loss
from .combining import plan
from .own_updates import divided
from .pool import Pool
from .pooled import PooledStep
from .program import packed
from .shard_step import Program, ShardStep
from .splitting import shard


class PoolStep(PooledStep):
    """One step of training or evaluation, its batch divided over devices; called as ``training.TrainStep``
    is; gives the graph's outputs, loss first.

    Args:
        graph: ``outputs[0]`` is the loss.
        devices: torch's names; the first is this process's, each other one gets a worker process.
        trainable, rule, constraints: as for ``TrainStep``; no rule for evaluation.
        updates: pairs (parameter, new value) of an optimizer without a rule.

    Raises:
        ValueError: if ``outputs[0]`` is not a scalar of a floating point type, or updates cannot be divided.
    """

    def __init__(
        self,
        graph: Graph,
        devices: Sequence[str],
        trainable: Sequence[Parameter] = (),
        rule: UpdateRule | None = None,
        constraints: Graph | None = None,
        updates: Sequence[tuple[Parameter, Value]] = (),
    ) -> None:
        _check_loss(graph)
        inputs = graph.inputs
        graph, own = divided(graph, updates)
        self._program = Program(plan(graph), tuple(trainable), rule, constraints, own)
        super().__init__(devices, inputs, self._program.parameters())

    def _shards(self, tensors: list[Tensor]) -> list[tuple[Any, list[Tensor]]]:
        samples, world = len(tensors[0]), len(self.devices)
        return [shard(tensors, samples, world, rank) for rank in range(world)]

    def _sent(self, pool: Pool) -> ShardStep:
        for parameter in self._parameters:
            pool.number_of(parameter)
        pool.send("program", self._key, packed(self._program, pool.number_of))
        with pool.watched():
            return ShardStep(self._program, self.devices[0], 0)
