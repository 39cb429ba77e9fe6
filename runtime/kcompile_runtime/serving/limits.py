"""What a server takes at most, and how it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """Bounds that are looked at before anything is allocated.

    Attributes:
        body_bytes: of one request.
        tensors: inputs or outputs that one request may name.
        name_length: characters of a name.
        elements: of one tensor.
        body_seconds: that its body may take to arrive.
        queue: requests that wait for one model.
        queue_bytes: their tensors.
        queue_seconds: a request is refused if it would wait for longer, by the time that runs took so far,
            or if its run has not begun by then.
        session_bytes: states of all sessions of one model.
        session_seconds: a session that is idle for longer is forgotten.
    """

    body_bytes: int = 64 << 20
    tensors: int = 256
    name_length: int = 256
    elements: int = 1 << 28
    body_seconds: float = 60.0
    queue: int = 1024
    queue_bytes: int = 512 << 20
    queue_seconds: float = 10.0
    session_bytes: int = 256 << 20
    session_seconds: float = 600.0


@dataclass(frozen=True)
class QueuePolicy:
    """What becomes of requests of one priority.

    Attributes:
        timeout_s: how long they may wait; None for any time.
        overridable: whether a request may say a time of its own that is shorter.
        requests: that wait at a time; None for what the limits say.
    """

    timeout_s: float | None = None
    overridable: bool = True
    requests: int | None = None

    def timeout(self, asked_s: float | None) -> float | None:
        """How long a request may wait that asks for so long."""
        if asked_s is None or not self.overridable:
            return self.timeout_s
        return asked_s if self.timeout_s is None else min(asked_s, self.timeout_s)


@dataclass(frozen=True)
class Settings:
    """How models are run.

    Attributes:
        max_batch: samples of one run.
        delay_s: how long the first request of a run waits for others; with 0 a run takes what waits already.
        instances: runs of one model at a time.
        intra_op_threads: threads of one run; None for the cores, divided by the instances, but for one
            that is left to the protocols where runs are short.
        limits: see there.
        joins: whether requests are joined into runs at all.
        priority_levels: priorities of requests are 1 to this; 0 for any.
        default_priority: of requests that name none, or one beyond the levels; 0 for after all others.
        policy, policies: of requests, and by priority where it is another.
        refuses_nan: whether inputs with a NaN are refused.
        pads: by the names of inputs, what their inner open axes may be filled up with where requests of
            other lengths are joined: the model has to mask it.
        inputs, outputs: names that the model is to have; none for whatever it has.
        batch_is_open: whether ``max_batch`` gives way to what the settings beside a model say, or, without
            these, to what its runs take.
    """

    max_batch: int = 32
    delay_s: float = 0.0
    instances: int = 1
    intra_op_threads: int | None = None
    limits: Limits = Limits()
    joins: bool = True
    priority_levels: int = 0
    default_priority: int = 0
    policy: QueuePolicy = QueuePolicy()
    policies: Mapping[int, QueuePolicy] = field(default_factory=dict)
    refuses_nan: bool = False
    pads: Mapping[str, float] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    batch_is_open: bool = False
