"""What a server takes at most, and how it works."""

from __future__ import annotations

from dataclasses import dataclass


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
        queue_seconds: a request is refused if it would wait for longer, by the time that runs took so far.
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
class Settings:
    """How models are run.

    Attributes:
        max_batch: samples of one run.
        delay_s: how long the first request of a run waits for others; with 0 a run takes what waits already.
        instances: runs of one model at a time.
        intra_op_threads: threads of one run; None for the cores but one, divided by the
            instances.
        limits: see there.
    """

    max_batch: int = 32
    delay_s: float = 0.0
    instances: int = 1
    intra_op_threads: int | None = None
    limits: Limits = Limits()
