"""The states of a stateful model, for each client that says which sequence its request goes on."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..executor import Executor
from .errors import bad_request
from .limits import Limits


@dataclass(frozen=True)
class SequenceStep:
    """Which sequence a request belongs to, and whether it begins or ends it."""

    id: int | str
    start: bool = False
    end: bool = False


class _Session:
    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.bytes = 0
        self.used = time.monotonic()


class Sessions:
    """Sessions of one model, the least used of which are forgotten beyond the limits. Safe for threads.

    A request that names no sequence starts from the initial states and leaves nothing behind.
    """

    def __init__(self, executor: Executor, limits: Limits) -> None:
        self._executor = executor
        self._limits = limits
        self._lock = threading.Lock()
        self._open: OrderedDict[int | str, _Session] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._open)

    def run(
        self, sequence: SequenceStep | None, arrays: Sequence[np.ndarray], names: Sequence[str]
    ) -> list[Any]:
        """One run that goes on from the states of its sequence.

        Raises:
            ServingError: 400 for a sequence that was not started, has ended, or was forgotten.
            InputError: for a number of samples that does not fit the states.
        """
        if sequence is None:
            return self._executor.new_session().run(list(arrays), names)
        session = self._find(sequence)
        results = session.executor.run(list(arrays), names)
        self._keep(sequence, session)
        return results

    def _find(self, sequence: SequenceStep) -> _Session:
        with self._lock:
            self._forget_idle()
            if sequence.start:
                self._drop(sequence.id)
                self._open[sequence.id] = _Session(self._executor.new_session())
            session = self._open.get(sequence.id)
            if session is None:
                raise bad_request(
                    f"there is no sequence {sequence.id!r}: it was not started, has ended, or was idle for "
                    "long; begin it with sequence_start"
                )
            session.used = time.monotonic()
            self._open.move_to_end(sequence.id)
            return session

    def _keep(self, sequence: SequenceStep, session: _Session) -> None:
        size = sum(array.nbytes for array in session.executor.get_states().values())
        with self._lock:
            if self._open.get(sequence.id) is not session:
                return
            self._bytes += size - session.bytes
            session.bytes = size
            if sequence.end:
                self._drop(sequence.id)
            while self._bytes > self._limits.session_bytes and self._open:
                self._drop(next(iter(self._open)))

    def _forget_idle(self) -> None:
        oldest = time.monotonic() - self._limits.session_seconds
        while self._open and next(iter(self._open.values())).used < oldest:
            self._drop(next(iter(self._open)))

    def _drop(self, key: int | str) -> None:
        session = self._open.pop(key, None)
        if session is not None:
            self._bytes -= session.bytes
