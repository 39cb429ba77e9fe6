"""Processes that torchrun started train one model together, each on its shard of every batch."""

from __future__ import annotations

import atexit
import os
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from ...ir import Graph, Parameter, UpdateRule, Value
from .. import weights
from ..arrays import as_tensor, torch_dtype
from ..devices import default_device
from ..training import _check_loss, place
from .combining import plan
from .own_updates import divided
from .pool import TIMEOUT
from .shard_step import Program, ShardStep
from .splitting import shard


def join(rank: int, world: int) -> torch.device:
    """Makes this process one of the group, if it is not yet. Returns where it computes.

    A group that the script itself has made is used as it is.
    """
    device = default_device()
    if dist.is_initialized():
        return device
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if rank:  # masks of dropout are drawn anew for each shard
        torch.manual_seed((torch.initial_seed() + 1_000_003 * rank) % 2**63)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, rank=rank, world_size=world, timeout=timedelta(seconds=TIMEOUT))
    atexit.register(_leave, os.getpid())
    return device


def _leave(process: int) -> None:
    if os.getpid() == process and dist.is_initialized():
        dist.destroy_process_group()


def from_first(value: Any, rank: int, world: int) -> Any:
    """The object that the process with rank 0 passes (it is pickled)."""
    join(rank, world)
    held = [value]
    dist.broadcast_object_list(held, src=0)
    return held[0]


def synchronize(parameters: Sequence[Parameter], rank: int, world: int) -> None:
    """Gives every process the values of rank 0, and its states of numpy's and Python's random generators."""
    device = join(rank, world)
    broadcast(parameters, rank, device)
    python, numpy_state = from_first((random.getstate(), np.random.get_state()), rank, world)
    random.setstate(python)
    np.random.set_state(numpy_state)


def broadcast(parameters: Sequence[Parameter], rank: int, device: torch.device) -> None:
    """Gives every process the values of rank 0."""
    hosts = [as_tensor(p.storage.array) for p in parameters]
    for dtype in dict.fromkeys(host.dtype for host in hosts):
        chosen = [i for i, host in enumerate(hosts) if host.dtype == dtype]
        flat = torch.cat([hosts[i].reshape(-1) for i in chosen]).to(device)
        dist.broadcast(flat, src=0)
        if rank:
            parts = flat.cpu().split([hosts[i].numel() for i in chosen])
            for i, part in zip(chosen, parts, strict=True):
                hosts[i].copy_(part.reshape(hosts[i].shape))
                weights.written([parameters[i]])


class LaunchedStep:
    """One step on a batch that every process has, of which each computes its shard; called as ``TrainStep``
    is.

    Args:
        graph: ``outputs[0]`` is the loss.
        rank, world: this process, and how many there are.
        trainable, rule, constraints: as for ``TrainStep``; no rule for evaluation.
        updates: pairs (parameter, new value) of an optimizer without a rule.

    Raises:
        ValueError: if ``outputs[0]`` is not a scalar of a floating point type, or updates cannot be divided.
    """

    def __init__(
        self,
        graph: Graph,
        rank: int,
        world: int,
        trainable: Sequence[Parameter] = (),
        rule: UpdateRule | None = None,
        constraints: Graph | None = None,
        updates: Sequence[tuple[Parameter, Value]] = (),
    ) -> None:
        _check_loss(graph)
        self.rank, self.world = rank, world
        self._dtypes = [torch_dtype(value.dtype) for value in graph.inputs]
        graph, own = divided(graph, updates)
        program = Program(plan(graph), tuple(trainable), rule, constraints, own)
        device = join(rank, world)
        broadcast(program.parameters(), rank, device)
        self._step = ShardStep(program, device, rank)

    def __call__(self, *inputs: Any) -> tuple[Tensor, ...]:
        """The graph's outputs for the whole batch, loss first; the same in all processes."""
        first = torch.as_tensor(inputs[0])
        share, own = shard([torch.as_tensor(x) for x in inputs], len(first), self.world, self.rank)
        device = self._step.device
        return self._step(share, [place(x, device, t) for x, t in zip(own, self._dtypes, strict=True)])
