"""Joins requests into runs: what waits together and has one shape is run together."""

from __future__ import annotations

import asyncio
import functools
import heapq
import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np

from ..errors import ExecutionError, InputError
from .errors import ServingError, overloaded, too_late, unavailable
from .limits import QueuePolicy, Settings
from .model import Model
from .padding import Padding
from .sessions import SequenceStep, Sessions
from .statistics import Statistics

_QUICK_S, _MOST_QUICK_S, _DEARER = 4e-4, 5e-3, 4
"""Runs that take less are done on the event loop: less than the first, or than four times what handing a run
to a thread was found to take, up to the second. Where a core is free that is some hundredths of a
millisecond; where there is none, milliseconds, and a run on the loop is over long before."""
_PATIENCE_S, _WORTH = 1e-3, 4
"""How long quick runs wait for others, and for how many requests that is worth while."""
_MOST_TAKEN, _SLOWER = 1024, 1.25
_GROWN_S, _GROWN_REQUESTS, _GROWN_SAMPLES = 4e-3, 16, 1024
_LONG_S, _LEAST_SAMPLES = 0.5, 4
"""Where nobody says how many samples a run has at most: more than the default, if that is fewer than 16
requests and the run takes at most 4 ms, since what is said and heard for a run is then said for more of them;
and no more than take half a second, as long as they are 4, since all of a run are answered at its end."""
_LEAST_WAIT_S = 0.1
"""What can begin at once is not refused, however short requests may wait."""
_LAST = 1 << 32
"""After all priorities."""


_ANY = QueuePolicy()


class Listener(Protocol):
    """Who hears of an answer, once; a future is one."""

    def done(self) -> bool:
        """Whether it has heard, or does not listen any more."""

    def set_result(self, results: list[Any], /) -> None:
        """The outputs of the request."""

    def set_exception(self, error: Exception, /) -> None:
        """Why there are none."""


class _Waiting:
    """A request in the queue.

    Attributes:
        samples: along axis 0 of the first input.
        bytes: of its tensors.
        kind: what requests of one run have in common.
    """

    __slots__ = (
        "arrays",
        "arrived",
        "bytes",
        "deadline",
        "kind",
        "listener",
        "names",
        "samples",
        "sequence",
        "timer",
    )

    def __init__(
        self,
        arrays: list[np.ndarray],
        names: list[str],
        sequence: SequenceStep | None,
        listener: Listener,
        arrived: float,
        padding: Padding | None,
    ) -> None:
        self.arrays, self.names, self.sequence = arrays, names, sequence
        self.listener, self.arrived = listener, arrived
        self.deadline: float | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.samples = len(arrays[0]) if arrays and arrays[0].ndim else 1
        self.bytes = sum([array.nbytes for array in arrays])
        shapes = [array.shape[1:] for array in arrays]
        self.kind = tuple(shapes) if padding is None else padding.kind(arrays)


class _Run:
    """Requests that are run together, from when they leave the queue.

    Attributes:
        handed: by the clock, when it was handed to a thread that was free; None for others.
        started: when the run began; None while it lies ready for a thread.
    """

    __slots__ = ("_expected", "batch", "handed", "samples", "started")

    def __init__(self, batch: list[_Waiting]) -> None:
        self.batch = batch
        self.samples = self._expected = _samples(batch)
        self.handed: float | None = None
        self.started: float | None = None

    def start(self) -> None:
        """Leaves out those who have heard meanwhile; in the thread that runs it."""
        self.started = time.monotonic()
        self.batch = self._wanted()
        self.samples = _samples(self.batch)

    def has_heard(self) -> None:
        """Some of its requests have heard before it began: it will be shorter."""
        self._expected = _samples(self._wanted())

    def _wanted(self) -> list[_Waiting]:
        return [waiting for waiting in self.batch if not waiting.listener.done()]

    def left_s(self, sample_s: float, now: float) -> float:
        """Seconds until it ends, if a sample takes so long."""
        spent = 0.0 if self.started is None else now - self.started
        return max(0.0, self._expected * sample_s - spent)


