"""Data-parallel training: the same step in several processes, each on its shard of the batch.

- ``PoolStep``: a process trains on several devices by workers that it starts (``multi_gpu_model``).
- ``launched``: processes that torchrun started train together.
- ``divided_step``: steps that users write, whose graphs ``partition`` divides.
- ``shard_step``: what each of the processes does; ``combining``: how their results become the whole batch's.
"""

from __future__ import annotations

from .divided_step import PoolOwnStep, divided_step
from .errors import ParallelError
from .launched import LaunchedStep
from .pool_step import PoolStep

__all__ = ["LaunchedStep", "ParallelError", "PoolOwnStep", "PoolStep", "divided_step"]
