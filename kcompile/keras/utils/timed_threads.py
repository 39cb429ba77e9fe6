"""Something done beside the training, at intervals: ``tf.keras.utils.TimedThread``."""

from __future__ import annotations

import threading
import warnings
from abc import abstractmethod
from typing import Any

from .. import registry


class TimedThread:
    """A thread that calls ``on_interval``, which a subclass defines, at once and then every so often.

    It runs from ``start`` to ``stop``, or within ``with``.

    Args:
        interval: seconds between two calls.
        daemon: whether the program may end while it runs, True.
        **kwargs: for ``threading.Thread``.
    """

    def __init__(self, interval: float, **kwargs: Any) -> None:
        self.interval = interval
        self.daemon = kwargs.pop("daemon", True)
        self.thread_kwargs = kwargs
        self.thread: threading.Thread | None = None
        self.thread_stop_event: threading.Event | None = None

    def _repeat(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            self.on_interval()
            stopped.wait(self.interval)

    def start(self) -> None:
        """Starts the thread; warns if it runs."""
        if self.is_alive():
            warnings.warn("The thread runs already.", stacklevel=2)
            return
        stopped = self.thread_stop_event = threading.Event()
        self.thread = threading.Thread(
            target=self._repeat, args=(stopped,), daemon=self.daemon, **self.thread_kwargs
        )
        self.thread.start()

    def stop(self) -> None:
        """Has the thread end after the call that it is at."""
        if self.thread_stop_event is not None:
            self.thread_stop_event.set()

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self.thread is not None and self.thread.is_alive()

    def __enter__(self) -> TimedThread:
        self.start()
        return self

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        self.stop()

    @abstractmethod
    def on_interval(self) -> None:
        """What is done each time."""
        raise NotImplementedError(f"{type(self).__name__} must define on_interval().")


registry.register(globals())
