"""Tables in a terminal, and numbers as people read them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from kcompile_runtime.text import harmless


def console(file: Any = None, width: int = 160) -> Any:
    """A rich console on the present stdout, or another file; wide enough not to cut tables that go to a file
    or pipe."""
    from rich.console import Console

    terminal = file is None and sys.stdout.isatty()
    return Console(file=file, width=None if terminal else width, highlight=False, soft_wrap=False)


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[int] = ()
) -> Any:
    """A table; the columns in ``right`` are aligned to the right, and names from files made harmless."""
    from rich import box
    from rich.table import Table

    made = Table(title=_cell(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    made.show_header = any(columns)
    for i, column in enumerate(columns):
        made.add_column(_cell(column), justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_cell(value) for value in row))
    return made


def _cell(value: Any) -> str:
    from rich.markup import escape

    return escape(f"{value:,}" if isinstance(value, int) else harmless(value))


def format_shape(shape: Sequence[Any] | None) -> str:
    """(None, 28, 28) as ``(?, 28, 28)``."""
    if shape is None:
        return "?"
    inner = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def format_bytes(count: float) -> str:
    """1536 as ``1.5 KiB``."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.2f} GiB"


def format_seconds(seconds: float) -> str:
    """0.00123 as ``1.23 ms``."""
    if abs(seconds) >= 1:
        return f"{seconds:.2f} s"
    return f"{1e3 * seconds:.2f} ms" if abs(seconds) >= 1e-3 else f"{1e6 * seconds:.1f} us"


def format_rate(count: float, unit: str) -> str:
    """3.2e10 of ``FLOP/s`` as ``32 GFLOP/s``; steps of a thousand."""
    for prefix in ("", "k", "M", "G"):
        if abs(count) < 1000:
            return f"{count:.3g} {prefix}{unit}"
        count /= 1000
    return f"{count:.4g} T{unit}"
