"""Imports of compiled libraries: whole or not at all, and without telemetry."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# From 1.31 on, onnxruntime reports to its makers and keeps a device's number under the home folder, unless
# told otherwise before it is imported (which torch does too). Who wants that says so in the environment.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


@contextmanager
def whole_import() -> Iterator[None]:
    """Holds back Ctrl-C (Jupyter's "stop") until the imports in the block are done.

    A compiled library whose import was broken off stays half imported: the next attempt fails, or ends the
    process. What was held back is delivered at the end. Signals reach the main thread alone, so elsewhere
    there is nothing to hold back.

    Raises:
        KeyboardInterrupt: at the end of the block, or what the handler of the moment raises.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    held: list[FrameType | None] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if held:
            handler(signal.SIGINT, held[0])
