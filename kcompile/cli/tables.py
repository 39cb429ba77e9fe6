"""What the commands print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from kcompile_runtime.text import harmless


def console() -> Any:
    """A rich console on the present stdout; wide enough not to cut tables that go to a file or pipe."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160, highlight=False, soft_wrap=False)


def say(text: object, file: Any = None) -> None:
    """Prints a text in which there may be names from a file."""
    print(harmless(text, lines=True), file=file)


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[int] = ()
) -> Any:
    """A table; the columns in ``right`` are aligned to the right."""
    from rich import box
    from rich.table import Table

    made = Table(title=_cell(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        made.add_column(column, justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_cell(value) for value in row))
    return made


def _cell(value: Any) -> str:
    from rich.markup import escape

    return escape(f"{value:,}" if isinstance(value, int) else harmless(value))


def tell(found: dict[str, Any], text: str, as_json: bool) -> None:
    """Prints what a command found: as JSON for programs, or the text for people."""
    say(json.dumps(found, indent=2) if as_json else text)


def format_shape(shape: Sequence[Any] | None) -> str:
    """(None, 28, 28) as ``(?, 28, 28)``."""
    if shape is None:
        return "?"
    inner = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def format_bytes(count: int) -> str:
    """1536 as ``1.5 KiB``."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.2f} GiB"
