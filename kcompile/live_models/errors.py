"""What may stand in the way of taking a live model over."""

from __future__ import annotations


class LiveModelError(ValueError):
    """Code of a live model that cannot be taken over; the message names the layer and the line.

    Args:
        message: what is said.
        is_located: whether it says already which layer and line it is.
    """

    def __init__(self, message: str, is_located: bool = False) -> None:
        super().__init__(message)
        self.is_located = is_located


class UnknownOperationError(LiveModelError):
    """An operation of Keras that has no counterpart, or not with these arguments."""


class OpenShapeError(LiveModelError):
    """Code that depends on a size that is open."""


class UnrecordableError(LiveModelError):
    """Code that does not run on symbolic tensors, so that what it does is not recorded."""
