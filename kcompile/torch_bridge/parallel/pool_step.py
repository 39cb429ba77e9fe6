"""A step of a model on several devices, as the process sees it that trains."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...ir import Graph, Parameter, UpdateRule, Value
from ..arrays import torch_dtype
from ..training import _check_loss, place
from . import pool as pools
from .combining import plan
from .own_updates import divided
from .program import packed
from .shard_step import Program, ShardStep
from .splitting import shard


class PoolStep:
    """One step of training or evaluation, its batch divided over devices; called as ``training.TrainStep``
    is.

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
        self.devices = tuple(devices)
        self._dtypes = [torch_dtype(value.dtype) for value in graph.inputs]
        graph, own = divided(graph, updates)
        self._program = Program(plan(graph), tuple(trainable), rule, constraints, own)
        self._parameters = self._program.parameters()
        self._pool: pools.Pool | None = None
        self._key = 0
        self._own: ShardStep | None = None

    def __call__(self, *inputs: Any) -> tuple[Tensor, ...]:
        """One step over the whole batch.

        Args:
            inputs: arrays or tensors (samples, ...).

        Returns:
            the graph's outputs, loss first, for the whole batch.

        Raises:
            ParallelError: if a worker fails. The workers are ended then; the next call starts new ones.
        """
        host = torch.device("cpu")
        tensors = [place(x, host, dtype) for x, dtype in zip(inputs, self._dtypes, strict=True)]
        samples = len(tensors[0])
        world = len(self.devices)
        share, own = shard(tensors, samples, world, 0)
        others = [shard(tensors, samples, world, rank) for rank in range(1, world)]
        pool = self._ready()
        pool.send_changed(self._parameters)
        pool.send_shards(self._key, others)
        with pool.watched(), pools.threads(pools.threads_each(self.devices)):
            assert self._own is not None
            outputs = self._own(share, [place(x, self._own.device) for x in own])
            pool.tidy()
        pool.remember(self._parameters)
        return outputs

    def _ready(self) -> pools.Pool:
        """The workers, with this step's program."""
        pool = pools.pool(self.devices)
        pool.send_seed(anew=pool is not self._pool)
        if pool is not self._pool:
            self._key = pool.next_program()
            for parameter in self._parameters:
                pool.number_of(parameter)
            program = packed(self._program, pool.number_of)
            pool.send("program", self._key, program)
            with pool.watched():
                self._own = ShardStep(self._program, self.devices[0], 0)
            self._pool = pool
            weakref.finalize(self, pool.forget, self._key).atexit = False
        return pool