class _Patience:
    """Whether quick runs wait a moment for more requests: learned from what waiting brought before.

    gRPC hands over one request at a time, so that none would ever meet another. A client that is alone is
    kept waiting once in some hundred requests, to find out whether it still is.
    """

    def __init__(self) -> None:
        self._misses = self._skip = 0

    def worth(self, waiting: int) -> bool:
        """Whether a run of so few requests is to wait."""
        if waiting >= _WORTH:
            return False
        self._skip -= 1
        return self._skip < 0

    def brought(self, waiting: int) -> None:
        """So many requests were there at the end."""
        self._misses = 0 if waiting >= _WORTH else min(self._misses + 1, 8)
        self._skip = (1 << self._misses) - 1


class _Threads:
    """What it takes to hand a run to a thread, as it was found: where others want the cores, far more.

    Attributes:
        worth_s: how long a run has to take for a thread.
    """

    def __init__(self) -> None:
        self.worth_s = _QUICK_S
        self._hand_s = 0.0

    def took(self, seconds: float) -> None:
        """So long until one had begun."""
        self._hand_s += (min(seconds, _MOST_QUICK_S / _DEARER) - self._hand_s) / 8
        self.worth_s = max(_QUICK_S, _DEARER * self._hand_s)

    def passed(self) -> None:
        """A run was done without: after some hundred, what was found is old, and is found anew."""
        if self.worth_s > _QUICK_S:
            self._hand_s *= 1 - 1 / 256
            self.worth_s = max(_QUICK_S, _DEARER * self._hand_s)


