"""Callbacks that keep or show what training does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import registry
from ..utils.generic_utils import Progbar
from ..utils.interactive import print_msg
from ..utils.plots import plot_history
from .base import Callback
from .logs import BatchLogs, Logs, samples_in


class BaseLogger(Callback):
    """Puts each metric's mean over the epoch into the epoch's logs.

    Args:
        stateful_metrics: names whose last value is taken instead of the mean.

    Batch logs that carry means of their own (``BatchLogs.has_means``) are left unread: who makes them
    averages.
    """

    def __init__(self, stateful_metrics: Iterable[str] | None = None) -> None:
        super().__init__()
        self.stateful_metrics = set(stateful_metrics or ())
        self.seen = 0
        self.totals: dict[str, Any] = {}

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.seen = 0
        self.totals = {}

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        if isinstance(logs, BatchLogs) and logs.has_means:
            return
        logs = {} if logs is None else logs
        size = logs.get("size", 0)
        self.seen += size
        for name, value in logs.items():
            if name in self.stateful_metrics:
                self.totals[name] = value
            else:
                self.totals[name] = self.totals.get(name, 0) + value * size

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is None:
            return
        for name in self.params["metrics"]:
            if name in self.totals:
                total = self.totals[name]
                logs[name] = total if name in self.stateful_metrics else total / self.seen


class History(Callback):
    """Keeps ``epoch``, the epochs, and ``history``, a list of values per metric; ``fit`` returns it.

    ``history`` understands the metric names of Keras 2.0 to 2.2 ("val_acc") beside those of 2.3.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = Logs()

    def on_train_begin(self, logs: Any = None) -> None:
        self.epoch = []
        self.history = Logs()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def plot(self, to_file: Any = None) -> Any:
        """Draws the metrics over the epochs by matplotlib, a panel each with training and validation.

        Args:
            to_file: where to save it as well; the ending says the format.

        Returns:
            The ``matplotlib.figure.Figure``.

        Raises:
            ImportError: matplotlib is not installed. ValueError: before any epoch.
        """
        return plot_history(self.history, self.epoch, to_file)


class ProgbarLogger(Callback):
    """Shows training on standard output.

    Args:
        count_mode: "samples" or "steps", what the bar counts.
        stateful_metrics: names shown as they are; the others are averaged.

    From logs that carry means it reads only when the bar is drawn, at most every 0.05 s.

    Raises:
        ValueError: for another ``count_mode``.
    """

    def __init__(self, count_mode: str = "samples", stateful_metrics: Iterable[str] | None = None) -> None:
        super().__init__()
        if count_mode not in ("samples", "steps"):
            raise ValueError(f"Unknown `count_mode`: {count_mode}; expected 'samples' or 'steps'.")
        self.use_steps = count_mode == "steps"
        self.stateful_metrics = set(stateful_metrics or ())
        self.seen = 0
        self.target: int | None = None
        self.log_values: list[tuple[str, Any]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.verbose = self.params["verbose"]
        self.epochs = self.params["epochs"]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.seen = 0
        self.log_values = []
        self.target = self.params.get("steps" if self.use_steps else "samples")
        if self.verbose:
            print_msg(f"Epoch {epoch + 1}/{self.epochs}")
            self.progbar = Progbar(self.target, verbose=self.verbose, stateful_metrics=self.stateful_metrics)

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        logs = {} if logs is None else logs
        self.seen += 1 if self.use_steps else samples_in(logs)
        if not self.verbose:
            return
        is_last = self.target is not None and self.seen >= self.target  # on_epoch_end draws that one
        if isinstance(logs, BatchLogs) and logs.has_means:
            if not is_last and self.progbar.due(self.seen):
                self._show(logs.means(), as_they_are=True)
            return
        if is_last:
            self.log_values = self._wanted(logs)
        else:
            self._show(logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not self.verbose:
            return
        if self.target is None:
            self.progbar.target = self.seen  # now it is known, and the line is ended
        # Values still to be averaged in are the last batch's; without them the epoch's logs are the averages.
        self._show({} if logs is None else logs, as_they_are=not self.log_values)

    def _wanted(self, logs: Any) -> list[tuple[str, Any]]:
        return [(name, logs[name]) for name in self.params["metrics"] if name in logs]

    def _show(self, logs: Any, as_they_are: bool = False) -> None:
        values = self._wanted(logs)
        if as_they_are:
            self.progbar.stateful_metrics.update(name for name, _ in values)
        self.progbar.update(self.seen, [*self.log_values, *values])
        self.log_values = []


registry.register(globals())
