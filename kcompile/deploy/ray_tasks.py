"""Shards predicted by the workers of a Ray cluster."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..optional import optional
from .prediction import Work, predict_shard
from .shards import Shard

_RETRIES = 5
"""How often a shard is given to another worker when one is lost: one that kills each is an error."""
_AHEAD = 2
"""Tasks that wait, for each core: a node that comes later finds work."""


def on_ray(address: str | None = None) -> Callable[[Work, Sequence[Shard]], Iterator[Shard]]:
    """A runner of `prediction.predict_folder` that has a cluster predict the shards.

    Model, data and results must lie where every node sees them under the same path.

    Args:
        address: of the cluster; by default the one that ``RAY_ADDRESS`` names, else one is started on this
            machine.

    Raises:
        MissingPackageError: Ray is not installed.
        ConnectionError: no cluster answers.
    """

    def run(work: Work, waiting: Sequence[Shard]) -> Iterator[Shard]:
        ray = connect(address)
        task = ray.remote(num_cpus=1, max_retries=_RETRIES)(predict_shard)
        work = dataclasses.replace(work, threads=1)
        todo = iter(waiting)
        running: dict[Any, Shard] = {}
        try:
            while True:
                ahead = _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
                for shard in todo:
                    running[task.remote(work, shard)] = shard
                    if len(running) >= ahead:
                        break
                if not running:
                    return
                done, _ = ray.wait(list(running))
                for reference in done:
                    _result(ray, reference)
                    yield running.pop(reference)
        finally:
            for reference in running:
                ray.cancel(reference)

    return run


def connect(address: str | None) -> Any:
    """The package, connected to a cluster.

    Raises:
        MissingPackageError, ConnectionError: as of `on_ray`.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports to its makers unless told otherwise
    with optional("ray", "A cluster"):
        import ray
    if not ray.is_initialized():
        ray.init(address or os.environ.get("RAY_ADDRESS"), log_to_driver=False, logging_level=logging.WARNING)
    return ray


def _result(ray: Any, reference: Any) -> None:
    try:
        ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.as_instanceof_cause() from None