class Batcher:
    """The queue of one model, and the threads that run it. All but the runs happens on the event loop."""

    def __init__(self, model: Model, settings: Settings) -> None:
        self.model = model
        self.statistics = Statistics()
        self.sessions = Sessions(model, settings.limits)
        self._joins = settings.joins and (self.sessions.joinable if model.stateful else model.has_samples)
        self._settings = settings
        self._has_policies = bool(settings.priority_levels or settings.policy != _ANY or settings.policies)
        # Requests of one sequence follow each other, so a model with states has one run at a time.
        self._instances = 1 if model.stateful else settings.instances
        self._workers = self._instances + model.parallel
        self._threads = ThreadPoolExecutor(self._workers, thread_name_prefix=f"{model.name}-run")
        self._patience, self._handing = _Patience(), _Threads()
        self._queue: list[tuple[int, int, _Waiting]] = []  # by priority and arrival
        self._samples_waiting = self._bytes_waiting = 0
        self._sample_s = 0.0
        self._most = settings.max_batch
        self._patient_s = max(settings.limits.queue_seconds, _LEAST_WAIT_S)
        self._called = False
        #: How long the last run of so many samples of a shape took; little more than what is here from the
        #: one before, since one that others took the core from says little.
        self._taken: dict[tuple[int, tuple[Any, ...]], float] = {}
        self._numbers = itertools.count()
        self._runs: list[_Run] = []
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._timer: asyncio.TimerHandle | None = None
        self._refusing: asyncio.TimerHandle | None = None
        self._waited = False

    @property
    def queued(self) -> int:
        """Requests that wait."""
        return len(self._queue)

    async def run(self, *request: Any, **options: Any) -> list[Any]:
        """The outputs of one request; arguments and errors are those of `submit`."""
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self.submit(future, *request, **options)
        return await future

    def submit(
        self,
        listener: Listener,
        arrays: list[np.ndarray],
        names: list[str],
        sequence: SequenceStep | None = None,
        priority: int = 0,
        timeout_s: float | None = None,
    ) -> None:
        """Puts a request into the queue.

        Args:
            listener: hears of its outputs, in the order of ``names``, or of an error; 504 where its time is
                over, 429 where its run has not begun after as long as the limits let requests wait.
            arrays: as `Model.accept` gives them.
            names: of outputs.
            sequence: whose states the request goes on from, for a model that has states.
            priority: 1 is served first; 0 means no matter when.
            timeout_s: how long it may wait before it runs.

        Raises:
            ServingError: 429 where the queue is full, 503 where the model is unloaded.
        """
        self.check_room()
        if self._has_policies:
            priority, timeout_s = self._by_policy(priority, timeout_s)
        loop, now = asyncio.get_running_loop(), time.monotonic()
        rank = 0 if sequence is not None else priority or _LAST  # steps of a sequence keep their order
        waiting = _Waiting(arrays, names, sequence, listener, now, self.model.padding)
        if timeout_s is not None:
            waiting.deadline = now + timeout_s
            waiting.timer = loop.call_later(timeout_s, _time_out, listener, timeout_s)
        self._push((rank, next(self._numbers), waiting))
        self._idle.clear()
        if self._refusing is None:
            self._refusing = loop.call_later(self._patient_s, self._refuse_late)
        if not self._called:  # once for all that arrive in this round of the loop
            self._called = True
            loop.call_soon(self._start_called)

    def check_room(self) -> None:
        """Raises ServingError where a request would be refused: 503 if the model is unloaded, 429 if too
        many wait.
        """
        if self._closed:
            raise unavailable(f"model {self.model.name!r} is being unloaded")
        if self._is_full():
            self._take_out(lambda waiting: waiting.listener.done())  # whose clients wait no more
        if self._is_full():
            count, wait_s = len(self._queue), self._wait_s()
            raise overloaded(
                f"{count} requests wait for model {self.model.name!r} already, for about {wait_s:.1f} s",
                wait_s,
            )

    def _is_full(self) -> bool:
        limits = self._settings.limits
        return (
            len(self._queue) >= limits.queue
            or self._bytes_waiting > limits.queue_bytes
            or self._wait_s() > limits.queue_seconds
        )

    def _take_out(self, is_out: Callable[[_Waiting], bool]) -> list[_Waiting]:
        """Those in the queue of which something holds, which are in it no more."""
        out = [entry[2] for entry in self._queue if is_out(entry[2])]
        if out:
            self._queue = [entry for entry in self._queue if not is_out(entry[2])]
            heapq.heapify(self._queue)
            self._samples_waiting -= _samples(out)
            self._bytes_waiting -= sum([waiting.bytes for waiting in out])
        return out

    def _wait_s(self) -> float:
        """How long a request that comes now would wait for its run, by what samples took so far."""
        waiting_s = self._samples_waiting * self._sample_s
        if not self._runs:
            return waiting_s
        now, sample_s = time.monotonic(), self._sample_s * self._instances
        return waiting_s + sum([run.left_s(sample_s, now) for run in self._runs]) / self._instances

    def _by_policy(self, priority: int, timeout_s: float | None) -> tuple[int, float | None]:
        """The priority and the time of a request, as the model's settings have them.

        Raises:
            ServingError: 429 where too many of its priority wait.
        """
        settings = self._settings
        if settings.priority_levels and not 0 < priority <= settings.priority_levels:
            priority = settings.default_priority
        policy = settings.policies.get(priority, settings.policy)
        if policy.requests is not None:
            rank = priority or _LAST
            count = sum(entry[0] == rank and not entry[2].listener.done() for entry in self._queue)
            if count >= policy.requests:
                what = f"{count} requests of priority {priority} wait for model {self.model.name!r} already"
                raise overloaded(what, self._wait_s())
        return priority, policy.timeout(timeout_s)

    async def close(self) -> None:
        """Takes no more requests, and returns when those that wait are answered."""
        self._closed = True
        self._start_runs()
        await self._idle.wait()
        if self._refusing is not None:
            self._refusing.cancel()
        self._threads.shutdown(wait=False)

    # Refusing

    def _refuse(self, waiting: _Waiting) -> None:
        if waiting.timer is not None:
            waiting.timer.cancel()
        if not waiting.listener.done():
            name = self.model.name
            what = f"the request waited for model {name!r} for {self._patient_s:g} s, which is the most"
            waiting.listener.set_exception(overloaded(what, self._wait_s()))

    def _refuse_late(self) -> None:
        """Refuses what has waited for too long, and looks again when the next may have."""
        arrived = time.monotonic() - self._patient_s
        ready = [run for run in self._runs if run.started is None]
        lying = [waiting for run in ready for waiting in run.batch]
        late = self._take_out(lambda waiting: waiting.arrived <= arrived)
        queued = [entry[2] for entry in self._queue]
        left = [waiting.arrived for waiting in (*queued, *lying) if waiting.arrived > arrived]
        self._refusing = None
        if left:
            loop = asyncio.get_running_loop()
            self._refusing = loop.call_later(max(1e-3, min(left) - arrived), self._refuse_late)
        for waiting in (*late, *(waiting for waiting in lying if waiting.arrived <= arrived)):
            self._refuse(waiting)
        for run in ready:
            run.has_heard()
        self._start_runs()  # where nothing is left, whoever waits for the end is told

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
            run = _Run(batch)
            self._runs.append(run)
            if len(self._runs) == 1 and self._is_quick(batch[0], run.samples):
                run.started = time.monotonic()
                self._finish(run, self._answers(run))
                self._handing.passed()
                if self._queue:
                    loop.call_soon(self._start_runs)  # after what else the loop has to do
                    return
                break
            if len(self._runs) <= self._workers:
                run.handed = time.monotonic()
            computed = loop.run_in_executor(self._threads, self._compute, run)
            computed.add_done_callback(functools.partial(self._ended, run))
        if not self._queue and not self._runs:
            self._idle.set()

    def _has_room(self) -> bool:
        """Whether a run may be handed to the threads: one is free, or a full run can lie ready, or begin
        where the model lets it.
        """
        if len(self._runs) < self._instances:
            return True
        return len(self._runs) == self._instances and self._samples_waiting >= self._most

    def _push(self, entry: tuple[int, int, _Waiting]) -> None:
        heapq.heappush(self._queue, entry)
        self._samples_waiting += entry[2].samples
        self._bytes_waiting += entry[2].bytes

    def _pop(self) -> tuple[int, int, _Waiting]:
        entry = heapq.heappop(self._queue)
        self._samples_waiting -= entry[2].samples
        self._bytes_waiting -= entry[2].bytes
        return entry

    def _waits_for_more(self) -> bool:
        """Whether the run that is next has room, and the first of the queue time; sets a timer if so."""
        if self._closed or not self._joins or self._samples_waiting >= self._most:
            return False
        delay = self._settings.delay_s
        if not delay:
            return self._waits_a_moment()
        left = min(waiting.arrived for _, _, waiting in self._queue) + delay - time.monotonic()
        if left <= 0:
            return False
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(left, self._time_is_up)
        return True

    def _time_is_up(self) -> None:
        self._timer = None
        self._start_runs()

    def _waits_a_moment(self) -> bool:
        if self._timer is not None:
            return True
        if self._waited:
            self._waited = False
            self._patience.brought(len(self._queue))
            return False
        if not self._is_quick(self._queue[0][2]) or not self._patience.worth(len(self._queue)):
            return False
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE_S, self._moment_is_over)
        return True

    def _moment_is_over(self) -> None:
        self._timer = None
        if self._queue:
            self._waited = True
            self._start_runs()
        else:  # they were a whole run before it was over
            self._patience.brought(_WORTH)

    def _take(self) -> list[_Waiting]:
        """The first of the queue, and those that fit it; what is cancelled or too late is left out."""
        now = time.monotonic()
        batch: list[_Waiting] = []
        others: list[tuple[int, int, _Waiting]] = []
        samples = 0
        passed: set[int | str] = set()  # sequences whose steps wait on, so that none overtakes another
        while self._queue:
            entry = self._pop()
            waiting = entry[2]
            if waiting.listener.done() or (waiting.deadline is not None and waiting.deadline < now):
                continue  # whoever waits for it has heard already
            key = waiting.sequence.id if waiting.sequence is not None else None
            if not batch or (
                key not in passed
                and samples + waiting.samples <= self._most
                and self._joinable(waiting)
                and waiting.kind == batch[0].kind
            ):
                batch.append(waiting)
                samples += waiting.samples
                if samples >= self._most or not self._joinable(waiting):
                    break
            else:
                others.append(entry)
            if key is not None:
                passed.add(key)
        for entry in others:
            self._push(entry)
        return batch

    def _joinable(self, waiting: _Waiting) -> bool:
        return self._joins and waiting.samples > 0 and self.model.stateful == (waiting.sequence is not None)

    # Running

    def _is_quick(self, first: _Waiting, samples: int | None = None) -> bool:
        """Whether a run, of one request at least, is known to take less than a thread for it is worth."""
        size = first.samples if samples is None else samples
        worth_s = self._handing.worth_s
        return self._taken.get((size, first.kind), worth_s) < worth_s

    def _ended(self, run: _Run, computed: asyncio.Future[Any]) -> None:
        self._finish(run, computed.result())
        self._start_runs()

    def _compute(self, run: _Run) -> tuple[list[Any], float]:
        """What `_answers` gives, to those who still listen when a thread has taken the run."""
        run.start()
        return self._answers(run) if run.batch else ([], 0.0)

    def _answers(self, run: _Run) -> tuple[list[Any], float]:
        """The answers, errors among them, and the seconds that they took."""
        batch, start = run.batch, time.perf_counter()
        try:
            answers = self._compute_one(batch) if len(batch) == 1 else self._compute_all(batch)
        except Exception as error:
            answers = [error] * len(batch)
        return answers, time.perf_counter() - start

    def _finish(self, run: _Run, computed: tuple[list[Any], float]) -> None:
        self._runs.remove(run)
        answers, taken = computed
        batch, start = run.batch, run.started
        if not batch or start is None:
            return
        failed = []
        for waiting, answer in zip(batch, answers, strict=True):
            listener = waiting.listener
            if waiting.timer is not None:
                waiting.timer.cancel()
            if isinstance(answer, Exception):
                failed.append(waiting)
                if not listener.done():
                    listener.set_exception(answer)
            elif not listener.done():
                listener.set_result(answer)
        # what follows takes some hundredths of a small answer's time, for which nobody needs to wait
        if run.handed is not None:
            self._handing.took(start - run.handed)
        self._learn(run, taken)
        good, samples = batch, run.samples
        if failed:
            self.statistics.failed([start - waiting.arrived for waiting in failed], taken)
            good = [waiting for waiting in batch if waiting not in failed]
            samples = _samples(good)
        self.statistics.answered(samples, [start - waiting.arrived for waiting in good], taken)

    def _learn(self, run: _Run, taken: float) -> None:
        """What runs take, and so how many samples the next may have."""
        if len(self._taken) >= _MOST_TAKEN:
            self._taken.clear()
        key = run.samples, run.batch[0].kind
        self._taken[key] = min(taken, _SLOWER * self._taken.get(key, taken))
        self.statistics.ran(run.samples, taken)
        each = taken / max(1, run.samples) / self._instances
        self._sample_s += (each - self._sample_s) / (8 if self._sample_s else 1)
        if self._settings.batch_is_open:
            self._most = self._most_samples(_GROWN_REQUESTS * run.samples // len(run.batch))

    def _most_samples(self, requests: int) -> int:
        """Of the next run, where so many samples are 16 requests."""
        usual, sample_s = self._settings.max_batch, self._sample_s * self._instances
        if requests > usual and sample_s * usual < _GROWN_S:
            return max(usual, min(int(_GROWN_S / max(sample_s, 1e-9)), requests, _GROWN_SAMPLES))
        return (
            usual if sample_s * usual <= _LONG_S else min(usual, max(int(_LONG_S / sample_s), _LEAST_SAMPLES))
        )

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
            padding = self.model.padding
            columns = (
                [np.concatenate(c) for c in zip(*parts, strict=True)]
                if padding is None
                else padding.joined(parts)
            )
            results = self.model.executor.run(columns, names)
        total = _samples(batch)
        if any(result.ndim == 0 or len(result) != total for result in results):
            raise ExecutionError("the outputs have no row for each sample")
        return list(_rows(batch, dict(zip(names, results, strict=True)), self.model.padding))


def _time_out(listener: Listener, seconds: float) -> None:
    if not listener.done():
        listener.set_exception(too_late(f"the request waited for longer than its {seconds:g} s"))


def _samples(batch: Sequence[_Waiting]) -> int:
    return sum([waiting.samples for waiting in batch])


def _rows(batch: Sequence[_Waiting], results: dict[str, np.ndarray], padding: Padding | None) -> Any:
    start = 0
    for waiting in batch:
        end = start + waiting.samples
        rows = [results[name][start:end] for name in waiting.names]
        if padding is not None:
            rows = [padding.cut(n, y, waiting.arrays) for n, y in zip(waiting.names, rows, strict=True)]
        yield rows
        start = end
