"""Output into a program that stopped reading."""

from __future__ import annotations

import os
import sys

READER_GONE = 141
"""What a shell sees of a program that the signal SIGPIPE ends."""


def reader_gone() -> int:
    """Takes note that nobody reads stdout any more: what is left of it goes nowhere, without a word.

    Returns:
        The exit code for it.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return READER_GONE
