"""The error of the processes that compute together."""

from __future__ import annotations


class ParallelError(RuntimeError):
    """A worker process failed or died; the message says which, where it computed, and what it said."""
