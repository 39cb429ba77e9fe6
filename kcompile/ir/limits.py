"""How much may be emitted: who makes a graph by the word of a file bounds the work that its numbers cost."""

from __future__ import annotations

import contextvars
from collections.abc import Callable

from .scope import current_scope

#: Steps of about ten nanoseconds that a node takes to emit, types and shapes included.
NODE_STEPS = 20_000

_current: contextvars.ContextVar[WorkLimit | None] = contextvars.ContextVar("work_limit", default=None)


class WorkLimit:
    """``with`` scope in which nodes, constants and loops are counted.

    Args:
        steps: how many are allowed.
        refuse: makes the error from a text that says who wanted what.
    """

    def __init__(self, steps: int, refuse: Callable[[str], Exception]) -> None:
        self._left = steps
        self._refuse = refuse
        self._tokens: list[contextvars.Token[WorkLimit | None]] = []

    def __enter__(self) -> WorkLimit:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(self, *exc_info: object) -> None:
        _current.reset(self._tokens.pop())

    def claim(self, steps: int, what: str) -> None:
        """Counts steps before they are taken."""
        self._left -= steps
        if self._left < 0:
            scope = current_scope()
            raise self._refuse(f"{f'layer {scope!r} asks for ' if scope else ''}{what}")


def claim_steps(steps: int, what: str) -> None:
    """Says that so many steps are about to be taken: elements computed, rounds of a loop. Outside of a
    ``WorkLimit`` any number is allowed.

    Args:
        steps: of about ten nanoseconds.
        what: what takes them, for the error: "output_size=1000000000".
    """
    limit = _current.get()
    if limit is not None:
        limit.claim(steps, what)


def claim_node(op_type: str) -> None:
    """Says that a node is emitted."""
    limit = _current.get()
    if limit is not None:
        limit.claim(NODE_STEPS, f"too many operators, the last one {op_type}")
