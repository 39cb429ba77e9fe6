"""Large networks are computed only when asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked `slow` are skipped unless the mark is named: `pytest -m slow tests/keras/applications`."""
    if "slow" in (config.option.markexpr or ""):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="a large network: run by `-m slow`"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks on one thread of torch: those of several tests at a time would wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
