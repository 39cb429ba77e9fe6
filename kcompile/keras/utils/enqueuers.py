"""Enqueuers: they prepare batches ahead in threads or processes.

An enqueuer keeps at most ``max_queue_size`` batches under way in a pool of workers and hands them out in the
order in which they were asked for. There is no thread of its own: the consumer's ``next()`` asks for more, so
stopping is prompt and an error in a worker reaches the consumer as the same exception. A thread prepares
several batches in a row (a run), since to wake it costs more than a cheap batch does. The worker processes of
a Sequence are those of torch's DataLoader.
"""

from __future__ import annotations

import inspect
import itertools
import multiprocessing
import random
import warnings
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import (
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from queue import SimpleQueue
from typing import Any

import numpy as np

from .. import registry, rules
from .launch import from_first
from .sequences import batches_in

# What the workers read: in a process pool the initializer fills it, in a thread pool it is this process's
# own.
_SHARED_SEQUENCES: dict[int, Any] = {}
_UIDS = itertools.count()


class _Exhausted:
    """What a worker returns when its generator has ended (StopIteration cannot cross a future)."""


def init_pool(seqs: dict[int, Any]) -> None:
    """Initializer of a worker process: remember the sequences by id."""
    global _SHARED_SEQUENCES
    _SHARED_SEQUENCES = seqs


def get_index(uid: int, i: int) -> Any:
    """Batch ``i`` of the sequence with id ``uid``."""
    return _SHARED_SEQUENCES[uid][i]


def init_pool_generator(
    gens: dict[int, Any], random_seed: int | None = None, worker_count: Any = None
) -> None:
    """Initializer of a worker process: remember the generators, seed NumPy with ``random_seed`` + worker."""
    global _SHARED_SEQUENCES
    _SHARED_SEQUENCES = gens
    if random_seed is None:
        return
    worker = 0
    if worker_count is not None:
        with worker_count.get_lock():
            worker = worker_count.value
            worker_count.value += 1
    np.random.seed((random_seed + worker) % 2**32)


def next_sample(uid: int) -> Any:
    """Next batch of the generator with id ``uid``; StopIteration at its end."""
    return next(_SHARED_SEQUENCES[uid])


def _next_or_end(uid: int) -> Any:
    try:
        return next_sample(uid)
    except StopIteration:
        return _Exhausted()


class _Run:
    """Batches that one worker prepares, one after the other.

    Args:
        what: what they are, for errors.
        calls: makes each of them.
    """

    def __init__(self, what: str, calls: list[Callable[[], Any]]) -> None:
        self.what = what
        self.calls = calls
        self.left = len(calls)
        self.future: Future[Any] | None = None
        self._outcomes: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def work(self) -> None:
        """What the worker does."""
        for call in self.calls:
            try:
                batch = call()
            except BaseException as error:
                self._outcomes.put((None, error))
                return
            self._outcomes.put((batch, None))
            if isinstance(batch, _Exhausted):
                return

    def finish(self, future: Future[Any]) -> None:
        """Takes over the one batch that another process has made."""
        error = CancelledError() if future.cancelled() else future.exception()
        self._outcomes.put((None if error else future.result(), error))

    def take(self) -> Any:
        """The next batch, as soon as it is there; raises what its maker raised."""
        batch, error = self._outcomes.get()
        self.left = 0 if error is not None or isinstance(batch, _Exhausted) else self.left - 1
        if error is not None:
            raise error
        return batch

    def cancel(self) -> None:
        """Ends the run after the batch that the worker is at; whoever waits for one is told so."""
        self.calls.clear()
        if self.future is not None:
            self.future.cancel()
        self._outcomes.put((None, CancelledError()))


class SequenceEnqueuer:
    """Base of the enqueuers.

    Args:
        sequence: what gives the batches.
        use_multiprocessing: workers are processes instead of threads.

    Use: ``start(workers, max_queue_size)``, iterate over ``get()``, ``stop()``.
    """

    def __init__(self, sequence: Any, use_multiprocessing: bool = False) -> None:
        self.sequence = sequence
        self.use_multiprocessing = use_multiprocessing
        self.uid = next(_UIDS)
        self.workers = 0
        self.max_queue_size = 10
        self._executor: Executor | None = None
        self._window: deque[_Run] = deque()
        self._running = False

    def is_running(self) -> bool:
        """Whether ``start`` was called and ``stop`` was not."""
        return self._running

    def start(self, workers: int = 1, max_queue_size: int = 10) -> None:
        """Start the workers; they begin to prepare batches at once.

        Args:
            workers: number of threads or processes, at least one.
            max_queue_size: how many batches may be under way or ready.
        """
        if self._running:
            raise RuntimeError("This enqueuer is running already; call stop() first.")
        self.workers = max(1, int(workers))
        self.max_queue_size = max(1, int(max_queue_size))
        _SHARED_SEQUENCES[self.uid] = self.sequence
        self._running = True
        try:
            self._open()
            self._fill()
        except BaseException:
            self.stop()
            raise

    def stop(self, timeout: float | None = None) -> None:
        """Drop what is queued and end the workers, waiting for the batches they are at.

        Args:
            timeout: longest wait in seconds, None for as long as it takes.
        """
        self._running = False
        self._close(timeout)
        _SHARED_SEQUENCES.pop(self.uid, None)

    @abstractmethod
    def _open(self) -> None:
        """Create the executor."""
        raise NotImplementedError

    @abstractmethod
    def _fill(self) -> None:
        """Submit work until the window is full."""
        raise NotImplementedError

    def _missing(self) -> int:
        """How many batches the next run is to have; 0 while enough are under way."""
        size = 1 if self.use_multiprocessing else max(1, self.max_queue_size // (2 * self.workers))
        return size if sum(run.left for run in self._window) + size <= self.max_queue_size else 0

    @abstractmethod
    def get(self) -> Iterator[Any]:
        """Generator of batches; a batch that is None is skipped."""
        raise NotImplementedError

    def _new_executor(
        self, workers: int, initializer: Callable[..., None], initargs: tuple[Any, ...]
    ) -> Executor:
        if not self.use_multiprocessing:
            return ThreadPoolExecutor(workers, thread_name_prefix="kcompile-data")
        return ProcessPoolExecutor(
            workers, mp_context=multiprocessing.get_context(), initializer=initializer, initargs=initargs
        )

    def _submit(self, what: str, calls: list[Callable[[], Any]]) -> None:
        if self._executor is None:
            raise RuntimeError("The enqueuer is stopped.")
        run = _Run(what, calls)
        try:
            if self.use_multiprocessing:
                run.future = self._executor.submit(calls[0])
                run.future.add_done_callback(run.finish)
            else:
                run.future = self._executor.submit(run.work)
        except BrokenProcessPool as error:
            raise self._worker_died(what) from error
        self._window.append(run)

    def _take(self) -> Any:
        run = self._window[0]
        try:
            return run.take()
        except BrokenProcessPool as error:
            raise self._worker_died(run.what) from error
        finally:
            if not run.left and self._window:
                self._window.popleft()

    @staticmethod
    def _worker_died(what: Any) -> RuntimeError:
        return RuntimeError(
            f"A data worker process died before {what} was ready. It may have run out of memory, crashed in "
            "native code, or failed to receive the data (a sequence must be picklable where processes are "
            "not forked). Try use_multiprocessing=False."
        )

    def _close(self, timeout: float | None = None) -> None:
        executor, self._executor = self._executor, None
        runs = list(self._window)
        self._window.clear()
        for run in runs:
            run.cancel()
        if executor is None:
            return
        if timeout is not None:
            wait([run.future for run in runs if run.future is not None], timeout)
        executor.shutdown(wait=timeout is None, cancel_futures=True)


class OrderedEnqueuer(SequenceEnqueuer):
    """Batches of a Sequence, epoch after epoch without end, in order.

    Args:
        sequence: a Sequence, or anything with ``__getitem__`` and ``__len__``.
        use_multiprocessing: workers are processes instead of threads.
        shuffle: draw a new order of the batches (Python's ``random``) for each epoch.

    ``on_epoch_end`` of the sequence runs after the consumer is done with an epoch's last batch: when it asks
    for the next one or calls ``join_end_of_epoch``.
    """

    def __init__(self, sequence: Any, use_multiprocessing: bool = False, shuffle: bool = False) -> None:
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle
        self._order: deque[int] = deque()
        self._epoch = 0
        self._loader: Any = None

    def _open(self) -> None:
        order = list(range(batches_in(self.sequence) or 0))
        if not order:
            raise ValueError(f"{type(self.sequence).__name__} has no batches: its __len__ is 0.")
        if self.shuffle:
            random.shuffle(order)
            order = from_first(order)
        self._order = deque(order)
        if self.use_multiprocessing:
            from ...torch_bridge.loading import Loader

            seed = _seed_from_numpy() + 1_000_003 * self._epoch
            self._loader = Loader(self.sequence, order, self.workers, self.max_queue_size, seed)
        elif self._executor is None:
            self._executor = self._new_executor(self.workers, init_pool, ({self.uid: self.sequence},))

    def _fill(self) -> None:
        while self._loader is None and self._order and (count := self._missing()):
            indices = [self._order.popleft() for _ in range(min(count, len(self._order)))]
            named = f"batch {indices[0]}" if len(indices) == 1 else f"one of the batches {indices}"
            self._submit(named, [partial(get_index, self.uid, index) for index in indices])

    def _take(self) -> Any:
        if self._loader is None:
            return super()._take()
        from ...torch_bridge.loading import WorkerDiedError

        index = self._order.popleft()
        try:
            return self._loader.take()
        except WorkerDiedError as error:
            raise self._worker_died(f"batch {index}") from error

    def _close(self, timeout: float | None = None) -> None:
        super()._close(timeout)
        if self._loader is not None:
            self._loader.close()
            self._loader = None

    def _next_epoch(self) -> None:
        on_epoch_end = getattr(self.sequence, "on_epoch_end", None)
        if on_epoch_end is not None:
            on_epoch_end()
        self._epoch += 1
        if self.use_multiprocessing:
            self._close()  # new processes see what on_epoch_end and the callbacks changed
        self._open()
        self._fill()

    def join_end_of_epoch(self) -> None:
        """Say that the epoch's batches have been used; the next epoch's batches begin to be prepared."""
        if self._running and not self._window and not self._order:
            self._next_epoch()

    def get(self) -> Iterator[Any]:
        """Generator of batches without end. A worker's exception is raised here and stops the enqueuer."""
        try:
            while self._running:
                if not self._window and not self._order:
                    self._next_epoch()
                batch = self._take()
                self._fill()
                if batch is not None:
                    yield batch
        except Exception:
            self.stop()
            raise


def _seed_from_numpy() -> int:
    # Reads NumPy's global state without drawing from it, so that the main program's numbers stay as they are.
    state = np.random.RandomState()
    state.set_state(np.random.get_state())
    return int(state.randint(2**31 - 1))


class GeneratorEnqueuer(SequenceEnqueuer):
    """Batches of a generator, prepared ahead.

    Args:
        sequence: a generator or iterator of batches; it may end.
        use_multiprocessing: each worker process has its own copy of the generator (so data may repeat).
        wait_time: no longer used.
        random_seed: NumPy's seed in the first worker process, one more in each next.

    A generator cannot run in two threads at once, so with threads it has one worker, which also keeps the
    order. Other iterators are called from all threads and must be safe for that.
    """

    @rules.with_arguments
    def __init__(
        self,
        sequence: Any,
        use_multiprocessing: bool = False,
        wait_time: float | None = None,
        random_seed: int | None = None,
    ) -> None:
        super().__init__(sequence, use_multiprocessing)
        self.random_seed = random_seed
        self._ended = False
        if wait_time is not None:
            warnings.warn("`wait_time` is not used anymore.", DeprecationWarning, stacklevel=2)

    def _open(self) -> None:
        self._ended = False
        alone = inspect.isgenerator(self.sequence) and not self.use_multiprocessing
        count = multiprocessing.get_context().Value("i", 0) if self.use_multiprocessing else None
        initargs = ({self.uid: self.sequence}, self.random_seed, count)
        self._executor = self._new_executor(1 if alone else self.workers, init_pool_generator, initargs)

    def _fill(self) -> None:
        while not self._ended and (count := self._missing()):
            self._submit("the generator's next batch", [partial(_next_or_end, self.uid)] * count)

    def get(self) -> Iterator[Any]:
        """Generator of batches until the source ends. An exception of the source is raised here."""
        try:
            while self._running and (self._window or not self._ended):
                batch = self._take()
                if isinstance(batch, _Exhausted):
                    self._ended = True
                    continue
                self._fill()
                if batch is not None:
                    yield batch
        except Exception:
            self.stop()
            raise


registry.register(globals())
