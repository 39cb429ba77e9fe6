"""A bar on stderr for commands that take long; nothing where stderr is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..progress import listening

_PATIENCE = 1.0
"""Seconds before the bar appears."""


@contextmanager
def progress_bar() -> Iterator[None]:
    """Shows what the work in the block says of itself, from the first second on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True),
        transient=True, redirect_stdout=False, redirect_stderr=False,
    )  # fmt: skip
    task = bar.add_task("reading", total=None)
    start = time.monotonic()

    def show(stage: str, part: float | None) -> None:
        changes: dict[str, Any] = {"description": stage, "total": None if part is None else 1.0}
        bar.update(task, completed=part or 0.0, **changes)
        if not bar.live.is_started and time.monotonic() - start > _PATIENCE:
            bar.start()

    with listening(show):
        try:
            yield
        finally:
            bar.stop()
