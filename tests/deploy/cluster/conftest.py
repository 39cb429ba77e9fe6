"""A Ray cluster of nodes that are processes on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head without cores for work, on which nodes may be added and killed."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray = pytest.importorskip("ray", reason="Ray: run `make ray-tests`")
    from ray.cluster_utils import Cluster

    memory = {"object_store_memory": 100 << 20}
    try:
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **memory})
    except Exception as error:
        pytest.skip(f"Ray starts no cluster on this machine: {error}")
    made.add_worker = lambda cpus=1: made.add_node(num_cpus=cpus, **memory)
    monkeypatch.setenv("RAY_ADDRESS", made.address)
    yield made
    ray.shutdown()
    made.shutdown()
