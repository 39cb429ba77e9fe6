"""Under torchrun: which of the processes this is. Reads the environment only: it costs nothing elsewhere."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ...ir import Parameter


@dataclass(frozen=True)
class Launch:
    """One of the processes that train together.

    Attributes:
        rank: from 0; the process with rank 0 prints and writes.
        world: how many there are.
    """

    rank: int
    world: int


def launched() -> Launch | None:
    """This process's place among those that torchrun started; None where it was not, or alone."""
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    rank, world, *address = (os.environ.get(name, "") for name in names)
    if not (rank.isdigit() and world.isdigit() and all(address)) or int(world) < 2:
        return None
    return Launch(int(rank), int(world))


def from_first(value: Any) -> Any:
    """What the process with rank 0 passes; in each of them the same. ``value`` itself where there is one
    process.
    """
    launch = launched()
    if launch is None:
        return value
    from ...torch_bridge.parallel import launched as together

    return together.from_first(value, launch.rank, launch.world)


def synchronize(model: Any) -> None:
    """Weights, optimizer and random numbers as the process with rank 0 has them."""
    launch = launched()
    if launch is None:
        return
    from ...torch_bridge.parallel import launched as together

    own = [*model.weights, *model.optimizer.weights]
    own += [value for value in vars(model.optimizer).values() if isinstance(value, Parameter)]
    together.synchronize(list(dict.fromkeys(own)), launch.rank, launch.world)


@contextlib.contextmanager
def only_first_prints() -> Iterator[None]:
    """What is printed inside is seen from the process with rank 0 only."""
    launch = launched()
    if launch is None or launch.rank == 0:
        yield
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def without_writers(callbacks: Any) -> list[Any]:
    """The callbacks, without those that write files or send reports unless this process has rank 0."""
    launch = launched()
    if launch is None or launch.rank == 0:
        return list(callbacks or ())
    return [callback for callback in callbacks or () if not getattr(callback, "_writes", False)]


_spread: ContextVar[tuple[str, ...]] = ContextVar("spread", default=())


@contextlib.contextmanager
def spread_over(devices: Sequence[str]) -> Iterator[None]:
    """Models that are compiled inside are trained on these devices, each on its part of every batch."""
    token = _spread.set(tuple(devices))
    try:
        yield
    finally:
        _spread.reset(token)


def devices_to_spread_over() -> tuple[str, ...]:
    """The devices of the ``spread_over`` that is in force; none under torchrun, whose processes they are."""
    return () if launched() else _spread.get()
