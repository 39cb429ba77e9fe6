"""Whether Keras talks to somebody who looks at it, or into a log: ``tf.keras.utils.*_interactive_logging``.

What is said goes to the standard output, as it does by default, or to the logger ``kcompile`` at the level of
information, which shows nothing unless a program asks for it.
"""

from __future__ import annotations

import logging
import sys
import threading

from .. import registry

_LOGGER = logging.getLogger("kcompile")
_of_thread = threading.local()


def enable_interactive_logging() -> None:
    """What Keras says in this thread goes to the standard output."""
    _of_thread.interactive = True


def disable_interactive_logging() -> None:
    """What Keras says in this thread goes to the logger ``kcompile``; ``verbose="auto"`` means 2, a line per
    epoch."""
    _of_thread.interactive = False


def is_interactive_logging_enabled() -> bool:
    """Whether what Keras says goes to the standard output."""
    return bool(getattr(_of_thread, "interactive", True))


def print_msg(message: str, line_break: bool = True) -> None:
    """Says something.

    Args:
        line_break: whether a line ends behind it.
    """
    if not is_interactive_logging_enabled():
        _LOGGER.info(message)
        return
    sys.stdout.write(f"{message}\n" if line_break else message)
    sys.stdout.flush()


registry.register(globals())
