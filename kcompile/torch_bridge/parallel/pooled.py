"""What all steps have in common whose batch is divided over the devices of this machine."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...ir import Parameter, Value
from ..arrays import torch_dtype
from ..training import place
from . import pool as pools


class PooledStep:
    """A step of which this process computes one part, and worker processes the others.

    Args:
        devices: torch's names; the first is this process's, each other one gets a worker process.
        inputs: of the step's graph.
        parameters: what must be alike in all processes before a step.
    """

    def __init__(
        self, devices: Sequence[str], inputs: Sequence[Value], parameters: Sequence[Parameter]
    ) -> None:
        self.devices = tuple(devices)
        self._dtypes = [torch_dtype(value.dtype) for value in inputs]
        self._parameters = parameters
        self._pool: pools.Pool | None = None
        self._key = 0
        self._own: Any = None

    def _shards(self, tensors: list[Tensor]) -> list[tuple[Any, list[Tensor]]]:
        """For each device what it is told of its part, and the tensors of it."""
        raise NotImplementedError

    def _sent(self, pool: pools.Pool) -> Any:
        """Sends the workers the step under ``_key``; what computes this process's part."""
        raise NotImplementedError

    def __call__(self, *inputs: Any) -> tuple[Tensor, ...]:
        """The outputs for the whole batch.

        Args:
            inputs: arrays or tensors (samples, ...).

        Raises:
            ValueError: for inputs that cannot be divided.
            ParallelError: if a worker fails. The workers are ended then; the next call starts new ones.
        """
        host = torch.device("cpu")
        tensors = [place(x, host, dtype) for x, dtype in zip(inputs, self._dtypes, strict=True)]
        (part, own), *others = self._shards(tensors)
        pool = self._ready()
        pool.send_changed(self._parameters)
        pool.send_shards(self._key, others)
        with pool.watched(), pools.threads(pools.threads_each(self.devices)):
            outputs: tuple[Tensor, ...] = self._own(part, [place(x, self._own.device) for x in own])
            pool.tidy()
        pool.remember(self._parameters)
        return outputs

    def _ready(self) -> pools.Pool:
        """The workers, with this step."""
        pool = pools.pool(self.devices)
        pool.send_seed(anew=pool is not self._pool)
        if pool is not self._pool:
            self._key = pool.next_program()
            self._own = self._sent(pool)
            self._pool = pool
            weakref.finalize(self, pool.forget, self._key).atexit = False
        return pool
