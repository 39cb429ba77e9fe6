"""The states of a stateful model, for each client that says which sequence its request goes on."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ExecutionError, InputError
from ..states import StateInfo
from .errors import bad_request
from .limits import Limits
from .model import Model


@dataclass(frozen=True)
class SequenceStep:
    """Which sequence a request belongs to, and whether it begins or ends it."""

    id: int | str
    start: bool = False
    end: bool = False


OVERHEAD = 2048
"""Bytes of a session beside its states, at most."""


class _Session:
    __slots__ = ("bytes", "states", "used")

    def __init__(self) -> None:
        self.states: dict[str, np.ndarray] = {}
        self.bytes = 0
        self.used = time.monotonic()


class Sessions:
    """Sessions of one model, the least used of which are forgotten beyond the limits. Safe for threads.

    A request that names no sequence starts from the initial states and leaves nothing behind.

    Args:
        model: whose executor runs; its own states are never touched.
        limits: bytes of all states together, and seconds that a session may idle.
    """

    def __init__(self, model: Model, limits: Limits) -> None:
        self._executor = model.executor
        self._model = model
        self._limits = limits
        self._lock = threading.Lock()
        self._open: OrderedDict[int | str, _Session] = OrderedDict()
        self._bytes = 0
        axes = {state.input: _sample_axes(state, model.sample_axis) for state in model.executor.states}
        self._axes = {name: found[0] for name, found in axes.items() if len(found) == 1}
        #: Whether steps of different sequences can be one run: every state has one axis of samples.
        self.joinable = model.has_samples and len(self._axes) == len(axes)

    def __len__(self) -> int:
        return len(self._open)

    def run(self, sequence: SequenceStep | None, arrays: Sequence[np.ndarray], names: list[str]) -> list[Any]:
        """One run that goes on from the states of its sequence.

        Raises:
            ServingError: 400 for a sequence that was not started, has ended, or was forgotten.
            InputError: for a number of samples that does not fit the states.
        """
        if sequence is None:
            return self._executor.new_session().run(list(arrays), names)
        session = self._find(sequence)
        self._check_samples(session.states, arrays)
        executor = self._executor.new_session()
        executor.set_states(session.states)
        results = executor.run(list(arrays), names)
        self._keep(sequence, session, executor.get_states())
        return results

    def run_joined(
        self, sequences: Sequence[SequenceStep], parts: Sequence[list[np.ndarray]], names: list[str]
    ) -> list[Any]:
        """One run for steps of different sequences; where it fails, no sequence has gone on.

        Args:
            sequences: each another one.
            parts: their inputs, equal in shape but for axis 0.
            names: of outputs.

        Returns:
            The outputs of all, joined along axis 0.

        Raises:
            ServingError, InputError: as for `run`.
            ExecutionError: outputs or states have no row for each sample.
        """
        sessions = [self._find(sequence) for sequence in sequences]
        before = [self._states(session, arrays) for session, arrays in zip(sessions, parts, strict=True)]
        joint = self._executor.new_session()
        joint.set_states(
            {
                name: np.concatenate([states[name] for states in before], axis)
                for name, axis in self._axes.items()
            }
        )
        results = joint.run([np.concatenate(column) for column in zip(*parts, strict=True)], names)
        after = joint.get_states()
        counts = [len(arrays[0]) for arrays in parts]
        sizes = [after[name].shape[axis] for name, axis in self._axes.items()]
        if {*sizes, *(len(result) if result.ndim else 0 for result in results)} != {sum(counts)}:
            raise ExecutionError("the outputs and states have no row for each sample")
        places = np.cumsum(counts)[:-1]
        cut = {name: np.split(after[name], places, axis) for name, axis in self._axes.items()}
        for index, (sequence, session) in enumerate(zip(sequences, sessions, strict=True)):
            self._keep(sequence, session, {name: parts[index].copy() for name, parts in cut.items()})
        return results

    def _states(self, session: _Session, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """The states that a step starts from."""
        if session.states:
            self._check_samples(session.states, arrays)
            return session.states
        axes = {
            size: array.shape[axis]
            for info, array in zip(self._model.inputs, arrays, strict=True)
            for axis, size in enumerate(info.shape or ())
            if isinstance(size, str)
        }
        return {state.input: state.allocate(len(arrays[0]), axes) for state in self._executor.states}

    def _check_samples(self, states: Mapping[str, np.ndarray], arrays: Sequence[np.ndarray]) -> None:
        if not self._model.has_samples:
            return
        for name, array in states.items():
            axis = self._axes.get(name)
            if axis is not None and array.shape[axis] != len(arrays[0]):
                raise InputError(
                    f"the sequence has states for {array.shape[axis]} samples, this request has "
                    f"{len(arrays[0])}: send as many, or begin anew with sequence_start"
                )

    def _find(self, sequence: SequenceStep) -> _Session:
        with self._lock:
            self._forget_idle()
            if sequence.start:
                self._drop(sequence.id)
                self._open[sequence.id] = _Session()
            session = self._open.get(sequence.id)
            if session is None:
                raise bad_request(
                    f"there is no sequence {sequence.id!r}: it was not started, has ended, or was idle for "
                    "long; begin it with sequence_start"
                )
            session.used = time.monotonic()
            self._open.move_to_end(sequence.id)
            return session

    def _keep(self, sequence: SequenceStep, session: _Session, states: dict[str, np.ndarray]) -> None:
        size = OVERHEAD + sum(array.nbytes for array in states.values())
        with self._lock:
            session.states = states
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


def _sample_axes(state: StateInfo, name: str | None) -> list[int]:
    """The axes of a state that count samples: unnamed ones, and those of the name that inputs have for it."""
    return [axis for axis, size in enumerate(state.shape) if size is None or size == name]
