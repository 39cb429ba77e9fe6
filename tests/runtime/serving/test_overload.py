"""More than a server can do: every request is answered, or refused within the time that the limits name."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcompile_runtime.serving.batching import Batcher, _Run, _Waiting
from kcompile_runtime.serving.errors import ServingError
from kcompile_runtime.serving.limits import Limits, Settings
from kcompile_runtime.serving.model import Model
from tests.runtime import models

from .conftest import write

X = np.ones((1, 4), np.float32)
EXPECTED = models.dense_reference(X)


def batcher(tmp_path: Path, limits: Limits | None = None, **settings: Any) -> Batcher:
    path = write(tmp_path, "m", models.dense())
    chosen = Settings(intra_op_threads=1, limits=limits or Limits(), **settings)
    return Batcher(Model("m", "1", str(path), chosen), chosen)


@contextmanager
def held(queue: Batcher) -> Iterator[None]:
    """No run of the model ends within the block."""
    end, run = threading.Event(), queue.model.executor.run

    def slow(*arguments: Any) -> Any:
        assert end.wait(60)
        return run(*arguments)

    queue.model.executor.run = slow  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        end.set()


def asked(queue: Batcher, count: int) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(queue.run([X], ["y"])) for _ in range(count)]


async def begun(queue: Batcher, runs: int) -> None:
    """Waits until so many runs are with the threads, of which the first has begun."""
    while len(queue._runs) < runs or queue._runs[0].started is None:
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("gone", ["taken back", "out of time"])
def test_requests_that_nobody_waits_for_keep_nobody_out(tmp_path: Path, gone: str) -> None:
    """Of a client that takes back what it has asked for, as fast as it asks."""

    async def main() -> None:
        queue = batcher(tmp_path, Limits(queue=4), max_batch=1, delay_s=0.0)
        with held(queue):
            running = asked(queue, 2)
            await begun(queue, 2 if queue._instances > 1 else 1)
            for _ in range(6):
                timeout_s = 0.001 if gone == "out of time" else None
                tasks = [asyncio.create_task(queue.run([X], ["y"], timeout_s=timeout_s)) for _ in range(3)]
                await asyncio.sleep(0.05)
                if gone == "taken back":
                    for task in tasks:
                        task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            honest = asked(queue, 2)
            await asyncio.sleep(0.01)
            assert not any(task.done() for task in honest)
        for (y,) in await asyncio.gather(*running, *honest):
            np.testing.assert_allclose(y, EXPECTED, rtol=1e-5)
        await asyncio.wait_for(queue.close(), 30)
        assert queue._samples_waiting == queue._bytes_waiting == 0

    asyncio.run(main())


@pytest.mark.parametrize("waiting", [2, 5], ids=["lying ready", "lying ready and in the queue"])
def test_what_has_not_begun_in_time_is_refused_however_long_a_run_takes(tmp_path: Path, waiting: int) -> None:
    async def main() -> None:
        queue = batcher(tmp_path, Limits(queue_seconds=0.2), max_batch=2)
        with held(queue):
            running = asked(queue, 2)
            await begun(queue, 1)
            others = asked(queue, waiting)
            refused = await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 30)
            assert [getattr(error, "status", error) for error in refused] == [429] * waiting
            assert all(error.retry_after_s for error in refused if isinstance(error, ServingError))
            assert not any(task.done() for task in running) and queue.queued == 0
            assert queue._samples_waiting == queue._bytes_waiting == 0
        for (y,) in await asyncio.gather(*running):
            np.testing.assert_allclose(y, EXPECTED, rtol=1e-5)
        (again,) = await asyncio.gather(*asked(queue, 1))
        np.testing.assert_allclose(again[0], EXPECTED, rtol=1e-5)
        assert queue.statistics.runs == 2 and queue.statistics.samples == 3  # what was refused never ran
        await asyncio.wait_for(queue.close(), 30)

    asyncio.run(main())


def test_a_server_that_lets_nobody_wait_answers_what_can_begin_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        queue = batcher(tmp_path, Limits(queue_seconds=0.0), max_batch=1)
        for _ in range(3):
            np.testing.assert_allclose((await queue.run([X], ["y"]))[0], EXPECTED, rtol=1e-5)
        queue._taken.clear()  # as if the next run took long, so that a thread has it
        with held(queue):
            running = asked(queue, 1)
            await begun(queue, 1)
            queue._sample_s = 60.0
            with pytest.raises(ServingError, match="0 requests wait"):
                await queue.run([X], ["y"])
        await asyncio.gather(*running)
        await queue.close()

    asyncio.run(main())


def test_an_unloaded_model_is_let_go_though_what_waited_was_refused(tmp_path: Path) -> None:
    async def main() -> None:
        queue = batcher(tmp_path, Limits(queue_seconds=0.1), delay_s=60.0)
        (task,) = asked(queue, 1)
        with pytest.raises(ServingError, match="waited for model 'm' for 0.1 s") as refused:
            await asyncio.wait_for(task, 30)
        assert refused.value.status == 429
        await asyncio.wait_for(queue.close(), 30)

    asyncio.run(main())


@pytest.mark.parametrize("instances, accepted", [(1, 1), (2, 2)])
def test_runs_that_are_under_way_count_as_waiting(tmp_path: Path, instances: int, accepted: int) -> None:
    async def main() -> None:
        queue = batcher(tmp_path, Limits(queue_seconds=50.0), max_batch=2, instances=instances)
        with held(queue):
            running = [*asked(queue, 2 * instances)]
            await begun(queue, instances)
            queue._sample_s = 20.0 / instances  # so those that run take about 40 s more
            found = []
            for task in asked(queue, 5):
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                found.append(task.done())
                running.append(task)
            assert found == [False] * accepted + [True] * (5 - accepted)
        answers = await asyncio.gather(*running, return_exceptions=True)
        assert [getattr(answer, "status", 200) for answer in answers].count(429) == 5 - accepted
        await queue.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "samples, sample_s, is_open, most",
    [
        (100, 1e-9, True, 1024),
        (32, 1e-9, True, 512),
        (32, 1e-5, True, 400),
        (1, 1e-5, True, 32),
        (32, 1e-3, True, 32),
        (1, 0.03, True, 16),
        (1, 10.0, True, 4),
        (32, 1e-5, False, 32),
    ],
)
def test_the_size_of_runs_goes_by_how_long_they_take_where_nobody_says_it(
    tmp_path: Path, samples: int, sample_s: float, is_open: bool, most: int
) -> None:
    async def main() -> None:
        queue = batcher(tmp_path, batch_is_open=is_open)
        listener: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        request = _Waiting([np.repeat(X, samples, 0)], ["y"], None, listener, 0.0, None)
        queue._learn(_Run([request, request]), 2 * samples * sample_s)
        assert queue._most == most
        await queue.close()

    asyncio.run(main())
