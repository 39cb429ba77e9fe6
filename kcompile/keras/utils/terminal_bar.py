"""The line of a progress bar in a terminal, drawn by rich: as wide as the terminal lets it be."""

from __future__ import annotations

import sys
from typing import Any

_LEAST = 5
_GAP = 2
_TO_START = "\r\x1b[2K"  # of a line that is empty from here on


class TerminalBar:
    """One line of a terminal that is drawn over until it is done.

    Nothing but that line is touched, so that whatever else prints, and an error, leave the terminal whole.

    Args:
        width: of the bar, where there is room.
    """

    def __init__(self, width: int) -> None:
        from rich.console import Console

        self.width = width
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True)

    def draw(self, current: int, target: int | None, info: str, metrics: str) -> None:
        """Draws over the line.

        Args:
            current: units that are done.
            target: of how many; None where nobody knows.
            info: how long it takes.
            metrics: shown as far as there is room.
        """
        count = f"{current}/?" if target is None else f"{current:{len(str(target))}d}/{target}"
        room = self.console.width - 1
        used = len(count) + len(info) + _GAP
        width = max(_LEAST, min(self.width, room - used - len(metrics) - _GAP))
        fits = target is not None and used + width <= room
        line = self._line(count, self._bar(current, target, width) if fits else None, info, metrics)
        line.truncate(room, overflow="ellipsis")
        self._write(line, end="")

    def finish(self, current: int, info: str, metrics: str) -> None:
        """Ends the line, with all metrics, in as many lines as they take."""
        bar = self._bar(current, current, self.width) if self.console.width > 2 * self.width else None
        self._write(self._line(f"{current}/{current}", bar, info, metrics), end="\n")

    def _line(self, count: str, bar: Any, info: str, metrics: str) -> Any:
        from rich.text import Text

        line = Text(count, style="bold")
        if bar is not None:
            line = line.append(" ").append_text(bar)
        return line.append(info, style="cyan").append(metrics, style="not bold")

    def _bar(self, current: int, target: int | None, width: int) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        bar = ProgressBar(total=target, completed=current, width=width)
        text = Text(no_wrap=True)
        for segment in self.console.render(bar, self.console.options.update(width=width, height=1)):
            if segment.text.strip("\n"):
                text.append(segment.text, segment.style)
        return text

    def _write(self, line: Any, end: str) -> None:
        with self.console.capture() as captured:
            self.console.print(line, end=end)
        sys.stdout.write(_TO_START + captured.get())
        sys.stdout.flush()
