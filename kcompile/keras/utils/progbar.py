"""The progress bar, in Keras's own text or, in a terminal, drawn by rich."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from kcompile_runtime.text import harmless

from .. import registry
from .interactive import is_interactive_logging_enabled, print_msg
from .terminal_bar import TerminalBar


class Progbar:
    """A progress bar in Keras's own text.

    Args:
        target: total number of units expected, None if unknown.
        width: width of the bar in characters, 30.
        verbose: 0 silent, 1 a live bar, 2 one line at the end.
        interval: least seconds between two drawings (verbose 1).
        stateful_metrics: names shown as given; the others are averaged, weighted by units.
        unit_name: what a unit is called behind its time.

    In a terminal rich draws a line of its width. Elsewhere what is printed is Keras's text: in a notebook the
    line is redrawn in place, in a file each drawing is a new line.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 30,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = set(stateful_metrics or ())
        in_notebook = "ipykernel" in sys.modules
        in_terminal = hasattr(sys.stdout, "isatty") and sys.stdout.isatty() and not in_notebook
        looked_at = is_interactive_logging_enabled()
        self._terminal = TerminalBar(width) if in_terminal and verbose == 1 and looked_at else None
        self._dynamic_display = in_terminal or in_notebook
        self._total_width = 0
        self._seen_so_far = 0
        self._values: dict[str, list[Any]] = {}  # name -> [weighted sum, weight]
        self._start = time.time()
        self._last_update = 0.0

    def due(self, current: int) -> bool:
        """Whether ``update(current)`` would draw now, so that values need not be fetched if not."""
        if self.verbose == 1:
            return self._is_final(current) or time.time() - self._last_update >= self.interval
        return self.verbose == 2 and self._is_final(current)

    def update(self, current: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Move to ``current`` units. ``values``: pairs (name, value of the last step)."""
        self._accumulate(current, values or ())
        now = time.time()
        if self.verbose == 1:
            if now - self._last_update < self.interval and self.target is not None and current < self.target:
                return
            self._draw(current, now)
        elif self.verbose == 2 and (self.target is None or current >= self.target):
            text = "".join(_metric_text(k, v, v > 1e-3) for k, v in self._averages())
            self._write(f" - {now - self._start:.0f}s{text}\n")
        self._last_update = now

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Move on by ``n`` units."""
        self.update(self._seen_so_far + n, values)

    def _is_final(self, current: int) -> bool:
        return self.target is not None and current >= self.target

    def _accumulate(self, current: int, values: Iterable[tuple[str, Any]]) -> None:
        units = current - self._seen_so_far
        for name, value in values:
            if name in self.stateful_metrics:
                self._values[name] = [value, 1]
            else:
                total = self._values.setdefault(name, [0, 0])
                total[0] = total[0] + value * units
                total[1] += units
        self._seen_so_far = current

    def _averages(self) -> list[tuple[str, float]]:
        return [
            (name, float(np.mean(total / max(1, weight)))) for name, (total, weight) in self._values.items()
        ]

    def _draw(self, current: int, now: float) -> None:
        info = self._time_text(current, now - self._start)
        metrics = "".join(_metric_text(k, v, abs(v) > 1e-3) for k, v in self._averages())
        if self._terminal is not None and self._is_final(current):
            self._terminal.finish(current, info, metrics)
        elif self._terminal is not None:
            self._terminal.draw(current, self.target, info, metrics)
        else:
            self._draw_text(current, info + metrics)

    def _draw_text(self, current: int, info: str) -> None:
        """As Keras writes it."""
        previous_width = self._total_width
        bar = self._bar_text(current, self.width)
        if self._dynamic_display and not self._is_final(current):  # what wraps cannot be drawn over
            room = shutil.get_terminal_size().columns - 1
            bar = self._bar_text(current, max(3, min(self.width, self.width + room - len(bar + info))))
            info = info[: max(0, room - len(bar))]
        self._total_width = len(bar) + len(info)
        padding = " " * max(0, previous_width - self._total_width)
        lead = "\b" * previous_width + "\r" if self._dynamic_display else "\n"
        self._write(lead + bar + info + padding + ("\n" if self._is_final(current) else ""))

    def _bar_text(self, current: int, width: int) -> str:
        if self.target is None:
            return f"{current:7d}/Unknown"
        filled = int(width * (float(current) / self.target)) if self.target else width
        bar = ""
        if filled > 0:
            bar = "=" * (filled - 1) + (">" if current < self.target else "=")
        bar += "." * (width - filled)
        return f"{current:{len(str(int(self.target)))}d}/{self.target} [{bar}]"

    def _time_text(self, current: int, elapsed: float) -> str:
        per_unit = elapsed / current if current else 0
        if self.target is None or current >= self.target:
            for scale, unit in ((1, "s"), (1e3, "ms")):
                if per_unit * scale >= 1:
                    return f" - {elapsed:.0f}s {per_unit * scale:.0f}{unit}/{self.unit_name}"
            return f" - {elapsed:.0f}s {per_unit * 1e6:.0f}us/{self.unit_name}"
        eta = per_unit * (self.target - current)
        hours, minutes, seconds = int(eta // 3600), int((eta % 3600) // 60), int(eta % 60)
        if eta > 3600:
            return f" - ETA: {hours}:{minutes:02d}:{seconds:02d}"
        if eta > 60:
            return f" - ETA: {int(eta // 60)}:{seconds:02d}"
        return f" - ETA: {int(eta)}s"

    @staticmethod
    def _write(text: str) -> None:
        print_msg(text, line_break=False)


def _metric_text(name: str, value: float, fixed: bool) -> str:
    name = harmless(name)
    return f" - {name}: {value:.4f}" if fixed else f" - {name}: {value:.4e}"


registry.register(globals())
