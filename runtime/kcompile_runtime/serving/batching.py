"""Joins requests into runs: what waits together and has one shape is run together."""

from __future__ import annotations

import asyncio
import functools
import heapq
import itertools
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import ExecutionError, InputError
from .errors import ServingError, overloaded, too_late, unavailable
from .limits import Settings
from .model import Model
from .sessions import SequenceStep, Sessions
from .statistics import Statistics

_QUICK_S = 3e-4
"""Runs that take less are done on the event loop: a thread costs a third of that, and takes turns with it."""
_MOST_TAKEN = 1024


@dataclass(order=True)
class _Waiting:
    """A request in the queue, which orders by priority and arrival."""

    priority: int
    number: int
    arrays: list[np.ndarray] = field(compare=False)
    names: list[str] = field(compare=False)
    sequence: SequenceStep | None = field(compare=False)
    deadline: float | None = field(compare=False)
    future: asyncio.Future[list[Any]] = field(compare=False)
    arrived: float = field(compare=False)

    @property
    def samples(self) -> int:
        return len(self.arrays[0]) if self.arrays and self.arrays[0].ndim else 1

    @property
    def bytes(self) -> int:
        return sum(array.nbytes for array in self.arrays)

    @property
    def kind(self) -> tuple[Any, ...]:
        """What requests of one run have in common."""
        return tuple(array.shape[1:] for array in self.arrays)


class Batcher:
    """The queue of one model, and the threads that run it. All but the runs happens on the event loop."""

    def __init__(self, model: Model, settings: Settings) -> None:
        self.model = model
        self.statistics = Statistics()
        self.sessions = Sessions(model, settings.limits)
        self._joins = self.sessions.joinable if model.stateful else model.has_samples
        self._settings = settings
        # Requests of one sequence follow each other, so a model with states has one run at a time.
        self._instances = 1 if model.stateful else settings.instances
        self._threads = ThreadPoolExecutor(self._instances, thread_name_prefix=f"{model.name}-run")
        self._queue: list[_Waiting] = []
        self._samples_waiting = self._bytes_waiting = 0
        self._sample_s = 0.0
        self._called = False
        #: How long the last run of so many samples of a shape took.
        self._taken: dict[tuple[int, tuple[Any, ...]], float] = {}
        self._numbers = itertools.count()
        self._running = 0
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def queued(self) -> int:
        """Requests that wait."""
        return len(self._queue)

    async def run(
        self,
        arrays: list[np.ndarray],
        names: list[str],
        sequence: SequenceStep | None = None,
        priority: int = 0,
        timeout_s: float | None = None,
    ) -> list[Any]:
        """The outputs of one request, in the order of ``names``.

        Args:
            arrays: as `Model.accept` gives them.
            names: of outputs.
            sequence: whose states the request goes on from, for a model that has states.
            priority: 1 is served first; 0 means no matter when.
            timeout_s: how long it may wait before it runs.

        Raises:
            ServingError: 429 where the queue is full, 503 where the model is unloaded, 504 where its time is
                over.
        """
        self.check_room()
        now = time.monotonic()
        deadline = None if timeout_s is None else now + timeout_s
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        rank = 0 if sequence is not None else priority or 1 << 32  # steps of a sequence keep their order
        waiting = _Waiting(rank, next(self._numbers), arrays, names, sequence, deadline, future, now)
        self._push(waiting)
        self._idle.clear()
        if not self._called:  # once for all that arrive in this round of the loop
            self._called = True
            asyncio.get_running_loop().call_soon(self._start_called)
        if timeout_s is None:
            return await future
        try:
            return await asyncio.wait_for(asyncio.shield(future), timeout_s)
        except asyncio.TimeoutError:
            future.cancel()
            raise too_late(f"the request waited for longer than its {timeout_s:g} s") from None

    def check_room(self) -> None:
        """Raises ServingError where a request would be refused: 503 if the model is unloaded, 429 if too
        many wait.
        """
        if self._closed:
            raise unavailable(f"model {self.model.name!r} is being unloaded")
        limits = self._settings.limits
        count, wait_s = len(self._queue), self._samples_waiting * self._sample_s
        if count >= limits.queue or self._bytes_waiting > limits.queue_bytes or wait_s > limits.queue_seconds:
            raise overloaded(
                f"{count} requests wait for model {self.model.name!r} already, for about {wait_s:.1f} s",
                wait_s,
            )

    async def close(self) -> None:
        """Takes no more requests, and returns when those that wait are answered."""
        self._closed = True
        self._start_runs()
        await self._idle.wait()
        self._threads.shutdown(wait=False)

    # Choosing what runs

    def _start_called(self) -> None:
        self._called = False
        self._start_runs()

    def _start_runs(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue and self._has_room() and not self._waits_for_more():
            batch = self._take()
            if not batch:
                continue
            self._running += 1
            if self._running == 1 and self._is_quick(batch):
                self._finish(batch, time.monotonic(), self._compute(batch))
                loop.call_soon(self._start_runs)  # after what else the loop has to do
                return
            computed = loop.run_in_executor(self._threads, self._compute, batch)
            computed.add_done_callback(functools.partial(self._ended, batch, time.monotonic()))
        if not self._queue and not self._running:
            self._idle.set()

    def _has_room(self) -> bool:
        """Whether a run may be handed to the threads: one is free, or a full run can lie ready."""
        if self._running < self._instances:
            return True
        return self._running == self._instances and self._samples_waiting >= self._settings.max_batch

    def _push(self, waiting: _Waiting) -> None:
        heapq.heappush(self._queue, waiting)
        self._samples_waiting += waiting.samples
        self._bytes_waiting += waiting.bytes

    def _pop(self) -> _Waiting:
        waiting = heapq.heappop(self._queue)
        self._samples_waiting -= waiting.samples
        self._bytes_waiting -= waiting.bytes
        return waiting

    def _waits_for_more(self) -> bool:
        """Whether the run that is next has room, and the first of the queue time; sets a timer if so."""
        delay = self._settings.delay_s
        if not delay or self._closed or not self._joins:
            return False
        if self._samples_waiting >= self._settings.max_batch:
            return False
        left = min(waiting.arrived for waiting in self._queue) + delay - time.monotonic()
        if left <= 0:
            return False
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(left, self._time_is_up)
        return True

    def _time_is_up(self) -> None:
        self._timer = None
        self._start_runs()

    def _take(self) -> list[_Waiting]:
        """The first of the queue, and those that fit it; what is cancelled or too late is left out."""
        now = time.monotonic()
        batch: list[_Waiting] = []
        others: list[_Waiting] = []
        samples = 0
        passed: set[int | str] = set()  # sequences whose steps wait on, so that none overtakes another
        while self._queue:
            waiting = self._pop()
            if waiting.future.done() or (waiting.deadline is not None and waiting.deadline < now):
                continue  # whoever waits for it has heard already
            key = waiting.sequence.id if waiting.sequence is not None else None
            if not batch or (
                key not in passed
                and samples + waiting.samples <= self._settings.max_batch
                and self._joinable(waiting)
                and waiting.kind == batch[0].kind
            ):
                batch.append(waiting)
                samples += waiting.samples
                if samples >= self._settings.max_batch or not self._joinable(waiting):
                    break
            else:
                others.append(waiting)
            if key is not None:
                passed.add(key)
        for waiting in others:
            self._push(waiting)
        return batch

    def _joinable(self, waiting: _Waiting) -> bool:
        return self._joins and waiting.samples > 0 and self.model.stateful == (waiting.sequence is not None)

    # Running

    def _is_quick(self, batch: list[_Waiting]) -> bool:
        """Whether a run is known to take less than the way to a thread and back is worth."""
        return self._taken.get((_samples(batch), batch[0].kind), _QUICK_S) < _QUICK_S

    def _ended(self, batch: list[_Waiting], start: float, computed: asyncio.Future[Any]) -> None:
        self._finish(batch, start, computed.result())
        self._start_runs()

    def _compute(self, batch: list[_Waiting]) -> tuple[list[Any], float]:
        """The answers, errors among them, and the seconds that they took."""
        start = time.perf_counter()
        try:
            answers = self._compute_one(batch) if len(batch) == 1 else self._compute_all(batch)
        except Exception as error:
            answers = [error] * len(batch)
        return answers, time.perf_counter() - start

    def _finish(self, batch: list[_Waiting], start: float, computed: tuple[list[Any], float]) -> None:
        answers, taken = computed
        samples = _samples(batch)
        if len(self._taken) >= _MOST_TAKEN:
            self._taken.clear()
        self._taken[samples, batch[0].kind] = taken
        self.statistics.ran(samples, taken)
        each = taken / max(1, samples) / self._instances
        self._sample_s += (each - self._sample_s) / (8 if self._sample_s else 1)
        for waiting, answer in zip(batch, answers, strict=True):
            good = not isinstance(answer, Exception)
            self.statistics.answered(waiting.samples, start - waiting.arrived, taken, good)
            if waiting.future.done():
                continue
            if isinstance(answer, Exception):
                waiting.future.set_exception(answer)
            else:
                waiting.future.set_result(answer)
        self._running -= 1

    def _compute_one(self, batch: list[_Waiting]) -> list[Any]:
        (waiting,) = batch
        try:
            if self.model.stateful:
                return [self.sessions.run(waiting.sequence, waiting.arrays, waiting.names)]
            return [self.model.executor.run(waiting.arrays, waiting.names)]
        except Exception as error:
            return [error]

    def _compute_all(self, batch: list[_Waiting]) -> list[Any]:
        """One run for all; each alone where that fails, so that the fault of one is not that of others."""
        try:
            return self._joined(batch)
        except (ExecutionError, InputError, ServingError):
            return [self._compute_one([waiting])[0] for waiting in batch]

    def _joined(self, batch: list[_Waiting]) -> list[Any]:
        names = list(dict.fromkeys(name for waiting in batch for name in waiting.names))
        parts = [waiting.arrays for waiting in batch]
        sequences = [waiting.sequence for waiting in batch if waiting.sequence is not None]
        if sequences:
            results = self.sessions.run_joined(sequences, parts, names)
        else:
            columns = zip(*parts, strict=True)
            results = self.model.executor.run([np.concatenate(column) for column in columns], names)
        total = _samples(batch)
        if any(result.ndim == 0 or len(result) != total for result in results):
            raise ExecutionError("the outputs have no row for each sample")
        return list(_rows(batch, dict(zip(names, results, strict=True))))


def _samples(batch: Sequence[_Waiting]) -> int:
    return sum(waiting.samples for waiting in batch)


def _rows(batch: Sequence[_Waiting], results: dict[str, np.ndarray]) -> Any:
    start = 0
    for waiting in batch:
        end = start + waiting.samples
        yield [results[name][start:end] for name in waiting.names]
        start = end
